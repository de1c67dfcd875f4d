"""Labels as text, and rows into train, validation and test."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

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
    labels: Sequence[str] | None,
    n: int,
    test_size: float,
    validation_size: float,
    seed: int,
    groups: np.ndarray | None = None,
) -> dict[str, np.ndarray]:
    """Row numbers of each split, sorted; disjoint, and all n rows in one of them.

    `test_size` is a share of all rows, `validation_size` of what remains. With labels each class is split in these
    proportions. A class (or, without labels, the whole) of one row goes to train; of two rows one goes to test, or to
    validation where no test is wanted; larger ones have a row in each split that is wanted.

    Rows of one group (`groups`: (N,) a number for each row) never lie on two sides: what is split then are groups, each
    with the label that most of its rows have, and the proportions are met as nearly as their sizes allow. Fewer than three
    groups cannot be split; then rows are.
    """
    if groups is not None and 3 <= len(np.unique(groups)) < n:
        return _split_groups(labels, n, test_size, validation_size, seed, groups)
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


def _split_groups(
    labels: Sequence[str] | None, n: int, test_size: float, validation_size: float, seed: int, groups: np.ndarray
) -> dict[str, np.ndarray]:
    whole = Units.of(labels, n, groups, np.random.default_rng(seed))
    both = (np.bincount(whole.label) >= 3) & (validation_size > 0)
    test = whole.take(np.ones(len(whole.size), bool), test_size, keep=1 + both)
    left = ~test
    validation = whole.take(left, validation_size, keep=np.ones_like(both, np.int64))
    part = np.where(test, 2, np.where(validation, 1, 0))[whole.of_row]
    return {name: np.flatnonzero(part == i) for i, name in enumerate(SPLITS)}


def fold_rows(
    labels: Sequence[str] | None, n: int, folds: int, fold: int, validation_size: float, seed: int, groups: np.ndarray
) -> dict[str, np.ndarray]:
    """One of `folds` ways to split: each row is tested in exactly one `fold` (1 to folds), and each label has its share in
    all of them; validation rows are split off from the others. Groups as in `split_rows`."""
    units = Units.of(labels, n, groups, np.random.default_rng(seed))
    of_unit = np.zeros(len(units.size), np.int64)
    filled = np.zeros((units.label.max(initial=0) + 1, folds))
    for unit in units.order[np.argsort(-units.size[units.order], kind="stable")]:  # the large ones first, each to the fold that has least of its label (and of all)
        held = filled[units.label[unit]] + 1e-6 * filled.sum(axis=0)
        of_unit[unit] = int(held.argmin())
        filled[units.label[unit], of_unit[unit]] += units.size[unit]
    test = np.flatnonzero(of_unit[units.of_row] == fold - 1)
    rest = np.flatnonzero(of_unit[units.of_row] != fold - 1)
    some = [labels[i] for i in rest] if labels is not None else None
    inner = split_rows(some, len(rest), 0.0, validation_size, seed, groups[rest])
    return {"train": rest[inner["train"]], "validation": rest[inner["validation"]], "test": test}


def dated_rows(dates: np.ndarray, n: int, test_size: float, validation_size: float, groups: np.ndarray) -> dict[str, np.ndarray]:
    """The newest rows are tested, the newest of the others validate, the oldest train. `dates`: (N,) sortable; a group is as
    new as the newest of its rows, so that what is tested was not seen before."""
    _, of_row = np.unique(groups, return_inverse=True)
    newest = np.full(of_row.max(initial=0) + 1, dates.min() if n else 0, dates.dtype)
    np.maximum.at(newest, of_row, dates)
    size = np.bincount(of_row)
    order = np.lexsort((np.arange(len(newest)), newest))
    before = np.cumsum(size[order]) - size[order]  # rows older than each group
    first_test = n - round(n * test_size)
    first_validation = first_test - round(first_test * validation_size)
    part_of = np.zeros(len(newest), np.int64)
    part_of[order] = np.where(before >= first_test, 2, np.where(before >= first_validation, 1, 0))
    part = part_of[of_row]
    return {name: np.flatnonzero(part == i) for i, name in enumerate(SPLITS)}


@dataclass(frozen=True)
class Units:
    """Groups of rows that stay together: of each its size and the label that most of its rows have."""

    of_row: np.ndarray  # (N,) the unit of each row
    size: np.ndarray
    label: np.ndarray
    held: np.ndarray  # (H, 2) unit and label, sorted: which labels its rows have at all
    order: np.ndarray  # units, shuffled

    @staticmethod
    def of(labels: Sequence[str] | None, n: int, groups: np.ndarray, rng: np.random.Generator) -> Units:
        _, of_row = np.unique(groups, return_inverse=True)
        codes, size = _codes(labels, n), np.bincount(of_row)
        kinds = int(codes.max(initial=0)) + 1
        pairs, counts = np.unique(of_row * kinds + codes, return_counts=True)
        label = np.zeros(len(size), np.int64)
        by_count = np.argsort(counts, kind="stable")
        label[pairs[by_count] // kinds] = pairs[by_count] % kinds  # the most frequent is written last
        held = np.stack(np.divmod(pairs, kinds), axis=1)
        return Units(of_row, size, label, held, rng.permutation(len(size)))

    def take(self, free: np.ndarray, share: float, keep: np.ndarray) -> np.ndarray:
        """(U,) which of the free units are taken, so that of each label's rows about this share is; `keep` units of each
        label stay, and of each that has more at least one is taken, unless its rows stand in another that is."""
        taken = np.zeros(len(self.size), bool)
        if share <= 0:
            return taken
        kinds = len(keep)
        rows = np.bincount(self.label[free], weights=self.size[free], minlength=kinds)
        units = np.bincount(self.label[free], minlength=kinds)
        wanted, got, took = rows * share, np.zeros(kinds), np.zeros(kinds, np.int64)
        for unit in self.order[free[self.order]]:
            kind = self.label[unit]
            if took[kind] < units[kind] - keep[kind] and got[kind] + self.size[unit] <= wanted[kind] + 0.5:
                taken[unit] = True
                got[kind] += self.size[unit]
                took[kind] += 1
        small_first = self.order[np.argsort(self.size[self.order], kind="stable")]
        there = set(self.held[taken[self.held[:, 0]], 1].tolist())
        for unit in small_first:  # a label of which nothing fitted: its smallest unit
            kind = self.label[unit]
            if free[unit] and not taken[unit] and took[kind] == 0 and units[kind] > keep[kind] and kind not in there:
                taken[unit] = True
                took[kind] += 1
                there.update(self._labels(unit).tolist())
        self._fill(taken, free & (took == 0)[self.label], free, share, int(keep.max(initial=1)))
        if not taken.any() and free.sum() > 1:  # no label has enough units
            taken[next(unit for unit in small_first if free[unit])] = True
        return taken

    def _labels(self, unit: int) -> np.ndarray:
        """The labels that a unit's rows have."""
        first, after = np.searchsorted(self.held[:, 0], (unit, unit + 1))
        return self.held[first:after, 1]

    def _fill(self, taken: np.ndarray, more: np.ndarray, free: np.ndarray, share: float, keep: int) -> None:
        """Take units whose rows have several labels until they are the share of all that were free; so many with each of
        their labels stay."""
        wanted, got = share * self.size[free].sum() + 0.5, self.size[taken].sum()
        left = np.bincount(self.held[(free & ~taken)[self.held[:, 0]], 1], minlength=self.held[:, 1].max(initial=0) + 1)
        for unit in self.order[(more & ~taken)[self.order]]:
            labels = self._labels(unit)
            if got + self.size[unit] <= wanted and (left[labels] > keep).all():
                taken[unit] = True
                got += self.size[unit]
                left[labels] -= 1
