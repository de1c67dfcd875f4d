"""From probabilities of several labels to the plain data that the evaluation tab draws."""

from __future__ import annotations

import numpy as np

from ftui.tasks.resampling import drawn, ends

THRESHOLDS = np.round(np.arange(0.05, 0.951, 0.05), 2)


def metrics(scores: np.ndarray, references: np.ndarray, threshold: float) -> dict[str, float]:
    """f1_micro, f1_macro, map (the mean of the labels' average precisions; labels that no row has are left out) and
    subset_accuracy (all labels of a row right) of (N, L) probabilities and (N, L) booleans. Source: sklearn.metrics."""
    from sklearn.metrics import accuracy_score, average_precision_score

    said = scores >= threshold
    there = np.flatnonzero(references.any(0))
    precisions = [average_precision_score(references[:, i], scores[:, i]) for i in there]
    return {
        "f1_micro": _micro(said, references)["f1"],
        "f1_macro": float(_each(said, references)[2].mean()),
        "map": float(np.mean(precisions)) if len(precisions) else 0.0,
        "subset_accuracy": float(accuracy_score(references, said)),
    }


def best_threshold(scores: np.ndarray, references: np.ndarray, otherwise: float) -> float:
    """The threshold at which the micro F1 of (N, L) probabilities and (N, L) booleans is largest, midway between the last
    probability that is said and the first that is not; `otherwise` where no label applies to any row."""
    if not references.any():
        return otherwise
    order = np.argsort(-scores, axis=None, kind="stable")
    falling, hits = scores.ravel()[order], references.ravel()[order].cumsum()
    f1 = 2 * hits / (np.arange(1, len(order) + 1) + hits[-1])
    ends = np.append(falling[1:] < falling[:-1], True)  # equal ones are said together
    last = int(np.where(ends, f1, -1).argmax())
    return float((falling[last] + (falling[last + 1] if last + 1 < len(falling) else 0.0)) / 2)


def build(scores: np.ndarray, references: np.ndarray, labels: list[str], threshold: float) -> dict:
    """(N, L) probabilities and (N, L) booleans give metrics with intervals, a table of labels, and what other thresholds
    would give."""
    from sklearn.metrics import average_precision_score

    said = scores >= threshold
    rows = [
        {
            "label": label, "precision": float(p), "recall": float(r), "f1": float(f), "support": int(n),
            "ap": float(average_precision_score(references[:, i], scores[:, i])) if n else None,
        }
        for i, (label, p, r, f, n) in enumerate(zip(labels, *_each(said, references), strict=True))
    ]  # fmt: skip
    found = metrics(scores, references, threshold)
    sure = np.where(references, scores, 1 - scores)
    return {
        "rows": len(references),
        "metrics": {**found, "loss": float(-np.log(np.maximum(sure, 1e-300)).mean())},
        "interval": _interval(said, references),
        "per_class": sorted(rows, key=lambda row: -row["support"]),
        "threshold": threshold,
        "thresholds": [{"threshold": float(t), **_micro(scores >= t, references)} for t in THRESHOLDS],
    }


def _each(said: np.ndarray, references: np.ndarray) -> np.ndarray:
    """(4, L) precision, recall, F1 and support of each label. scikit-learn takes a single column for a choice between no and
    yes, and scores both: so a column that is always empty stands beside them."""
    from sklearn.metrics import precision_recall_fscore_support

    both = (np.pad(side, ((0, 0), (0, 1))) for side in (references, said))
    return np.array(precision_recall_fscore_support(*both, average=None, zero_division=0))[:, :-1]


def _micro(said: np.ndarray, references: np.ndarray) -> dict[str, float]:
    hits, found, there = (said & references).sum(), said.sum(), references.sum()
    return {
        "precision": float(hits / found) if found else 0.0,
        "recall": float(hits / there) if there else 0.0,
        "f1": float(2 * hits / (found + there)) if found + there else 0.0,
    }


def _interval(said: np.ndarray, references: np.ndarray) -> dict[str, list[float]]:
    """Bootstrap intervals of micro F1 and subset accuracy: rows drawn with replacement."""
    if not len(references):
        return {}
    counts = np.stack([(said & references).sum(1), said.sum(1) + references.sum(1), (said == references).all(1)], 1)
    hits, both, right = drawn(counts).T
    f1 = np.divide(2 * hits, both, out=np.zeros(len(hits)), where=both > 0)
    return {"f1_micro": ends(f1), "subset_accuracy": ends(right / len(counts))}
