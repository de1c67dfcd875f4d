"""The rows that a training learns from: its train split, with new rows and balanced where the recipe says so. Validation and
test rows are not touched."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from ftui import tasks
from ftui.core.augmentation import WITH_A_MODEL
from ftui.core.errors import UserError
from ftui.core.recipe import Recipe
from ftui.data import augmenting, balancing

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.core.events import Writer
    from ftui.core.home import Home


class Stopped(Exception):
    """The user asked the job to stop while rows were made."""


def check(recipe: Recipe, task: ModuleType, train: pa.Table) -> None:
    """Raise UserError for what cannot be done with rows of this task; quick, for before a run is made."""
    if tasks.speaks(task) and (recipe.distil or recipe.prune):
        raise UserError("smaller_speaks")
    balancing.balanced(train.slice(0, 1), recipe.data.balance, task.STRATIFY, recipe.data.seed)
    augmenting.check(recipe.data.augment, train.column_names)
    if recipe.training.class_weights != "none" and not hasattr(task, "class_weights"):
        raise UserError("weights_without_classes")
    for step in recipe.data.augment:
        if step.name not in WITH_A_MODEL:
            augmenting.quick(step)


def count(recipe: Recipe, task: ModuleType, train: pa.Table) -> int:
    """About how many rows will be learned from."""
    balanced = balancing.balanced(train, recipe.data.balance, task.STRATIFY, recipe.data.seed)
    return round(len(balanced) * (1 + sum(step.share for step in recipe.data.augment)))


def to_learn(
    recipe: Recipe, task: ModuleType, splits: dict[str, pa.Table], home: Home, events: Writer, should_stop: Callable[[], bool]
) -> pa.Table:
    """The rows of the train split, those that augmentation makes of them, all of them balanced. Raises UserError, Stopped."""
    grown = splits["train"]
    if recipe.data.augment:
        grown = _augmented(recipe, splits, home, events, should_stop)
    balanced = balancing.balanced(grown, recipe.data.balance, task.STRATIFY, recipe.data.seed)
    if recipe.data.balance != "none":
        events.log("balanced", before=len(grown), after=len(balanced))
    return balanced


def _augmented(recipe: Recipe, splits: dict[str, pa.Table], home: Home, events: Writer, should_stop: Callable[[], bool]) -> pa.Table:
    import pyarrow as pa

    from ftui.training import augmenting as with_models
    from ftui.training import models

    train, others = splits["train"], [table for name, table in splits.items() if name != "train"]
    made = [train]

    def tell(done: int, wanted: int) -> None:
        events.progress(phase="augmenting", step=done, max_steps=wanted, epoch=0)
        if should_stop():
            raise Stopped

    for number, step in enumerate(recipe.data.augment):
        seed = recipe.data.seed + number
        folder = with_models.remembered(home, step, recipe.model, train, others, seed) if step.name in WITH_A_MODEL else None
        rows = with_models.recall(folder) if folder else None
        if rows is None:
            maker = functools.partial(with_models.maker, base=recipe.model, device=models.device(recipe.device), events=events)
            rows = augmenting.new_rows(train, step, others, seed, maker, tell)
            if folder:
                with_models.remember(folder, rows)
        events.log("augmented", step=step.name, rows=len(rows), wanted=round(step.share * len(train)))
        made.append(rows)
    return pa.concat_tables(made)


def loss_options(recipe: Recipe, task: ModuleType, train: pa.Table, labels: list[str]) -> dict:
    """What the task's loss is given besides outputs and labels."""
    weighted = recipe.training.class_weights == "balanced"
    options = {"weights": task.class_weights(train, labels)} if weighted else {}
    return {"label_smoothing": recipe.training.label_smoothing_factor, **options}
