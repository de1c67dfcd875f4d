"""Is one model better than another, or is it chance? Works on predictions.parquet alone, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ftui.tasks.resampling import RESAMPLES, ends, f1_and_accuracy


def compare(first: Path, second: Path, split: str = "test") -> dict | None:
    """Two predictions.parquet on the rows that both have in this split; None where there are none.

    `metrics`: {name: [first, second]}; `difference` (second - first) of macro F1 with its paired bootstrap interval;
    `only_first` and `only_second` are right where the other is wrong, and `p_value` is McNemar's exact test on them.
    """
    true, a, b, labels = _paired(first, second, split)
    if not len(true):
        return None
    size = len(labels)
    kinds, counts = np.unique(np.stack([true, a, b]), axis=1, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    f1 = [f1_and_accuracy(drawn, kinds[0], kinds[i], size)[0] for i in (1, 2)]
    here = [f1_and_accuracy(counts[None], kinds[0], kinds[i], size) for i in (1, 2)]
    only_first = int(((a == true) & (b != true)).sum())
    only_second = int(((a != true) & (b == true)).sum())
    between = ends(f1[1] - f1[0])
    return {
        "rows": len(true),
        "metrics": {
            "f1_macro": [float(here[0][0][0]), float(here[1][0][0])],
            "accuracy": [float(here[0][1][0]), float(here[1][1][0])],
        },
        "difference": float(here[1][0][0] - here[0][0][0]),
        "interval": between,
        "only_first": only_first,
        "only_second": only_second,
        "p_value": mcnemar(only_first, only_second),
        "chance": bool(between[0] <= 0 <= between[1]),
    }


def mcnemar(only_first: int, only_second: int) -> float:
    """Two-sided exact p-value that both are right equally often (McNemar, 1947).

    >>> round(mcnemar(3, 12), 4), mcnemar(0, 0)
    (0.0352, 1.0)
    """
    from scipy.stats import binomtest

    n = only_first + only_second
    return float(binomtest(only_first, n, 0.5).pvalue) if n else 1.0


def _paired(first: Path, second: Path, split: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[str]]:
    """Label numbers of the truth and of both predictions, for rows of the same number, text and label."""
    import pyarrow.parquet as pq

    def rows(path: Path) -> dict:
        table = pq.read_table(path, columns=["split", "row", "text", "label", "prediction"]).to_pylist()
        return {(r["row"], r["text"], r["label"]): r["prediction"] for r in table if r["split"] == split}

    one, two = rows(first), rows(second)
    shared = sorted(set(one) & set(two))
    labels = sorted({key[2] for key in shared} | {one[k] for k in shared} | {two[k] for k in shared})
    index = {label: number for number, label in enumerate(labels)}
    true = np.array([index[key[2]] for key in shared], dtype=int)
    return true, np.array([index[one[k]] for k in shared], int), np.array([index[two[k]] for k in shared], int), labels
