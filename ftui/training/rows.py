"""The rows of a training. Of its train split new ones are made, and all of them balanced, where the recipe says so; validation
and test rows are not touched."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING

from ftui import tasks
from ftui.core.augmentation import WITH_A_MODEL
from ftui.core.errors import UserError
from ftui.core.recipe import Recipe
from ftui.data import augmenting, balancing, preparing

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.core.context import Context
    from ftui.core.events import Writer
    from ftui.core.home import Home


@dataclass(frozen=True)
class Rows:
    """`splits`: the rows of each, as the finished model is evaluated on them. `learned`: those that are learned from.
    `columns`: role -> column of the data set."""

    splits: dict[str, pa.Table]
    learned: pa.Table
    labels: list[str]
    columns: dict[str, str]

    @property
    def validated(self) -> int:
        """Rows of the validation split."""
        return self.splits["validation"].num_rows if "validation" in self.splits else 0


def read(context: Context, recipe: Recipe, task: ModuleType) -> Rows:
    """The rows of a recipe, cleaned and split. Raises UserError for what its task cannot be learned from, and Stopped."""
    events, home = context.events, context.job.run.home
    prepared = preparing.prepare(recipe.data, home, task.ROLES, task.STRATIFY)
    splits = prepared.splits
    task.check(splits, prepared.columns)
    labels = task.labels(splits)
    counts = {name: splits[name].num_rows if name in splits else 0 for name in ("train", "validation", "test")}
    if recipe.search and not counts["validation"]:
        raise UserError("search_needs_validation")
    if labels:
        events.log("data_ready", **counts, labels=len(labels))
    else:
        events.log("texts_ready", **counts)
    for reason, number in prepared.dropped.items():
        if number:
            events.log(f"dropped_{reason}", level="warning", rows=number)
    unlearned = _unlearned(splits, task.STRATIFY)
    if unlearned:
        events.log("label_unlearned", level="warning", rows=sum(unlearned.values()), label=next(iter(unlearned)))
    for step in prepared.cleaned:
        events.log("cleaned", **step)
    check(recipe, task, splits["train"])
    learned = to_learn(recipe, task, splits, home, events, context.check)
    return Rows(splits, learned, labels, prepared.columns)


def _unlearned(splits: dict[str, pa.Table], role: str | None) -> Counter[str]:
    """Labels that no training row has, with how many rows of the other splits have them: by date or group that can be."""
    if role is None:
        return Counter()
    train = set(splits["train"].column(role).unique().to_pylist())
    others = Counter(label for name, table in splits.items() if name != "train" for label in table.column(role).to_pylist())
    return Counter({label: number for label, number in others.most_common() if label not in train})


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
    recipe: Recipe, task: ModuleType, splits: dict[str, pa.Table], home: Home, events: Writer, alive: Callable[[], None]
) -> pa.Table:
    """The rows of the train split, those that augmentation makes of them, all of them balanced. Raises UserError.
    `alive` is called now and then, and may raise."""
    grown = splits["train"]
    if recipe.data.augment:
        grown = _augmented(recipe, splits, home, events, alive)
    balanced = balancing.balanced(grown, recipe.data.balance, task.STRATIFY, recipe.data.seed)
    if recipe.data.balance != "none":
        events.log("balanced", before=len(grown), after=len(balanced))
    return balanced


def _augmented(recipe: Recipe, splits: dict[str, pa.Table], home: Home, events: Writer, alive: Callable[[], None]) -> pa.Table:
    import pyarrow as pa

    from ftui.training import augmenting as with_models
    from ftui.training import models

    train, others = splits["train"], [table for name, table in splits.items() if name != "train"]
    made = [train]

    def tell(done: int, wanted: int) -> None:
        events.progress(phase="augmenting", step=done, max_steps=wanted, epoch=0)
        alive()

    for number, step in enumerate(recipe.data.augment):
        seed = recipe.data.seed + number
        folder = with_models.remembered(home, step, recipe.model, train, others, seed) if step.name in WITH_A_MODEL else None
        rows = with_models.recall(folder) if folder else None
        if rows is None:
            maker = functools.partial(with_models.maker, base=recipe.model, device=models.device(recipe.device), events=events, where=home.base)
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
