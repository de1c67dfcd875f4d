"""One step of a plan in a form: its settings as fields, and what was typed into them."""

from __future__ import annotations

from collections.abc import Sequence

import gradio as gr
import yaml

from ftui.core import languages
from ftui.core.steps import CLEAN

MOST_SETTINGS = 3  # of any step


def settings(lang: str, name: str | None, steps: dict = CLEAN, most: int = MOST_SETTINGS) -> list:
    """`most` fields for a step's settings: as many as it has, the others hidden; its line of explanation last."""
    fields = _fields(steps, name) if name else []
    updates = []
    for i in range(most):
        if i >= len(fields):
            updates.append(gr.Textbox(visible=False, value=""))
            continue
        label, info = languages.step(f"{name if steps is CLEAN else 'augment'}.{fields[i]}", lang)
        field = steps[name].model_fields[fields[i]]
        default = None if field.is_required() else field.default
        value = "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
        lines = 4 if fields[i] == "labels" else 1
        updates.append(gr.Textbox(visible=True, value=value, label=label, info=info, lines=lines, max_lines=lines))
    return [*updates, languages.step(name, lang)[1] if name else ""]


def _fields(steps: dict, name: str) -> list[str]:
    return [field for field in steps[name].model_fields if field != "name"]


def step_of(steps: dict, name: str, values: Sequence[str]) -> dict:
    """A step as plain data, from what was typed into its fields."""
    step: dict = {"name": name}
    for field, value in zip(_fields(steps, name), values, strict=False):
        if (value or "").strip() or field == "pattern":
            step[field] = _typed(field, value)
    return step


def _typed(field: str, value: str) -> object:
    if field in ("pattern", "replacement", "path", "model", "there", "back", "there_prefix", "back_prefix"):
        return value
    if field == "labels":
        pairs = (line.replace("＝", "=").partition("=") for line in value.splitlines())
        return {old.strip(): new.strip() for old, sign, new in pairs if sign and old.strip() and new.strip()}
    return yaml.safe_load(value)
