"""One label for each text, or for two texts beside each other. Encoders and decoders with a classification head."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import texts

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pyarrow as pa

ROLES = ("text", "label", "text_pair")
INPUTS = texts.ROLES
POSITIONS = False
STRATIFY = "label"
PIPELINE = "text-classification"
MODEL = "AutoModelForSequenceClassification"
METRICS = ("f1_macro", "accuracy", "f1_micro", "f1_weighted", "mcc")
MOST_LABELS = 2000
PROBE = 0.1  # C, the inverse of the regularisation, of a logistic regression from a model's states: they are many and dense


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """At least two labels, and not so many that they can hardly be classes; `columns` name the roles in the message."""
    found = Counter(label for table in splits.values() for label in table["label"].to_pylist())
    if len(found) < 2:
        raise UserError("one_class", column=columns["label"], label=next(iter(found), "-"))
    rows = sum(found.values())
    if len(found) > MOST_LABELS or (rows >= 20 and len(found) > rows / 2):
        raise UserError("labels_all_distinct", column=columns["label"], labels=len(found), rows=rows)


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """All labels of all splits, sorted; numbers by their value."""
    names = {label for table in splits.values() for label in table["label"].to_pylist()}
    if all(re.fullmatch(r"-?\d+", name) for name in names):
        return sorted(names, key=lambda name: (int(name), name))  # 1 and 01 are two
    return sorted(names)


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """Labels and how many rows have them, the most frequent first."""
    return Counter(table["label"].to_pylist()).most_common()


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None) -> datasets.Dataset:
    """input_ids ... as `texts.encode` gives them, and labels: the numbers of the rows' labels."""
    import datasets
    import pyarrow as pa

    columns: dict[str, Any] = texts.encode(table, tokenizer, max_length)
    if labels is not None:
        index = {label: number for number, label in enumerate(labels)}
        columns["labels"] = [index[label] for label in table["label"].to_pylist()]
    return datasets.Dataset(pa.table(columns))


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model of this family with a head for these labels; a head that was trained for others is replaced."""
    from ftui.tasks import heads

    return heads.classifier(source, labels, "single_label_classification", config, **options)


collator = texts.collator


def class_weights(train: pa.Table, labels: list[str]) -> list[float]:
    """What a row of each label counts in the loss, so that all labels count alike."""
    from ftui.data import balancing

    return balancing.weights(train["label"].to_pylist(), labels)


def loss(
    outputs: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0, weights: Sequence[float] | None = None
) -> Any:
    """Cross-entropy summed over the rows, each `weights` of its label times, and divided by the rows of the whole update,
    so that one big batch, an accumulated one and several ranks give the same gradient. (B, L) logits and (B,) labels
    give a scalar."""
    import torch

    each = torch.nn.functional.cross_entropy(
        outputs["logits"].float(), labels, reduction="none", label_smoothing=label_smoothing
    )
    total = (each if weights is None else each * each.new_tensor(weights)[labels]).sum()
    return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def metrics(logits: np.ndarray, references: np.ndarray, labels: list[str]) -> dict[str, float]:
    """(N, L) logits and (N,) label numbers give METRICS, each between 0 and 1 (mcc: -1 and 1)."""
    from ftui.tasks.metrics import Classification

    return Classification().compute(predictions=logits.argmax(-1), references=references)


def answers(table: pa.Table, windows: datasets.Dataset, outputs: list[np.ndarray], labels: list[str]) -> list[dict]:
    """[{"label": ..., "scores": {label: probability}}], the probable label first."""
    import numpy as np
    from scipy.special import softmax

    results = []
    for row in softmax(np.stack(outputs).astype("float64"), axis=-1) if outputs else []:
        order = row.argsort()[::-1]
        results.append({"label": labels[order[0]], "scores": {labels[i]: float(row[i]) for i in order}})
    return results


def said(answer: dict) -> str:
    """The label and how sure the model is of it."""
    return f"{answer['label']}\t{answer['scores'][answer['label']]:.4f}"


def cell(answer: dict) -> tuple[str, float]:
    """The label and its probability."""
    return answer["label"], round(answer["scores"][answer["label"]], 6)


def report(table: pa.Table, answers: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, tables, curves."""
    import numpy as np

    from ftui.tasks import classification_report

    scores = np.array([[answer["scores"][label] for label in labels] for answer in answers])
    index = {label: number for number, label in enumerate(labels)}
    references = np.array([index[label] for label in table["label"].to_pylist()])
    found = metrics(scores, references, labels)
    found["loss"] = float(-np.log(np.maximum(scores[np.arange(len(scores)), references], 1e-300)).mean())
    return classification_report.build(scores, references, labels, found)


def baseline(splits: dict[str, pa.Table], split: str) -> dict:
    """A simple model of the same training rows, scored on one split: what fine-tuning has to beat."""
    from ftui.tasks import tfidf

    return tfidf.score(splits["train"], splits[split])


def probe(train: pa.Table, test: pa.Table, learned: np.ndarray, asked: np.ndarray, labels: list[str]) -> dict[str, float]:
    """The metrics of a logistic regression from standardised features of the rows of `train`, (N, F), on those of `test`, (M, F)."""
    import numpy as np
    from sklearn.linear_model import LogisticRegression

    from ftui.tasks.metrics import Classification

    index = {label: number for number, label in enumerate(labels)}
    known, wanted = (np.array([index[label] for label in table["label"].to_pylist()]) for table in (train, test))
    said = LogisticRegression(C=PROBE, max_iter=300).fit(learned, known).predict(asked)
    return Classification().compute(predictions=said, references=wanted)


def predictions(table: pa.Table, answers: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet."""
    return {
        **texts.columns(table),
        "label": table["label"].to_pylist(),
        "prediction": [answer["label"] for answer in answers],
        "confidence": [answer["scores"][answer["label"]] for answer in answers],
        "scores": [[answer["scores"][label] for label in labels] for answer in answers],
    }
