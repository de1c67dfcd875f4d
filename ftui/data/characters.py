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
    for part in some(texts):
        code = codes(part)
        ends = np.cumsum([0, *map(len, part)])
        sums = (np.concatenate([[0], np.cumsum(one[code], dtype=np.int64)])[ends] for one in tables)
        found.append(np.stack([np.diff(total) for total in sums], axis=1))
    return np.concatenate(found)


def codes(texts: Sequence[str]) -> np.ndarray:
    """(C,) the numbers of all characters, one text after the other."""
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), np.uint32)


def some(texts: Sequence[str], most: int = _AT_ONCE) -> Iterator[Sequence[str]]:
    """All texts, in order, about so many characters of them at a time."""
    start, size = 0, 0
    for i, text in enumerate(texts, 1):
        size += len(text)
        if size > most or i == len(texts):
            yield texts[start:i]
            start, size = i, 0
