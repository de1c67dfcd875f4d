"""The rows that a training learns from: its train split, balanced where the recipe says so. Nothing else is touched."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING

from ftui.core.errors import UserError
from ftui.core.recipe import Recipe
from ftui.data import balancing

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.core.events import Writer


def check(recipe: Recipe, task: ModuleType, train: pa.Table) -> None:
    """Raise UserError for what cannot be done with rows of this task; quick, for before a run is made."""
    balancing.balanced(train.slice(0, 1), recipe.data.balance, task.STRATIFY, recipe.data.seed)
    if recipe.training.class_weights != "none" and not hasattr(task, "class_weights"):
        raise UserError("weights_without_classes")


def to_learn(recipe: Recipe, task: ModuleType, train: pa.Table, events: Writer) -> pa.Table:
    """The rows of the train split as the recipe wants them learned from."""
    balanced = balancing.balanced(train, recipe.data.balance, task.STRATIFY, recipe.data.seed)
    if recipe.data.balance != "none":
        events.log("balanced", before=len(train), after=len(balanced))
    return balanced


def loss_options(recipe: Recipe, task: ModuleType, train: pa.Table, labels: list[str]) -> dict:
    """What the task's loss is given besides outputs and labels."""
    weighted = recipe.training.class_weights == "balanced"
    options = {"weights": task.class_weights(train, labels)} if weighted else {}
    return {"label_smoothing": recipe.training.label_smoothing_factor, **options}
