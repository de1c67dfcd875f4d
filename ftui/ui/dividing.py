"""How rows are split, on the Data tab: at random, by group, by date, or one of k folds. Part of the workshop's plan."""

from __future__ import annotations

from dataclasses import dataclass

import gradio as gr

from ftui.core.home import Home
from ftui.ui import workshop
from ftui.ui.page import QUIET, Page

WAYS = ("random", "group", "date", "folds")
MOST = 0.9  # share of the rows that can be tested, or validated with
FIELDS = ("group_column", "date_column", "folds", "fold")


@dataclass(frozen=True)
class Controls:
    way: gr.Dropdown
    column: gr.Dropdown
    folds: gr.Number
    fold: gr.Number

    @property
    def all(self) -> list:
        return [self.way, self.column, self.folds, self.fold]


def chosen(plan: dict) -> tuple[str, str | None]:
    """(one of WAYS, the column that it goes by)."""
    for way, field in (("group", "group_column"), ("date", "date_column")):
        if plan.get(field):
            return way, plan[field]
    return ("folds" if plan.get("folds") else "random"), None


def show(plan: dict, names: list[str]) -> list:
    """The controls as the plan says, in the order of `Controls.all`."""
    way, column = chosen(plan)
    return [
        gr.update(value=way),
        gr.Dropdown(choices=names, value=column, visible=way in ("group", "date")),
        gr.Number(value=plan.get("folds") or 5, visible=way == "folds"),
        gr.Number(value=plan.get("fold") or 1, maximum=plan.get("folds") or 5, visible=way == "folds"),
    ]


def change(home: Home, lang: str, data_id: str, plan: str, way: str, column: str | None, folds: float, fold: float) -> list:
    """A control was changed: [plan, and the controls]. A way that needs a column counts when one is chosen."""
    content = {name: value for name, value in workshop.read(plan).items() if name not in FIELDS}
    count = min(max(int(folds or 5), 2), 20)
    if way == "folds":
        content |= {"folds": count, "fold": min(max(int(fold or 1), 1), count)}
    elif way != "random" and column:
        content[f"{way}_column"] = column
    made = workshop.written(content)
    workshop.keep(home, data_id, made)
    columns = gr.Dropdown(visible=way in ("group", "date"))
    return [made, columns, gr.Number(visible=way == "folds"), gr.Number(visible=way == "folds", maximum=count)]


def build(page: Page) -> Controls:
    """Lay out the controls."""
    t = page.t
    ways = [(t("split_by_" + way), way) for way in WAYS]
    way = gr.Dropdown(ways, value="random", label=t("split_by"), elem_id="split-by")
    column = gr.Dropdown(label=t("split_column"), choices=[], value=None, visible=False, elem_id="split-column")
    with gr.Row():
        numbers = {"precision": 0, "visible": False, "min_width": 100}
        folds = gr.Number(5, label=t("split_folds"), minimum=2, maximum=20, elem_id="split-folds", **numbers)
        fold = gr.Number(1, label=t("split_fold"), minimum=1, maximum=5, elem_id="split-fold", **numbers)
    return Controls(way, column, folds, fold)


def wire(page: Page, controls: Controls, plan: gr.Textbox) -> None:
    """What happens on changes."""
    c = controls
    changed = [control.input for control in c.all]
    gr.on(changed, page.bind(change), [page.data, plan, *c.all], [plan, c.column, c.folds, c.fold], **QUIET)
