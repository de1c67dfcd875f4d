"""How a data set is read: its task, and the column for each role. The Data tab says it, Fine-tune takes it.

The page holds a reading as JSON, {"data", "task", "form", "columns"}, so that one change tells everybody.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core.recipe import Recipe

MOST_ROLES = 5  # of any form
ASKED = ("tokens", "prompt", "instruction", "input", "system", "history")  # parts of forms that are read rather than learned


@dataclass(frozen=True)
class Reading:
    """`form`: the roles that the file has columns for (a training may read others, see ftui.data.forms); `columns`: role ->
    column, as far as they are chosen."""

    task: str
    form: tuple[str, ...]
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def lacking(self) -> list[str]:
        """Roles that need a column and have none."""
        from ftui.data import forms

        return [role for role in self.form if role not in self.columns and role not in forms.OPTIONAL]

    @property
    def named(self) -> list[tuple[str, str]]:
        """(role, column of the file) of all that are chosen."""
        from ftui.data import forms

        return [(role, name) for role, column in self.columns.items() for name in forms.names(role, column)]

    def problem(self, lang: str) -> str | None:
        """What keeps it from being learned from, in one sentence."""
        if self.lacking:
            roles = ("、" if lang == "zh" else ", ").join(role_name(role, lang) for role in self.lacking)
            return languages.text("column_lacking", lang, task=task_name(self.task, lang), roles=roles)
        for role, column in self.named:
            other = next((r for r, c in self.named if c == column and r != role), None)
            if other:
                return languages.text("column_twice", lang, column=column, first=role_name(role, lang), second=role_name(other, lang))
        return None


def read(text: str | None) -> Reading:
    """The reading that the page holds; one of nothing where it holds none."""
    content = json.loads(text or "{}")
    task = content.get("task", next(iter(tasks.TASKS)))
    return Reading(task, tuple(content.get("form") or tasks.get(task).ROLES), content.get("columns", {}))


def written(data_id: str, reading: Reading) -> str:
    """A reading of a data set as the page holds it: of another data set it is another text."""
    content = {"data": data_id, "task": reading.task, "form": reading.form, "columns": reading.columns}
    return json.dumps(content, ensure_ascii=False)


def guess(folder: Path, task: str | None = None, form: tuple[str, ...] = ()) -> Reading:
    """The reading that fits a data set best; that of a task, or of one of its forms, where it is said."""
    from ftui.data import forms, inspecting, intake

    table = intake.open_dataset(folder).table()
    if task and form in forms.FORMS.get(tasks.get(task).ROLES, ()):
        return Reading(task, form, forms.suggest(form, table))
    found = inspecting.guess(table, task)
    return of(found["task"], found["columns"])


def of(task: str, columns: dict[str, str]) -> Reading:
    """The reading with these columns."""
    from ftui.data import forms

    known = forms.of(tasks.get(task).ROLES)
    form = next((form for form in known if set(columns) <= set(form) and (columns or form == known[0])), known[0])
    return Reading(task, form, {role: column for role, column in columns.items() if role in form})


def of_recipe(made: Recipe, names: list[str]) -> Reading:
    """What a recipe says, as far as a data set has the columns."""
    from ftui.data import forms

    there = {role: column for role, column in made.data.columns.items() if set(forms.names(role, column)) <= set(names)}
    return of(made.task, there)


def with_columns(task: str, form: str, chosen: tuple[str | None, ...]) -> Reading:
    """The reading as the pickers say it; `form` is the roles with blanks between."""
    roles = tuple(form.split())
    return Reading(task, roles, {role: column for role, column in zip(roles, chosen, strict=False) if column})


def controls(reading: Reading, names: list[str], lang: str) -> list:
    """Updates of the choice of the form, and of a picker for each role."""
    from ftui.data import forms

    known = forms.of(tasks.get(reading.task).ROLES)
    choices = [(" + ".join(role_name(role, lang) for role in form), " ".join(form)) for form in known]
    updates = [gr.Dropdown(choices=choices, value=" ".join(reading.form), visible=len(known) > 1)]
    for role in reading.form:
        none = [(languages.text("no_column", lang), "")] if role in forms.OPTIONAL else []
        several = [reading.columns[role]] if role in reading.columns and reading.columns[role] not in names else []  # flags
        label = languages.text("column_of", lang, role=role_name(role, lang))
        value = reading.columns.get(role) or ("" if none else None)
        updates.append(gr.Dropdown(choices=none + [(name, name) for name in [*several, *names]], value=value, label=label, visible=True))
    return updates + [gr.Dropdown(choices=[], value=None, visible=False)] * (MOST_ROLES + 1 - len(updates))


def arrow(reading: Reading) -> str:
    """What is learned from what, in short: `question + context → answers`."""
    inputs = tasks.inputs(tasks.get(reading.task), reading.columns)
    read = [c for role, c in reading.columns.items() if role in inputs or role in ASKED]
    told = [c for c in reading.columns.values() if c not in read]
    return " → ".join(" + ".join(part) for part in (read, told) if part) or "?"


def role_name(role: str, lang: str) -> str:
    """What a role is called on the page."""
    return languages.text("role_" + role, lang)


def task_name(task: str, lang: str) -> str:
    """What a task is called on the page."""
    return languages.text("task_" + task.replace("-", "_"), lang)
