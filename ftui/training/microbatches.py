"""One update's rows, cut into micro-batches by tokens. How an update is computed changes; what it computes does not.

The rows of an update are sorted by length and cut where that costs least: little padding, no more tokens at a time than
suit the device, not more parts than pay. Without dropout, the gradient is that of one big batch to rounding.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

TOKENS = {"cpu": 2048, "mps": 8192, "cuda": 16384}  # at a time: more no longer pays there
PER_PART = 400  # what one more pass through the model costs, in tokens: 404 (MiniLM) to 550 (starter-encoder) measured on two cores
MULTIPLE = 8  # collators pad to a multiple of this


@dataclass
class Cut:
    """A collator of whole updates: rows in, {"parts": [a batch, ...]} out. `tokens` and `rows` bound a part; a row that
    is longer than `tokens` is a part of its own. `texts`: the columns whose tokens count. With `whole` nothing is cut."""

    collate: Callable[[list[dict]], Any]
    tokens: int
    rows: int
    texts: tuple[str, ...] = ("input_ids",)
    whole: bool = False

    def __call__(self, features: list[dict]) -> dict[str, list]:
        if self.whole:
            return {"parts": [self.collate(features)]}
        lengths = [sum(len(row[name]) for name in self.texts) for row in features]
        return {"parts": [self.collate([features[i] for i in part]) for part in cut(lengths, self.tokens, self.rows)]}

    def halve(self) -> bool:
        """Take half as much at a time from now on; False where that is one row already, or nothing may be cut."""
        if self.rows == 1 or self.whole:
            return False
        self.rows, self.tokens = (self.rows + 1) // 2, max(1, self.tokens // 2)
        return True


def cut(lengths: list[int], tokens: int, rows: int) -> list[list[int]]:
    """The numbers of the rows in parts, the longest rows first, so that padded tokens + PER_PART for each part are least.

    >>> cut([100, 10, 100, 10], tokens=300, rows=4)
    [[0, 2], [1, 3]]
    >>> cut([12, 10, 12, 10], tokens=300, rows=4)
    [[0, 2, 1, 3]]
    """
    order = sorted(range(len(lengths)), key=lambda row: -lengths[row])
    padded = [-(-lengths[row] // MULTIPLE) * MULTIPLE for row in order]
    least, begins = [0.0], [0]  # of the first n rows: the least cost, and where its last part begins
    for end in range(1, len(order) + 1):
        best, place = float("inf"), end - 1
        for start in range(end - 1, max(-1, end - 1 - rows), -1):
            size = padded[start] * (end - start)
            if size > tokens and start < end - 1:
                break
            if least[start] + size + PER_PART < best:
                best, place = least[start] + size + PER_PART, start
        least.append(best)
        begins.append(place)
    parts, end = [], len(order)
    while end:
        parts.append(order[begins[end] : end])
        end = begins[end]
    return parts[::-1]


def halves(parts: list[Any]) -> list[dict]:
    """The same rows in parts of half the size; a part of one row stays."""
    made = []
    for part in parts:
        rows = len(part["labels"])
        middle = (rows + 1) // 2
        made += [{name: values[:middle] for name, values in part.items()}]
        if rows > 1:
            made += [{name: values[middle:] for name, values in part.items()}]
    return made


@contextlib.contextmanager
def casts_kept() -> Iterator[None]:
    """Weights that autocast has made bf16 for one part serve the next ones: it would forget them where its context ends. Not
    for parts of which one runs without gradients: its copies would serve the others."""
    import torch

    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if not torch.autocast_decrement_nesting():
            torch.clear_autocast_cache()


def out_of_memory(error: BaseException) -> bool:
    """Whether it says that there is no memory left: Python's, or torch's on any device."""
    said = str(error).lower()
    return isinstance(error, MemoryError) or "out of memory" in said or ("memory" in said and "alloc" in said)
