"""Characters of many texts counted at once, by tables that say of each character what kind it is."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence

import numpy as np

BEYOND = 0x110000  # one more than the last character
_AT_ONCE = 2_000_000  # characters in memory


@functools.cache
def table(*ranges: tuple[int, int]) -> np.ndarray:
    """(BEYOND,) whether a character lies in one of these ranges, both ends included."""
    made = np.zeros(BEYOND, bool)
    for first, last in ranges:
        made[first : last + 1] = True
    return made


def counts(texts: Sequence[str], tables: Sequence[np.ndarray]) -> np.ndarray:
    """(N, T) how many characters of each text each table holds."""
    found = [np.zeros((0, len(tables)), np.int64)]
    for some in _some(texts):
        code = np.frombuffer("".join(some).encode("utf-32-le", "surrogatepass"), np.uint32)
        ends = np.cumsum([0, *map(len, some)])
        sums = (np.concatenate([[0], np.cumsum(one[code], dtype=np.int64)])[ends] for one in tables)
        found.append(np.stack([np.diff(total) for total in sums], axis=1))
    return np.concatenate(found)


def _some(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    start, size = 0, 0
    for i, text in enumerate(texts, 1):
        size += len(text)
        if size > _AT_ONCE or i == len(texts):
            yield texts[start:i]
            start, size = i, 0
