"""Any number of labels for a text, also none: each label is a question of its own."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import heads, texts

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pyarrow as pa

ROLES = ("text", "labels", "text_pair")
INPUTS = texts.ROLES
POSITIONS = False
STRATIFY = None
PIPELINE = "text-classification"
MODEL = "AutoModelForSequenceClassification"
METRICS = ("f1_micro", "f1_macro", "map", "subset_accuracy")
THRESHOLD = 0.5  # labels that are at least so probable are said to apply, where no other has been chosen
MOST_LABELS = 2000


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """At least one label to learn, and not so many that they can hardly be labels; `columns` name the roles in the message."""
    where = columns.get("labels") or columns.get("flags") or "?"
    found = counts(splits["train"])
    if not found:
        raise UserError("no_labels", column=where)
    rows = sum(table.num_rows for table in splits.values())
    if len(found) > MOST_LABELS or (rows >= 20 and len(found) > rows):
        raise UserError("labels_all_distinct", column=where, labels=len(found), rows=rows)


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """Labels and how many rows have them, the most frequent first."""
    return Counter(label for row in table["labels"].to_pylist() for label in row).most_common()


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """All labels of all splits, sorted."""
    return sorted({label for table in splits.values() for row in table["labels"].to_pylist() for label in row})


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None) -> datasets.Dataset:
    """input_ids ... as `texts.encode` gives them, and labels: a list of 0.0 and 1.0, one for each label."""
    import datasets
    import pyarrow as pa

    columns: dict[str, Any] = texts.encode(table, tokenizer, max_length)
    if labels is not None:
        columns["labels"] = _marked(table, labels).tolist()
    return datasets.Dataset(pa.table(columns))


def _marked(table: pa.Table, labels: list[str]) -> np.ndarray:
    """(N, L) 1.0 where a label applies."""
    import numpy as np

    index = {label: number for number, label in enumerate(labels)}
    marked = np.zeros((table.num_rows, len(labels)))
    for row, found in enumerate(table["labels"].to_pylist()):
        marked[row, [index[label] for label in found]] = 1.0
    return marked


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model of this family with a head for these labels; a head that was trained for others is replaced."""
    return heads.classifier(source, labels, "multi_label_classification", config, **options)


def begin_head(model: Any, train: pa.Table, labels: list[str]) -> None:
    """A new head begins with how frequent each label is; else the first epochs would go into learning that most are rare."""
    import numpy as np
    from scipy.special import logit

    rows = train.num_rows
    heads.expect(model, logit((_marked(train, labels).sum(0) + 0.5) / (rows + 1)).astype(np.float32))


collator = texts.collator


def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Binary cross-entropy summed over rows and labels, divided by the number of both in the whole update. (B, L) logits and
    (B, L) zeros and ones give a scalar."""
    import torch

    wanted = labels.float() * (1 - label_smoothing) + label_smoothing / 2
    total = torch.nn.functional.binary_cross_entropy_with_logits(outputs["logits"].float(), wanted, reduction="sum")
    return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def metrics(logits: np.ndarray, references: np.ndarray, labels: list[str]) -> dict[str, float]:
    """(N, L) logits and (N, L) zeros and ones give METRICS, each between 0 and 1, at the threshold that is best for these rows:
    `decide` will choose it on them in the end."""
    from ftui.tasks import multi_label_report

    scores, wanted = _probabilities(logits), references > 0.5
    return multi_label_report.metrics(scores, wanted, multi_label_report.best_threshold(scores, wanted, THRESHOLD))


def decide(table: pa.Table, answers: list[dict], labels: list[str]) -> dict:
    """{"threshold"}: the one at which the F1 over all labels of these validation rows is largest."""
    from ftui.tasks import multi_label_report

    return {"threshold": multi_label_report.best_threshold(_scores(answers, labels), _marked(table, labels) > 0.5, THRESHOLD)}


def _probabilities(logits: np.ndarray) -> np.ndarray:
    from scipy.special import expit

    return expit(logits.astype("float64"))


def answers(
    table: pa.Table, windows: datasets.Dataset, outputs: list[np.ndarray], labels: list[str], threshold: float = THRESHOLD
) -> list[dict]:
    """[{"labels": those at or above the threshold, "scores": {label: probability}, "threshold"}], the probable labels first."""
    import numpy as np

    results = []
    for row in _probabilities(np.stack(outputs)) if outputs else []:
        order = row.argsort()[::-1]
        scores = {labels[i]: float(row[i]) for i in order}
        results.append(decided({"labels": [], "scores": scores}, threshold))
    return results


def decided(answer: dict, threshold: float) -> dict:
    """The answer at another threshold."""
    return {**answer, "labels": [label for label, p in answer["scores"].items() if p >= threshold], "threshold": threshold}


def _scores(answers: list[dict], labels: list[str]) -> np.ndarray:
    """(N, L) probabilities."""
    import numpy as np

    return np.array([[answer["scores"][label] for label in labels] for answer in answers]).reshape(-1, len(labels))


def said(answer: dict) -> str:
    """The labels, each with its probability."""
    return ", ".join(f"{label} {answer['scores'][label]:.4f}" for label in answer["labels"]) or "-"


def cell(answer: dict) -> tuple[str, float]:
    """The labels with | between, and how sure the model is of the label that it is least sure of."""
    return "|".join(answer["labels"]), round(_sure(answer), 6)


def _sure(answer: dict) -> float:
    return min(max(p, 1 - p) for p in answer["scores"].values())


def report(table: pa.Table, answers: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, each label, other thresholds."""
    from ftui.tasks import multi_label_report

    threshold = answers[0]["threshold"] if answers else THRESHOLD
    return multi_label_report.build(_scores(answers, labels), _marked(table, labels) > 0.5, labels, threshold)


def baseline(splits: dict[str, pa.Table], split: str) -> dict:
    """A simple model of the same training rows, scored on one split, its threshold chosen on the validation rows as the model's
    own: what fine-tuning has to beat."""
    from ftui.tasks import multi_label_report, tfidf

    names = labels(splits)
    scores, *others = tfidf.one_vs_rest(splits["train"], [splits[name] for name in (split, "validation") if name in splits], _marked(splits["train"], names) > 0.5)
    threshold = multi_label_report.best_threshold(others[0], _marked(splits["validation"], names) > 0.5, THRESHOLD) if others else THRESHOLD
    found = multi_label_report.metrics(scores, _marked(splits[split], names) > 0.5, threshold)
    return {"name": "tfidf_one_vs_rest", "rows": splits["train"].num_rows, "metrics": found}


def predictions(table: pa.Table, answers: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet; label and prediction are JSON lists, f1 is of each row's labels."""
    true = table["labels"].to_pylist()
    said = [answer["labels"] for answer in answers]

    def f1(row: list[str], found: list[str]) -> float:
        return 2 * len({*row} & {*found}) / (len(row) + len(found)) if row or found else 1.0

    return {
        **texts.columns(table),
        "label": [json.dumps(sorted(row), ensure_ascii=False) for row in true],
        "prediction": [json.dumps(sorted(row), ensure_ascii=False) for row in said],
        "confidence": [_sure(answer) for answer in answers],
        "f1": [f1(row, found) for row, found in zip(true, said, strict=True)],
        "scores": [[answer["scores"][label] for label in labels] for answer in answers],
    }
