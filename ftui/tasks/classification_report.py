"""From probabilities to the plain data that the evaluation tab draws."""

from __future__ import annotations

import numpy as np

from ftui.tasks import resampling

POINTS = 200  # of a curve, at most
FEW = 30  # labels; where there are more, their curves have fewer points
CURVES = 200  # labels with curves of their own, the most frequent
BINS = 10


def build(scores: np.ndarray, references: np.ndarray, labels: list[str], metrics: dict[str, float]) -> dict:
    """(N, L) probabilities and (N,) true label numbers give metrics, tables and curves of one split."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    numbers = np.arange(len(labels))
    predicted = scores.argmax(-1)
    per_class = precision_recall_fscore_support(references, predicted, labels=numbers, zero_division=0)
    confusion = confusion_matrix(references, predicted, labels=numbers)
    return {
        "rows": len(references),
        "metrics": metrics,
        "interval": resampling.interval(confusion),
        "per_class": [
            {"label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n)}
            for label, p, r, f, n in zip(labels, *per_class, strict=True)
        ],
        "confusion": confusion.tolist(),
        "roc": _roc(scores, references, labels),
        "pr": _precision_recall(scores, references, labels),
        "average": _average(scores, references, labels),
        "calibration": _calibration(scores, references),
        "confidence": _confidence(scores, references),
    }


def _with_curves(references: np.ndarray, labels: list[str]) -> list[int]:
    """Labels that occur, but are not all there is; of two labels the second is enough (the first mirrors it)."""
    counts = np.bincount(references, minlength=len(labels))
    usable = [i for i in np.argsort(-counts) if 0 < counts[i] < len(references)]
    return [1] if len(labels) == 2 and 1 in usable else [int(i) for i in usable[:CURVES]]


def _thin(labels: int, *series: np.ndarray) -> list[list[float]]:
    """At most POINTS of parallel series (a quarter where there are many labels), ends kept."""
    keep = np.linspace(0, len(series[0]) - 1, POINTS if labels <= FEW else POINTS // 4)
    return [np.round(s[np.unique(keep.round().astype(int))], 5).tolist() for s in series]


def _average(scores: np.ndarray, references: np.ndarray, labels: list[str]) -> dict | None:
    """The macro average of the curves of all labels that occur, each label counting the same; None for two labels.

    {"auc", "ap", "roc": {"x", "y"}, "pr": {"x", "y"}}: true positive rate and precision, averaged at equal steps of the
    false positive rate and of recall; the precision at a recall is the best one at that recall or more.
    """
    from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_curve

    counts = np.bincount(references, minlength=len(labels))
    usable = [i for i in range(len(labels)) if 0 < counts[i] < len(references)]
    if len(labels) == 2 or not usable:
        return None
    grid = np.linspace(0, 1, 101)
    rates, precisions, areas, average = np.zeros(101), np.zeros(101), [], []
    for i in usable:
        false, true, _ = roc_curve(references == i, scores[:, i])
        rates += np.interp(grid, false, true)
        areas.append(auc(false, true))
        precision, recall, _ = precision_recall_curve(references == i, scores[:, i])
        best = np.maximum.accumulate(precision)  # recall falls from 1 to 0
        precisions += best[len(recall) - 1 - np.searchsorted(recall[::-1], grid)]
        average.append(average_precision_score(references == i, scores[:, i]))
    rates[0] = 0.0
    x = grid.round(2).tolist()
    return {
        "auc": float(np.mean(areas)),
        "ap": float(np.mean(average)),
        "roc": {"x": x, "y": (rates / len(usable)).round(5).tolist()},
        "pr": {"x": x, "y": (precisions / len(usable)).round(5).tolist()},
    }


def _roc(scores: np.ndarray, references: np.ndarray, labels: list[str]) -> list[dict]:
    from sklearn.metrics import auc, roc_curve

    curves = []
    for i in _with_curves(references, labels):
        false, true, _ = roc_curve(references == i, scores[:, i])
        x, y = _thin(len(labels), false, true)
        curves.append({"label": labels[i], "auc": float(auc(false, true)), "x": x, "y": y})
    return curves


def _precision_recall(scores: np.ndarray, references: np.ndarray, labels: list[str]) -> list[dict]:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    curves = []
    for i in _with_curves(references, labels):
        precision, recall, _ = precision_recall_curve(references == i, scores[:, i])
        x, y = _thin(len(labels), recall, precision)
        ap = float(average_precision_score(references == i, scores[:, i]))
        curves.append({"label": labels[i], "ap": ap, "x": x, "y": y})
    return curves


def _calibration(scores: np.ndarray, references: np.ndarray) -> dict:
    """Expected calibration error (Guo et al., 2017) over BINS equal bins of confidence, and the bins."""
    confidence, right = scores.max(-1), scores.argmax(-1) == references
    which = np.minimum((confidence * BINS).astype(int), BINS - 1)
    bins, error = [], 0.0
    for b in range(BINS):
        inside = which == b
        if not inside.any():
            continue
        mean, accuracy = float(confidence[inside].mean()), float(right[inside].mean())
        error += inside.mean() * abs(mean - accuracy)
        bins.append(
            {"low": b / BINS, "high": (b + 1) / BINS, "count": int(inside.sum()), "confidence": mean, "accuracy": accuracy}
        )
    return {"ece": float(error), "bins": bins}


def _confidence(scores: np.ndarray, references: np.ndarray) -> dict:
    edges = np.linspace(0, 1, 2 * BINS + 1)
    confidence, right = scores.max(-1), scores.argmax(-1) == references
    return {
        "edges": edges.round(4).tolist(),
        "right": np.histogram(confidence[right], edges)[0].tolist(),
        "wrong": np.histogram(confidence[~right], edges)[0].tolist(),
    }
