"""Which strategy to begin with, and with which settings: from rows, labels, device, the model's size, and what each would cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from ftui.core import recipe as r
from ftui.core.estimate import Estimate
from ftui.core.recipe import Recipe

SMALL = 20_000_000  # weights: below, a processor trains all of them in minutes, and there are too few to hold much back
LARGE = 400_000_000  # weights: above, training all of them needs more memory than most graphics cards have
FEW = 8  # rows for each label
SOME = 1_000  # rows: below, fewer weights that learn do as well
PATIENCE = 3600.0  # seconds that somebody waits for a training
SPARE = 0.8  # share of the free memory that a training may take


@dataclass(frozen=True)
class Advice:
    """`reason` is the end of a text's key, `advice_<reason>`; `settings`: what must change beside the strategy, by its
    name in the recipe, so that it fits in memory."""

    strategy: str
    reason: str
    settings: dict[str, Any] = field(default_factory=dict)


def advise(
    recipe: Recipe, rows: int, labels: int, parameters: int, gpu: bool, cost: Callable[[Recipe], Estimate], free: int
) -> Advice:
    """`rows` are training rows, `parameters` the weights of the base model, `free` bytes of memory; `cost` tells what a
    recipe costs."""
    if gpu:
        return Advice("full", "gpu") if parameters <= LARGE else Advice("lora", "gpu_memory")

    def takes(strategy: str) -> tuple[float, bool]:
        """(seconds, whether it fits in memory)"""
        told = cost(with_strategy(recipe, strategy))
        return sum(told.seconds) / 2 if told.seconds else 0.0, told.memory < SPARE * free

    seconds, fits = takes("full")
    if parameters <= SMALL and fits and seconds < PATIENCE:
        return Advice("full", "small")
    if rows < FEW * max(labels, 1):
        return _fitting(recipe, "frozen", "few_rows", cost, free)
    if rows >= SOME and fits and seconds < PATIENCE:
        return Advice("full", "enough")
    for strategy, reason in (("lora", "large" if fits else "memory"), ("last_n", "long"), ("frozen", "very_long")):
        if takes(strategy)[0] < PATIENCE:
            return _fitting(recipe, strategy, reason, cost, free)
    return _fitting(recipe, "frozen", "very_long", cost, free)


def with_strategy(recipe: Recipe, name: str) -> Recipe:
    """The recipe with this strategy; with its settings where they were chosen already."""
    return recipe if recipe.strategy.name == name else recipe.model_copy(update={"strategy": r.STRATEGIES[name]()})


def _fitting(recipe: Recipe, strategy: str, reason: str, cost: Callable[[Recipe], Estimate], free: int) -> Advice:
    """The strategy with the least change of settings that fits in memory; with all of them where nothing does."""
    made = with_strategy(recipe, strategy)
    settings: dict[str, Any] = {}
    for settings in _ways(made):
        training = made.training.model_copy(update={name.removeprefix("training."): value for name, value in settings.items()})
        if cost(made.model_copy(update={"training": training})).memory < SPARE * free:
            break
    return Advice(strategy, reason, settings)


def _ways(recipe: Recipe) -> Iterator[dict[str, Any]]:
    """Settings that need less and less memory: smaller parts of the same batch, layers computed twice, shorter texts."""
    training = recipe.training
    rows = training.per_device_train_batch_size
    settings: dict[str, Any] = {}
    yield settings
    if rows > 4:
        accumulated = training.gradient_accumulation_steps * -(-rows // 4)
        settings = {"training.per_device_train_batch_size": 4, "training.gradient_accumulation_steps": accumulated}
        settings |= {"training.per_device_eval_batch_size": min(8, training.per_device_eval_batch_size)}
        yield settings
    if not training.gradient_checkpointing and recipe.strategy.name != "frozen":
        settings = {**settings, "training.gradient_checkpointing": True}
        yield settings
    if training.max_length == "auto" or training.max_length > 128:
        yield {**settings, "training.max_length": 128}
