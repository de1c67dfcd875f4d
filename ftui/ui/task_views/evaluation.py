"""What every task's evaluation has: figures at the head; and, for those that draw no more, two charts and the errors."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from types import ModuleType

import gradio as gr

from ftui import tasks
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import charts, pieces, task_views
from ftui.ui.page import LATEST, Page, View, chart, draw, find_run, html

PAGE_ROWS = 20
MOST_SAMPLES = 12  # of those that were written while the model learned
SPLITS = ("test", "validation")  # the first one is shown first


def report(home: Home, run_id: str) -> tuple[dict, ModuleType | None]:
    """(report, view of its task), ({}, None) where there is none."""
    run = find_run(home, run_id)
    if run is None or not run.report.exists():
        return {}, None
    content = json.loads(run.report.read_text(encoding="utf-8"))
    return (content, task_views.get(content["task"])) if content["splits"] else ({}, None)


def split_of(content: dict, wanted: str | None) -> str:
    """The split that is shown: the wanted one where the report has it, else the first."""
    return wanted if wanted in content["splits"] else next(name for name in SPLITS if name in content["splits"])


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(view, two charts, what `mistakes` gives, place of the second chart, samples through time); hidden where the task draws
    itself."""
    content, view = report(home, run_id)
    if view is None or view.LABELLED:
        return gr.Column(visible=False), *([gr.skip()] * 7)
    split = split_of(content, split)
    part = content["splits"][split]
    drawn = view.figures(part, content["labels"], lang).items()
    figures = {place: charts.nothing(languages.text("nothing_counted", lang)) if figure is None else figure for place, figure in drawn}
    names = view.charts_of(part) if hasattr(view, "charts_of") else view.CHARTS
    for figure, key in zip(figures.values(), names, strict=True):
        figure.update_layout(meta={"title": languages.text(key, lang), "note": languages.text(key + "_note", lang)})
    return (
        gr.Column(visible=True),
        draw(figures["errors"]),
        draw(figures.get("classes")),
        *mistakes(home, lang, run_id, split, 1),
        gr.Column(visible="classes" in figures),
        through_time(home, lang, run_id),
    )


def through_time(home: Home, lang: str, run_id: str) -> str:
    """What the model wrote to the same question as it learned, from before its first step on; empty where it wrote nothing."""
    run = find_run(home, run_id)
    job = run.training() if run else None
    told = [e["params"] for e in ev.read(job.events)[0] if e["type"] == "log" and e["key"] == "sample_written"] if job else []
    if not told:
        return ""
    by_epoch = {one["epoch"]: one for one in told}  # after a resume some come twice: the last one holds
    lines = [by_epoch[epoch] for epoch in sorted(by_epoch)]
    step = max(1, math.ceil((len(lines) - 1) / (MOST_SAMPLES - 1)))
    shown = [*lines[:-1:step], lines[-1]]
    rows = [[languages.text("before_head", lang) if one["epoch"] == 0 else f"{one['epoch']:g}", pieces.cell(one["said"])] for one in shown]
    heads = [languages.text(key, lang) for key in ("epoch_head", "written_head")]
    title, note = languages.text("through_time", lang), languages.text("through_time_note", lang, asked=told[-1]["asked"])
    return pieces.heading(title, note) + pieces.table(heads, rows)


def tiles(metrics: Sequence[str], part: dict, split: str, lang: str) -> str:
    """The figures at the head, the main one first: each with what it means, its interval, and the rows it was measured on."""
    items = []
    values = part["metrics"] | ({"ece": part["calibration"]["ece"]} if "calibration" in part else {})
    for name in (name for name in metrics if name in values):
        notes = [languages.text("about_metric_" + name, lang)] if "about_metric_" + name in languages.interface() else []
        if name in part.get("interval", {}):
            low, high = (pieces.number(end) for end in part["interval"][name])
            notes.append(languages.text("interval", lang, low=low, high=high))
        rows = part.get("written", part["rows"]) if name in tasks.WRITTEN else part["rows"]
        notes.append(languages.text("on_split", lang, split=languages.text("split_" + split, lang), n=rows))
        items.append((charts.metric_name(name, lang), pieces.number(values[name]), "\n".join(notes)))
    return pieces.tiles(items)


def mistakes(home: Home, lang: str, run_id: str, split: str | None, number: float) -> tuple:
    """One page of the rows that the model got wrong, the most confident first: (heading, table, page field)."""
    run, view = find_run(home, run_id), report(home, run_id)[1]
    if run is None or view is None or not run.predictions.exists() or not split:
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
    return pieces.heading(title, note), table, gr.Number(here, label=label, visible=pages > 1)


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


# ---- the page


def build(page: Page, split: gr.Radio) -> View:
    """Lay out the part and wire it; `split` is the tab's choice."""
    t = page.t
    with gr.Column(visible=False, elem_id="evaluation-task") as content:
        with gr.Row(equal_height=True):
            with gr.Column(min_width=300):
                errors = chart(t("task_errors"), t("task_errors_note"), elem_id="chart-task-errors")
            with gr.Column(min_width=300) as second:
                classes = chart(t("task_parts"), t("task_parts_note"), elem_id="chart-task-classes")
        samples = html(elem_id="through-time")
        title = html(elem_id="task-errors-title")
        table = html(elem_id="task-errors")
        number = gr.Number(1, precision=0, label="", elem_id="task-errors-page", elem_classes=["pager"], visible=False)
    listed = [title, table, number]
    number.input(page.bind(mistakes), [page.run, split, number], listed, **LATEST)
    return View(show, [page.run, split], [content, errors, classes, *listed, second, samples])
