"""Is one model better than another, or is it chance? Works on predictions.parquet alone, without torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ftui.tasks.resampling import RESAMPLES, ends, f1_and_accuracy


def compare(first: Path, second: Path, split: str = "test") -> dict:
    """Two predictions.parquet on the rows that both have in this split: what `paired` says of them, and `tested`, how
    many rows each has there. {"tested"} alone where fewer than half of the rows are shared: such a comparison would
    say more of the rows than of the models."""
    one, two = _rows(first, split), _rows(second, split)
    shared = sorted(set(one) & set(two))
    tested = [len(one), len(two)]
    if 2 * len(shared) < min(tested) or not shared:
        return {"tested": tested, "shared": len(shared)}
    return {"tested": tested, **paired([k[2] for k in shared], [one[k] for k in shared], [two[k] for k in shared])}


def paired(true: list[str], first: list[str], second: list[str]) -> dict:
    """Two lists of predicted labels against the true ones, row by row (at least one row).

    `metrics`: {name: [first, second]}, `intervals`: {name: [[low, high], [low, high]]}; `difference` (second - first)
    of macro F1 with its paired bootstrap `interval`; `only_first` and `only_second` are right where the other is wrong,
    and `p_value` is McNemar's exact test on them; `chance` says that the interval holds 0.
    """
    labels, numbers = np.unique(np.array([true, first, second], dtype=object).astype(str), return_inverse=True)
    rows = numbers.reshape(3, -1)
    kinds, counts = np.unique(rows, axis=1, return_counts=True)
    drawn = np.random.default_rng(0).multinomial(counts.sum(), counts / counts.sum(), size=RESAMPLES)
    again = [f1_and_accuracy(drawn, kinds[0], kinds[i], len(labels)) for i in (1, 2)]
    here = [f1_and_accuracy(counts[None], kinds[0], kinds[i], len(labels)) for i in (1, 2)]
    only_first = int(((rows[1] == rows[0]) & (rows[2] != rows[0])).sum())
    only_second = int(((rows[1] != rows[0]) & (rows[2] == rows[0])).sum())
    between = ends(again[1][0] - again[0][0])
    names = ("f1_macro", "accuracy")
    return {
        "rows": len(true),
        "metrics": {name: [float(of[i][0]) for of in here] for i, name in enumerate(names)},
        "intervals": {name: [ends(of[i]) for of in again] for i, name in enumerate(names)},
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


def _rows(path: Path, split: str) -> dict[tuple[int, str, str], str]:
    """{(number, text, true label): predicted label} of one split."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["split", "row", "text", "label", "prediction"]).to_pylist()
    return {(r["row"], r["text"], r["label"]): r["prediction"] for r in table if r["split"] == split}
