"""Labels as text, and rows into train, validation and test."""

import math
from collections.abc import Sequence

import numpy as np

SPLITS = ("train", "validation", "test")


def label_text(value: object) -> str | None:
    """A label as it is shown, counted and learnt; None where there is none.

    >>> [label_text(value) for value in (" 正面 ", True, 1.0, 0.5, float("nan"), " ")]
    ['正面', 'true', '1', '0.5', None, None]
    """
    if value is None:
        return None
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)):
        if math.isnan(value):
            return None
        return str(int(value)) if float(value).is_integer() else str(float(value))
    return str(value).strip() or None


def split_rows(
    labels: Sequence[str] | None, n: int, test_size: float, validation_size: float, seed: int
) -> dict[str, np.ndarray]:
    """Row numbers of each split, sorted; disjoint, and all n rows in one of them.

    `test_size` is a share of all rows, `validation_size` of what remains. With labels each class is split in these
    proportions. A class (or, without labels, the whole) of one row goes to train; of two rows one goes to test, or to
    validation where no test is wanted; larger ones have a row in each split that is wanted.
    """
    rng = np.random.default_rng(seed)
    codes = _codes(labels, n)
    sizes = np.bincount(codes, minlength=1)
    both = (sizes >= 3) & (validation_size > 0)
    test = _shares(sizes, test_size, least=sizes >= 2, keep=1 + both)
    validation = _shares(sizes - test, validation_size, least=both | ((sizes == 2) & (test_size == 0)), keep=1)

    order = rng.permutation(n)
    order = order[np.argsort(codes[order], kind="stable")]  # class by class, shuffled within each
    place = np.arange(n) - np.repeat(np.cumsum(sizes) - sizes, sizes)  # number of a row within its class
    of = codes[order]
    part = np.where(place < test[of], 2, np.where(place < (test + validation)[of], 1, 0))
    return {name: np.sort(order[part == i]) for i, name in enumerate(SPLITS)}


def _codes(labels: Sequence[str] | None, n: int) -> np.ndarray:
    """A number for each label, by first appearance."""
    if labels is None:
        return np.zeros(n, np.int64)
    seen: dict[str, int] = {}
    return np.fromiter((seen.setdefault(label, len(seen)) for label in labels), np.int64, n)


def _shares(sizes: np.ndarray, share: float, least: np.ndarray, keep: np.ndarray | int) -> np.ndarray:
    """How many of each class are taken: one where `least` says so, none of the last `keep`, and by the largest
    remainder so many that the sum is the share of all (or more, if the least of all classes exceeds it)."""
    if share <= 0:
        return np.zeros_like(sizes)
    ideal = sizes * share
    most = np.maximum(sizes - keep, 0)
    taken = np.clip(np.floor(ideal).astype(np.int64), least, np.maximum(most, least))
    missing = round(sizes.sum() * share) - int(taken.sum())
    if missing > 0:
        remainder = np.where(taken < most, ideal - taken, -np.inf)
        chosen = np.argsort(-remainder, kind="stable")[:missing]
        taken[chosen] += taken[chosen] < most[chosen]
    return taken
