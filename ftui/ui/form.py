"""The settings of a run as a form: one control for each field of the recipe, made from the field itself."""

from __future__ import annotations

import types
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import gradio as gr

from ftui.core import languages, machine, recipe
from ftui.core.recipe import Recipe
from ftui.core.search import Search

# In front: what most people ever touch. The Data tab has four more (ELSEWHERE).
FRONT = ("model", "strategy.name", "strategy.n", "training.num_train_epochs", "training.learning_rate")
FRONT += ("training.per_device_train_batch_size",)
ELSEWHERE = (
    "version", "task", "data.path", "data.columns", "data.test_size", "data.validation_size", "data.clean", "data.augment", "data.balance",
    "data.group_column", "data.date_column", "data.folds", "data.fold", "ensemble.members", "ensemble.vote",
    "search.minutes", "search.trials", "search.vary")  # fmt: skip
# Under Advanced: group (its title is text `group_<name>`) -> fields.
GROUPS: dict[str, tuple[str, ...]] = {
    "optimisation": (
        "training.lr_scheduler_type",
        "training.warmup_steps",
        "strategy.layer_decay",
        "strategy.layers_per_epoch",
        "training.gradient_accumulation_steps",
        "training.max_grad_norm",
        "training.max_steps",
        "training.adam_beta1",
        "training.adam_beta2",
        "training.adam_epsilon",
    ),
    "regularisation": (
        "training.weight_decay",
        "training.label_smoothing_factor",
        "training.class_weights",
        "training.classifier_dropout",
        "training.early_stopping_patience",
        "training.metric_for_best_model",
    ),
    "lora": (
        "strategy.r",
        "strategy.lora_alpha",
        "strategy.lora_dropout",
        "strategy.target_modules",
        "strategy.use_rslora",
        "strategy.use_dora",
        "strategy.init_lora_weights",
        "strategy.loraplus_lr_ratio",
        "strategy.load_in_4bit",
    ),
    "language": tuple(f"language.{name}" for name in recipe.Language.model_fields),
    "text": ("training.max_length", "data.seed", "data.keep_together", "data.validation_path", "data.test_path"),
    "precision": (
        "device",
        "launcher",
        "processes",
        "accelerate_config",
        "training.bf16",
        "training.fp16",
        "training.gradient_checkpointing",
        "training.cache_frozen",
        "training.per_device_eval_batch_size",
    ),
    "saving": (
        "decision_threshold",
        "training.eval_strategy",
        "training.eval_steps",
        "training.logging_steps",
        "training.save_total_limit",
        "training.seed",
        "retries",
    ),
    "distil": tuple(f"distil.{name}" for name in recipe.Distil.model_fields),
    "prune": tuple(f"prune.{name}" for name in recipe.Prune.model_fields),
}
SECTIONS = {"distil": recipe.Distil, "prune": recipe.Prune, "ensemble": recipe.Ensemble, "search": Search}  # that a recipe may be without
PARTS = {"data": recipe.Data, "training": recipe.Training, "language": recipe.Language}
AS_WRITTEN = ("language.system", "language.prefix")  # with their lines and their spaces
FIELDS: tuple[str, ...] = FRONT + tuple(name for names in GROUPS.values() for name in names)


@dataclass(frozen=True)
class Field:
    """What the recipe says of one setting."""

    annotation: Any
    default: Any

    @property
    def branches(self) -> tuple:
        """The types that it may have, Annotated and unions unfolded."""
        return tuple(_unfold(self.annotation))

    @property
    def words(self) -> list:
        """The words that it takes."""
        return [v for b in self.branches if typing.get_origin(b) is Literal for v in typing.get_args(b)]

    @property
    def listed(self) -> bool:
        """Whether it may be a list."""
        return any(typing.get_origin(b) is list for b in self.branches)

    @property
    def choices(self) -> list | None:
        """Its values, where there are only so many."""
        values = self.words
        others = [b for b in self.branches if typing.get_origin(b) is not Literal]
        if others == [bool] and values:
            return [*values, "true", "false"]
        return values if values and not others else None


