"""A number for a text, or for two: a score, a similarity, a price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.tasks import texts

if TYPE_CHECKING:
    import datasets
    import numpy as np
    import pyarrow as pa

ROLES = ("text", "number", "text_pair")
INPUTS = texts.ROLES
POSITIONS = False
STRATIFY = None
PIPELINE = "text-classification"
MODEL = "AutoModelForSequenceClassification"
METRICS = ("spearman", "pearson", "rmse", "mae")


def check(splits: dict[str, pa.Table], columns: dict[str, str]) -> None:
    """At least two different numbers to learn from."""
    if len(set(splits["train"]["number"].to_pylist())) < 2:
        raise UserError("one_number", column=columns.get("number", "?"))


def counts(table: pa.Table) -> list[tuple[str, int]]:
    """There are no labels to count."""
    return []


def labels(splits: dict[str, pa.Table]) -> list[str]:
    """The scale on which the model learns: mean and standard deviation of the training numbers, as texts. Numbers around 0
    are learned whatever the size of the true ones. Of other rows there is nothing that a model would have to know."""
    if "train" not in splits:
        return []
    found = splits["train"]["number"].to_numpy()
    return [repr(float(found.mean())), repr(float(found.std()) or 1.0)]


def scale(labels: list[str]) -> tuple[float, float]:
    """Mean and standard deviation of the training numbers: `output * deviation + mean` is an answer."""
    mean, deviation = map(float, labels)
    return mean, deviation


def encode(table: pa.Table, tokenizer: Any, max_length: int, labels: list[str] | None) -> datasets.Dataset:
    """input_ids ... as `texts.encode` gives them, and labels: the numbers on the model's scale."""
    import datasets
    import pyarrow as pa

    columns: dict[str, Any] = texts.encode(table, tokenizer, max_length)
    if labels is not None:
        mean, deviation = scale(labels)
        columns["labels"] = ((table["number"].to_numpy() - mean) / deviation).tolist()
    return datasets.Dataset(pa.table(columns))


def load_model(source: str, labels: list[str], config: Any = None, **options: Any) -> Any:
    """The model of this family with a head for one number; a head that was trained for something else is replaced."""
    from ftui.tasks import heads

    return heads.classifier(source, ["number"], "regression", config, **options)


collator = texts.collator


def loss(outputs: Any, labels: Any, num_items_in_batch: Any = None, label_smoothing: float = 0.0) -> Any:
    """Squared error summed over the rows and divided by those of the whole update; numbers cannot be smoothed. (B, 1) logits
    and (B,) numbers give a scalar."""
    total = ((outputs["logits"].float().squeeze(-1) - labels.float()) ** 2).sum()
    return total / (labels.numel() if num_items_in_batch is None else num_items_in_batch)


def metrics(logits: np.ndarray, references: np.ndarray, labels: list[str]) -> dict[str, float]:
    """(N, 1) logits and (N,) numbers, both on the model's scale, give METRICS on the scale of the file."""
    from ftui.tasks import regression_report

    mean, deviation = scale(labels)
    return regression_report.metrics(logits.squeeze(-1) * deviation + mean, references * deviation + mean)


def answers(table: pa.Table, windows: datasets.Dataset, outputs: list[np.ndarray], labels: list[str]) -> list[dict]:
    """[{"value": number}], one for each row."""
    mean, deviation = scale(labels)
    return [{"value": float(output[0]) * deviation + mean} for output in outputs]


def said(answer: dict) -> str:
    """The number."""
    return f"{answer['value']:.4g}"


def cell(answer: dict) -> tuple[str, None]:
    """The number; a model says nothing of how sure it is."""
    return f"{answer['value']:.6g}", None


def report(table: pa.Table, answers: list[dict], labels: list[str]) -> dict:
    """Plain data for the evaluation tab: metrics with intervals, points of true and predicted numbers, errors."""
    import numpy as np

    from ftui.tasks import regression_report

    _, deviation = scale(labels)
    return regression_report.build(np.array([answer["value"] for answer in answers]), table["number"].to_numpy(), deviation)


def baseline(splits: dict[str, pa.Table], split: str) -> dict:
    """A simple model of the same training rows, scored on one split: what fine-tuning has to beat."""
    from ftui.tasks import regression_report, tfidf

    said = tfidf.ridge(splits["train"], splits[split])
    found = regression_report.metrics(said, splits[split]["number"].to_numpy())
    return {"name": "tfidf_ridge", "rows": splits["train"].num_rows, "metrics": found}


def predictions(table: pa.Table, answers: list[dict], labels: list[str]) -> dict[str, list]:
    """Columns of predictions.parquet; label and prediction are numbers, error is the distance between them."""
    true = table["number"].to_pylist()
    said = [answer["value"] for answer in answers]
    return {
        **texts.columns(table),
        "label": true,
        "prediction": said,
        "confidence": [None] * len(said),
        "error": [abs(a - b) for a, b in zip(true, said, strict=True)],
    }
