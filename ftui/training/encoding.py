"""Rows as tokens, as long as they need to be."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from ftui import tasks
from ftui.core.events import Writer
from ftui.core.recipe import Recipe
from ftui.training import models
from ftui.training.batching import token_counts
from ftui.training.rows import Rows

if TYPE_CHECKING:
    import datasets


@dataclass(frozen=True)
class Encoded:
    """`splits`: for train, and validation if there is one, windows of tokens, those of validation longest first. `lengths`:
    tokens of each training row. `max_length`: tokens that are kept of a row."""

    splits: dict[str, datasets.Dataset]
    lengths: list[int]
    max_length: int


def encode(recipe: Recipe, task: ModuleType, rows: Rows, tokenizer: Any, config: Any, events: Writer) -> Encoded:
    """The rows that are learned from and the validation's, as the task encodes them for a model of this `config`."""
    made = functools.partial(task.encode, settings=recipe.language) if tasks.speaks(task) else task.encode
    tables = {"train": rows.learned} | {name: table for name, table in rows.splits.items() if name == "validation"}
    texts, wanted = tasks.token_columns(task), recipe.training.max_length
    limit = models.max_length(wanted, 10**9, tokenizer, config)
    if wanted != "auto" and limit < wanted:
        events.log("length_lowered", level="warning", wanted=wanted, max_length=limit)

    def encoded(length: int) -> dict[str, datasets.Dataset]:
        return {name: made(table, tokenizer, length, rows.labels) for name, table in tables.items()}

    splits = encoded(limit + 1)  # with one token more, so that it shows what is cut
    whole = token_counts(splits["train"], texts).max(0)
    windows = splits["train"].num_rows != len(rows.learned) or "offsets" in splits["train"].column_names
    max_length = models.max_length(wanted, int(whole.max()), tokenizer, config)
    if windows or max(int(token_counts(part, texts).max()) for part in splits.values()) > max_length:
        splits = {}  # not in memory twice
        splits = encoded(max_length)
    lengths = token_counts(splits["train"], texts).sum(0).tolist()
    if rows.validated:  # longest first means less padding, and metrics don't mind the order
        by_length = np.argsort(-token_counts(splits["validation"], texts).sum(0), kind="stable")
        splits["validation"] = splits["validation"].select(by_length)
    cut = 0 if windows else int((whole > max_length).sum())
    events.log("tokenised", max_length=max_length, mean=round(sum(lengths) / len(lengths), 1), cut=cut)
    return Encoded(splits, lengths, max_length)
