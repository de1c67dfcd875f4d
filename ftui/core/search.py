"""The section `search` of a recipe: for how long settings are tried, which ones, and in which values.

Each name stands for a setting with a few values around what the recipe itself says, the learning rate for a range.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, FiniteFloat

from ftui.core.errors import UserError
from ftui.core.part import Part

if TYPE_CHECKING:
    from ftui.core.recipe import Recipe

Name = Literal["learning_rate", "num_train_epochs", "per_device_train_batch_size", "weight_decay", "warmup_steps", "layer_decay", "r"]
FIELDS = {
    "learning_rate": "training.learning_rate",
    "num_train_epochs": "training.num_train_epochs",
    "per_device_train_batch_size": "training.per_device_train_batch_size",
    "weight_decay": "training.weight_decay",
    "warmup_steps": "training.warmup_steps",
    "layer_decay": "strategy.layer_decay",
    "r": "strategy.r",
}
ANY = ("learning_rate", "num_train_epochs", "per_device_train_batch_size", "weight_decay", "warmup_steps")  # any strategy has them
OWN = {"full": ("layer_decay",), "gradual": ("layer_decay",), "lora": ("r",)}  # what a strategy has besides
USUAL = {  # what is varied where nobody says; the first in the list matters most
    "full": ("learning_rate", "num_train_epochs", "per_device_train_batch_size"),
    "last_n": ("learning_rate", "num_train_epochs", "per_device_train_batch_size"),
    "gradual": ("learning_rate", "num_train_epochs", "layer_decay"),
    "lora": ("learning_rate", "num_train_epochs", "r"),
    "bitfit": ("learning_rate", "num_train_epochs"),
    "frozen": ("learning_rate", "num_train_epochs", "weight_decay"),
}
SPREAD = 8.0  # the learning rate is looked for from an eighth to eight times the recipe's own
BESIDES: dict[str, tuple[float, ...]] = {
    "per_device_train_batch_size": (8, 16, 32),
    "weight_decay": (0.0, 0.01, 0.1),
    "warmup_steps": (0.0, 0.1, 0.2),
    "layer_decay": (0.8, 0.9, 1.0),
    "r": (4, 8, 16, 32),
}
FEWEST_UPDATES = 4  # of an epoch, in a batch size that is tried


class Search(Part):
    """Trainings with other settings, judged on the validation rows. What it finds is settings; it leaves no model."""

    minutes: FiniteFloat = Field(10.0, gt=0, le=10_000)  # of trials; loading and preparing come before
    trials: int = Field(30, ge=1, le=1000)  # at most
    vary: list[Name] = Field([], max_length=7)  # empty: what matters most for the strategy


def possible(strategy: str) -> tuple[str, ...]:
    """What can be varied with this strategy."""
    return ANY + OWN.get(strategy, ())


def varied(recipe: Recipe) -> tuple[str, ...]:
    """What the recipe's search varies. Raises UserError for what has no effect in this recipe."""
    search = recipe.search or Search()
    fixed = ("num_train_epochs",) if recipe.training.max_steps > 0 else ()  # the number of steps is given
    can = [name for name in possible(recipe.strategy.name) if name not in fixed]
    cannot = [name for name in search.vary if name not in can]
    if cannot:
        raise UserError("search_vary", names=", ".join(cannot), known=", ".join(can))
    return tuple(dict.fromkeys(search.vary)) or tuple(name for name in USUAL[recipe.strategy.name] if name in can)


def own(recipe: Recipe, rows: int, parameters: int) -> dict[str, Any]:
    """The values that the recipe itself gives to what is varied, `auto` resolved for so many training rows and weights."""
    resolved = {"learning_rate": rounded(recipe.learning_rate(parameters)), "num_train_epochs": recipe.epochs(rows)}
    found = {}
    for name in varied(recipe):
        part, _, field = FIELDS[name].partition(".")
        found[name] = resolved.get(name, getattr(getattr(recipe, part), field))
    return found


def values(recipe: Recipe, rows: int, parameters: int) -> dict[str, list[Any]]:
    """{name: values that are tried, from low to high}; of the learning rate the lowest and the highest."""
    made: dict[str, list[Any]] = {}
    for name, now in own(recipe, rows, parameters).items():
        if name == "learning_rate":
            made[name] = [now / SPREAD, min(1.0, now * SPREAD)]
        elif name == "num_train_epochs":
            half = max(1.0, float(round(now / 2))) if now >= 2 else now / 2
            made[name] = sorted({half, now, 2 * now})
        else:
            several = BESIDES[name]
            if name == "per_device_train_batch_size":
                updates = FEWEST_UPDATES * recipe.training.gradient_accumulation_steps
                several = tuple(size for size in several if size * updates <= rows)
            made[name] = sorted({*several, now})
    return made


def settings(recipe: Recipe, chosen: dict[str, Any]) -> dict[str, Any]:
    """Chosen values under their names in the recipe. With LoRA's rank goes its alpha: the adapter's weight stays as it is."""
    made = {FIELDS[name]: rounded(value) if name == "learning_rate" else value for name, value in chosen.items()}
    if "r" in chosen:
        made["strategy.lora_alpha"] = max(1, round(recipe.strategy.lora_alpha * chosen["r"] / recipe.strategy.r))  # type: ignore[union-attr]
    return made


def chosen(settings: dict[str, Any]) -> dict[str, Any]:
    """The opposite of `settings`."""
    return {name: settings[field] for name, field in FIELDS.items() if field in settings}


def rounded(rate: float) -> float:
    """A learning rate as people write it: three figures."""
    return float(f"{rate:.3g}")
