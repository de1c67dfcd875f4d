"""The evaluation of every task but text classification: figures, two charts, a table of kinds, and the errors."""

from __future__ import annotations

import json
import math

import gradio as gr

from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import charts, pieces, task_views
from ftui.ui.page import LATEST, Page, View, chart, draw, find_run, html

PAGE_ROWS = 20


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(view, caption, split choice, tiles, first chart, second chart, and what `mistakes` gives); hidden where the run
    has no report or is drawn by the tab itself."""
    report, view = _report(find_run(home, run_id))
    if view is None:
        return gr.Column(visible=False), *([gr.skip()] * 8)
    names = [name for name in ("test", "validation") if name in report["splits"]]
    split = split if split in names else names[0]
    part = report["splits"][split]
    figures = view.figures(part, report["labels"], lang)
    choices = [(languages.text("split_" + name, lang), name) for name in names]
    return (
        gr.Column(visible=True),
        _caption(report, split, view, lang),
        gr.Radio(choices=choices, value=split, visible=len(names) > 1),
        _tiles(part, split, view, lang),
        draw(figures["errors"]),
        draw(figures["classes"]),
        *mistakes(home, lang, run_id, split, 1),
    )


def _tiles(part: dict, split: str, view, lang: str) -> str:
    """The figures at the head, each with the rows that it was measured on."""
    measured = languages.text("on_split", lang, split=languages.text("split_" + split, lang), n=part["rows"])
    items = []
    for name in (name for name in view.METRICS if name in part["metrics"]):
        note = measured
        if name in part["interval"]:
            low, high = (pieces.number(end) for end in part["interval"][name])
            note += "\n" + languages.text("interval", lang, low=low, high=high)
        items.append((charts.metric_name(name, lang), pieces.number(part["metrics"][name]), note))
    return pieces.tiles(items)


def _caption(report: dict, split: str, view, lang: str) -> str:
    """Which checkpoint was measured, and what a simple model makes of the same rows."""
    best, simple = report.get("best") or {}, report.get("baseline")
    lines = []
    if best.get("value") is not None:
        name, value = charts.metric_name(best["metric"], lang), pieces.number(best["value"])
        lines.append(languages.text("best_checkpoint", lang, step=best["step"], metric=name, value=value))
    if simple and simple["split"] == split:
        values = ", ".join(f"{charts.metric_name(m, lang)} {pieces.number(simple['metrics'][m])}" for m in view.METRICS if m in simple["metrics"])
        lines.append(languages.text("baseline_" + simple["name"], lang, values=values, rows=simple["rows"]))
    return f'<div class="ft sub">{"<br>".join(lines)}</div>'


def mistakes(home: Home, lang: str, run_id: str, split: str | None, number: float) -> tuple:
    """One page of the rows that the model got wrong, the most confident first: (heading, table, page field)."""
    run = find_run(home, run_id)
    _, view = _report(run)
    if view is None or not run.predictions.exists() or not split:
        return "", "", gr.skip()
    wrong, total = _listed(run, split, view)
    pages = max(1, math.ceil(len(wrong) / PAGE_ROWS))
    here = min(max(int(number or 1), 1), pages)
    rows = wrong.slice((here - 1) * PAGE_ROWS, PAGE_ROWS).to_pylist()
    heads = [languages.text(key, lang) for key in view.MISTAKE_HEADS]
    table = pieces.table(heads, [view.mistake(row, lang) for row in rows], none=languages.text("no_errors", lang))
    title = languages.text("errors_title", lang, n=len(wrong), all=total)
    note = ""
    if hasattr(view, "TITLE"):
        title, note = languages.text(view.TITLE[0], lang, n=len(wrong)), languages.text(view.TITLE[1], lang)
    label = languages.text("page_of", lang, pages=pages, n=len(wrong))
    return pieces.heading(title, note), table, gr.Number(here, label=label, maximum=pages, visible=pages > 1)


def _listed(run: Run, split: str, view):
    """(table of what the view lists, else of wrong rows, most confident first; rows in the split)"""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    table = pq.read_table(run.predictions)
    table = table.filter(pc.equal(table["split"], split))
    if hasattr(view, "listed"):
        return view.listed(table), table.num_rows
    if "error" in table.column_names:  # of numbers none is right: the worst come first
        return table.sort_by([("error", "descending")]), table.num_rows
    right = pc.greater_equal(table["f1"], 1.0) if "f1" in table.column_names else pc.equal(table["label"], table["prediction"])
    return table.filter(pc.invert(right)).sort_by([("confidence", "descending")]), table.num_rows


def _report(run: Run | None) -> tuple[dict, object]:
    """(report, view of its task), ({}, None) where there is none."""
    if run is None or not run.report.exists():
        return {}, None
    report = json.loads(run.report.read_text(encoding="utf-8"))
    return (report, task_views.get(report["task"])) if report["splits"] else ({}, None)


# ---- the page


def build(page: Page) -> View:
    """Lay out the part and wire it."""
    t = page.t
    with gr.Column(visible=False, elem_id="evaluation-task") as content:
        with gr.Row(elem_classes=["table-tools"]):
            line = html(elem_id="task-caption")
            split = gr.Radio([], show_label=False, container=False, elem_id="task-split", elem_classes=["segments"])
        figures = html(elem_id="task-figures")
        with gr.Row(equal_height=True):
            with gr.Column(min_width=300):
                errors = chart(t("task_errors"), t("task_errors_note"), elem_id="chart-task-errors")
            with gr.Column(min_width=300):
                classes = chart(t("task_parts"), t("task_parts_note"), t("task_parts_none"), elem_id="chart-task-classes")
        title = html(elem_id="task-errors-title")
        table = html(elem_id="task-errors")
        number = gr.Number(1, minimum=1, precision=0, label="", elem_id="task-errors-page", elem_classes=["pager"], visible=False)
    listed = [title, table, number]
    outputs = [content, line, split, figures, errors, classes, *listed]
    split.input(page.bind(show), [page.run, split], outputs, **LATEST)
    number.input(page.bind(mistakes), [page.run, split, number], listed, **LATEST)
    return View(show, [page.run, split], outputs)
