"""One click from nothing to a training that can be watched: a sample with every setting as it is."""

from __future__ import annotations

import gradio as gr

from ftui import jobs, tasks
from ftui.core import recipe
from ftui.core.access import LOCAL, Access
from ftui.core.home import Home, starter_models
from ftui.ui.page import SHOWN, Page, go_to


def start(home: Home, lang: str, sample: str | None = None, way: Access = LOCAL) -> tuple:
    """Import a sample (short news in the reader's language where none is named) and train on it: (data id, run id, tabs).
    Raises UserError."""
    from ftui.data import inspecting, intake

    file = starter_models().parent / "samples" / (sample or f"{lang}_headlines.csv")
    way.check_import(home, file.stat().st_size)
    dataset = intake.import_file(file, home, name=file.name)
    guessed = inspecting.guess(dataset.table())
    data = {"path": str(dataset.path), "columns": guessed["columns"]}
    made = recipe.build({"task": guessed["task"], "model": tasks.starter(guessed["task"]), "data": data, "strategy": {"name": "full"}})
    return dataset.id, jobs.start_training(made, home, way=way).id, go_to("log")


def button(page: Page, elem_id: str) -> gr.Button:
    """The button that does it."""

    def begin(home: Home, lang: str) -> tuple:
        return start(home, lang, way=page.way)

    go = gr.Button(page.t("demo"), variant="primary", elem_id=elem_id, elem_classes=["demo"])
    go.click(page.bind(begin), [], [page.data, page.run, page.tabs], **SHOWN)
    return go