def fields() -> dict[str, Field]:
    """Every setting of the recipe: `training.learning_rate`, `strategy.r`, `data.seed`, `device` ..."""
    found = {}
    for name, info in Recipe.model_fields.items():
        if name in PARTS:
            part = PARTS[name]
            found |= {f"{name}.{inner}": Field(i.annotation, i.default) for inner, i in part.model_fields.items()}
        elif name in SECTIONS:
            found |= {f"{name}.{inner}": Field(i.annotation, _default(i)) for inner, i in SECTIONS[name].model_fields.items()}
        elif name != "strategy":
            found[name] = Field(info.annotation, info.default)
    found["strategy.name"] = Field(Literal[tuple(recipe.STRATEGIES)], "full")
    for part in recipe.STRATEGIES.values():
        found |= {
            f"strategy.{inner}": Field(i.annotation, i.default)
            for inner, i in part.model_fields.items()
            if inner != "name"
        }
    return found


def _default(info: Any) -> Any:
    return None if info.is_required() else info.default


def control(name: str, lang: str, **options: Any) -> gr.components.Component:
    """The control of one setting, with its label, its line of explanation and its value to begin with."""
    field = fields()[name]
    label, info = languages.setting(name, lang)
    common = {"label": label, "info": info, "elem_id": "set-" + name.replace(".", "-").replace("_", "-"), **options}
    value = field.default
    if field.choices:
        offered = machine.devices() if name == "device" else [_shown(c) for c in field.choices]
        return gr.Dropdown(offered, value=_shown(value), **common)
    if field.branches == (bool,):
        return gr.Checkbox(value, **common)
    if set(field.branches) <= {int, float} and value is not None:
        return gr.Number(value, **common)
    return gr.Textbox(
        _shown(value), max_lines=8 if name in AS_WRITTEN else 1, placeholder=languages.text("left_out", lang) if value is None else None, **common
    )


def content(values: dict[str, Any]) -> dict:
    """What the controls say, as the recipe's plain data; checked by ftui.core.recipe.build.

    An empty text field is null; of the strategies' settings only those of the chosen one stay.
    """
    own = recipe.STRATEGIES[values["strategy.name"]].model_fields
    known = fields()
    plain: dict = {"strategy": {}, **{part: {} for part in PARTS}}
    for name, value in values.items():
        part, _, inner = name.rpartition(".")
        if part == "strategy" and inner not in own:
            continue
        (plain.setdefault(part, {}) if part else plain)[inner] = _typed(name, known[name], value)
    if not plain.get("distil", {}).get("teacher"):
        plain.pop("distil", None)
    if all(_same(value, recipe.Prune.model_fields[name].default) for name, value in plain.get("prune", {}).items()):
        plain.pop("prune", None)
    return plain


def _typed(name: str, field: Field, value: Any) -> Any:
    """What a control holds as the recipe's plain data: text becomes what the field takes."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        return None
    if name in AS_WRITTEN:
        return value
    if bool in field.branches:
        return {"true": True, "false": False}.get(text, text)
    if field.listed and text not in field.words:
        return [part.strip() for part in text.split(",") if part.strip()]
    return text


def _same(value: Any, default: Any) -> bool:
    return value == default or (isinstance(value, str) and value == _shown(default))


def values(made: Recipe) -> dict[str, Any]:
    """What the controls show for a recipe, by name; the opposite of `content`.

    Settings of the strategies that it has not chosen are at their defaults.
    """
    known = fields()
    plain = {name: getattr(made, name) for name in Recipe.model_fields if name in known}
    for part in ("strategy", *PARTS, "distil", "prune"):
        if getattr(made, part) is not None:
            plain |= {f"{part}.{name}": value for name, value in getattr(made, part).model_dump().items()}
    return {name: _value(known[name], plain.get(name, known[name].default)) for name in FIELDS}


def _value(field: Field, value: Any) -> Any:
    """A value as its control holds it: numbers and switches as they are, all else as text."""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if field.branches == (bool,) or (set(field.branches) <= {int, float} and field.default is not None):
        return value
    return _shown(value)


def label_of(field: str, lang: str) -> str:
    """What the form calls a field of the recipe, for error messages; its plain name where the form has none."""
    known = languages.catalogue("settings").get(field)
    return known[lang][0] if known else field


def named(values: Sequence[Any]) -> dict[str, Any]:
    """The controls' values, which come in the order of FIELDS, by name."""
    return dict(zip(FIELDS, values, strict=True))


def _shown(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # people write 3 epochs, not 3.0
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def _unfold(annotation: Any) -> list:
    if typing.get_origin(annotation) is typing.Annotated:
        return _unfold(typing.get_args(annotation)[0])
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [b for a in typing.get_args(annotation) for b in _unfold(a) if b is not type(None)]
    return [annotation]
