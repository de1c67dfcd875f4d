"""Classes of unlike size: training rows repeated or left out until all have as many, or weights for the loss."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ftui.core.errors import UserError


def balanced(train: pa.Table, how: str, label: str | None, seed: int) -> pa.Table:
    """The training rows with as many of each value of the column `label`: `oversample` repeats rows of the smaller
    classes, `undersample` leaves out rows of the larger ones. In their old order, repeated rows at the end.

    Raises UserError where there is no such column, as in tasks whose rows are of no class.
    """
    if how == "none":
        return train
    if label is None or not pa.types.is_string(train.schema.field(label).type):
        raise UserError("balance_without_classes")
    return train.take(pa.array(places(train.column(label).to_pylist(), how, seed)))


def places(labels: Sequence[str], how: str, seed: int) -> np.ndarray:
    """(M,) places in `labels` of the rows that stay, and of those that are repeated once more for each time.

    >>> places(["a", "a", "a", "b"], "oversample", 0).tolist(), len(places(["a", "a", "a", "b"], "undersample", 0))
    ([0, 1, 2, 3, 3, 3], 2)
    """
    rng = np.random.default_rng(seed)
    _, codes, sizes = np.unique(np.array(labels, object).astype(str), return_inverse=True, return_counts=True)
    of_class = np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])
    if how == "undersample":
        return np.sort(np.concatenate([rng.permutation(rows)[: sizes.min()] for rows in of_class]))
    more = []
    for rows in of_class:
        times, rest = divmod(sizes.max() - len(rows), len(rows))
        more += [np.repeat(rows, times), rng.permutation(rows)[:rest]]
    return np.concatenate([np.arange(len(labels)), *more])


def weights(labels: Sequence[str], names: Sequence[str]) -> list[float]:
    """What an error on a row of each class costs: inversely as its number of rows, and 1 in the mean over all rows.

    >>> weights(["a", "a", "a", "b"], ["a", "b"])
    [0.6666666666666666, 2.0]
    """
    counts = Counter(labels)
    return [len(labels) / (len(counts) * counts[name]) if counts[name] else 1.0 for name in names]
