"""How sure a metric is: intervals by drawing rows again."""

from __future__ import annotations

import numpy as np

RESAMPLES = 2000
LEVEL = 0.95


def interval(confusion: np.ndarray, seed: int = 0) -> dict[str, list[float]]:
    """Bootstrap intervals (percentile, LEVEL) of accuracy and macro F1 from an (L, L) confusion matrix, rows true.

    Both metrics depend on the counts alone, so drawing counts from a multinomial is drawing rows with replacement
    (Efron and Tibshirani, 1993).
    """
    confusion = np.asarray(confusion)
    size, rows = len(confusion), confusion.sum()
    if not rows:
        return {}
    cells = np.flatnonzero(confusion)
    weights = confusion.ravel()[cells] / rows
    drawn = np.random.default_rng(seed).multinomial(rows, weights, size=RESAMPLES)
    true, predicted = np.divmod(cells, size)
    f1, accuracy = f1_and_accuracy(drawn, true, predicted, size)
    return {"accuracy": ends(accuracy), "f1_macro": ends(f1)}


def f1_and_accuracy(counts: np.ndarray, true: np.ndarray, predicted: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """(macro F1, accuracy) for each of R draws: (R, K) counts of K kinds of rows with these labels.

    Labels that neither occur nor are predicted in a draw do not count, as in scikit-learn.
    """
    right = true == predicted
    is_true = (true[:, None] == np.arange(size)).astype(float)
    is_predicted = (predicted[:, None] == np.arange(size)).astype(float)
    hit = counts @ (is_true * right[:, None])
    both = counts @ is_true + counts @ is_predicted
    f1 = np.divide(2 * hit, both, out=np.zeros_like(hit), where=both > 0)
    return f1.sum(1) / np.maximum((both > 0).sum(1), 1), counts @ right / counts.sum(1)


def drawn(parts: np.ndarray) -> np.ndarray:
    """(RESAMPLES, K) sums over rows that are drawn with replacement from the N of (N, K) parts, a hundred draws at a time."""
    kinds, times = np.unique(parts, axis=0, return_counts=True)
    rng, rows = np.random.default_rng(0), times.sum()
    return np.concatenate([rng.multinomial(rows, times / rows, size=100) @ kinds for _ in range(RESAMPLES // 100)])


def ends(values: np.ndarray) -> list[float]:
    """[low, high] of the middle LEVEL of the values."""
    tail = (1 - LEVEL) / 2
    return [float(v) for v in np.quantile(values, [tail, 1 - tail])]
