"""From true and predicted entities to the plain data that the evaluation tab draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from ftui.tasks.resampling import drawn, ends

KINDS = ("right", "boundary", "type", "boundary_and_type", "missed", "spurious")


def build(true: list[list[dict]], predicted: list[list[dict]]) -> dict:
    """Lists of spans for each row give metrics, tables and errors of one split. Metrics are those of seqeval: an entity
    is right when start, end and label are."""
    counts = np.array([_counts(t, p) for t, p in zip(true, predicted, strict=True)]).reshape(-1, 3)
    hits, said, there = counts.sum(0)
    kinds = Counter(kind for t, p in zip(true, predicted, strict=True) for kind, _, _ in compared(t, p))
    return {
        "rows": len(true),
        "entities": int(there),
        "metrics": dict(zip(("precision", "recall", "f1"), map(float, _scores(hits, said, there)), strict=True)),
        "interval": _interval(counts),
        "per_class": _per_class(true, predicted),
        "errors": {kind: kinds[kind] for kind in KINDS},
    }


def compared(true: list[dict], predicted: list[dict]) -> Iterator[tuple[str, dict | None, dict | None]]:
    """(kind, true span, predicted span) of one row: each span once, spans that overlap paired from left to right.

    boundary: the label is right, the edges are not. type: the edges are right, the label is not. missed: nothing was
    found there. spurious: there is nothing.
    """
    exact = {(s["start"], s["end"]): s for s in true}
    left = list(true)
    rest = []
    for span in predicted:
        twin = exact.get((span["start"], span["end"]))
        if twin is None:
            rest.append(span)
            continue
        left.remove(twin)
        yield "right" if twin["label"] == span["label"] else "type", twin, span
    for span in rest:
        near = [t for t in left if t["start"] < span["end"] and span["start"] < t["end"]]
        if not near:
            yield "spurious", None, span
            continue
        other = next((t for t in near if t["label"] == span["label"]), near[0])
        left.remove(other)
        yield "boundary" if other["label"] == span["label"] else "boundary_and_type", other, span
    for span in left:
        yield "missed", span, None


def _counts(true: list[dict], predicted: list[dict]) -> tuple[int, int, int]:
    """(right, predicted, true) entities of one row."""
    return len(_keys(true) & _keys(predicted)), len(predicted), len(true)


def _keys(spans: list[dict]) -> set[tuple]:
    return {(s["start"], s["end"], s["label"]) for s in spans}


def _scores(hits, said, there) -> tuple:
    """(precision, recall, F1) of counts, elementwise; 0 where there is nothing to divide by."""
    hits, said, there = (np.asarray(x, float) for x in (hits, said, there))

    def share(of: np.ndarray) -> np.ndarray:
        return np.divide(hits, of, out=np.zeros_like(hits), where=of > 0)

    return share(said), share(there), np.divide(2 * hits, said + there, out=np.zeros_like(hits), where=said + there > 0)


def _interval(counts: np.ndarray) -> dict[str, list[float]]:
    """Bootstrap interval of F1: rows drawn with replacement."""
    if not len(counts):
        return {}
    return {"f1": ends(_scores(*drawn(counts).T)[2])}


def _per_class(true: list[list[dict]], predicted: list[list[dict]]) -> list[dict]:
    """Precision, recall and F1 of each label, the most frequent first."""
    hits: Counter[str] = Counter()
    said = Counter(s["label"] for row in predicted for s in row)
    there = Counter(s["label"] for row in true for s in row)
    for t, p in zip(true, predicted, strict=True):
        hits.update(label for _, _, label in _keys(t) & _keys(p))
    rows = []
    for label in sorted(there | said, key=lambda name: (-there[name], name)):
        precision, recall, f1 = (float(v) for v in _scores(hits[label], said[label], there[label]))
        rows.append({"label": label, "precision": precision, "recall": recall, "f1": f1, "support": there[label]})
    return rows
