"""From predicted and true numbers to the plain data that the evaluation tab draws."""

from __future__ import annotations

import numpy as np

from ftui.tasks.resampling import ends

POINTS = 1000  # that are drawn, at most
DRAWS = 500
BINS = 24


def metrics(said: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """spearman, pearson, rmse and mae of (N,) numbers; a correlation is 0 where one side is always the same. Source:
    scipy.stats."""
    from scipy.stats import pearsonr, spearmanr

    moves = len(true) > 1 and np.ptp(said) > 0 and np.ptp(true) > 0
    errors = said - true
    return {
        "spearman": float(spearmanr(said, true).statistic) if moves else 0.0,
        "pearson": float(pearsonr(said, true).statistic) if moves else 0.0,
        "rmse": float(np.sqrt((errors**2).mean())) if len(true) else 0.0,
        "mae": float(np.abs(errors).mean()) if len(true) else 0.0,
    }


def build(said: np.ndarray, true: np.ndarray, deviation: float) -> dict:
    """(N,) predicted and true numbers give metrics with intervals, at most POINTS points and a histogram of the errors. The
    loss is on the scale of the training, whose numbers had this standard deviation."""
    found = metrics(said, true)
    rng = np.random.default_rng(0)
    shown = np.sort(rng.choice(len(true), POINTS, replace=False)) if len(true) > POINTS else np.arange(len(true))
    edges = np.histogram_bin_edges(said - true, BINS) if len(true) else np.array([0.0, 1.0])
    return {
        "rows": len(true),
        "metrics": {**found, "loss": float((found["rmse"] / deviation) ** 2)},
        "interval": _interval(said, true),
        "points": {name: [float(f"{value:.6g}") for value in of[shown]] for name, of in (("true", true), ("predicted", said))},
        "errors": {"edges": edges.tolist(), "counts": np.histogram(said - true, edges)[0].tolist()},
    }


def _interval(said: np.ndarray, true: np.ndarray) -> dict[str, list[float]]:
    """Bootstrap intervals: rows drawn with replacement."""
    if len(true) < 3:
        return {}
    rng = np.random.default_rng(0)
    drawn = [metrics(said[rows], true[rows]) for rows in (rng.integers(len(true), size=len(true)) for _ in range(DRAWS))]
    return {name: ends(np.array([one[name] for one in drawn])) for name in drawn[0]}
