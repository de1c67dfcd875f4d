"""Several processes that train one model: which of them this is, and what only one does."""

from __future__ import annotations

import os

from ftui.core.errors import UserError
from ftui.core.recipe import Recipe


def count() -> int:
    """How many there are; their launcher says it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def first() -> bool:
    """Whether this is the one that saves, evaluates and tells."""
    return int(os.environ.get("RANK", 0)) == 0


def check(recipe: Recipe) -> None:
    """Raise UserError for what does not work in several processes, or cannot be shared out."""
    if count() == 1:
        return
    if recipe.distil or recipe.prune:
        raise UserError("processes_alone")
    rows = recipe.training.per_device_train_batch_size * recipe.training.gradient_accumulation_steps
    if rows % count():
        raise UserError("processes_rows", rows=rows, processes=count())


def any_of(wish: bool) -> bool:
    """Whether one of the processes wishes it: they stop at the same step, or they would wait for one another for ever."""
    if count() == 1:
        return wish
    import torch

    wishes = torch.tensor([int(wish)], device="cuda" if torch.distributed.get_backend() == "nccl" else "cpu")
    torch.distributed.all_reduce(wishes, op=torch.distributed.ReduceOp.MAX)
    return bool(wishes.item())
