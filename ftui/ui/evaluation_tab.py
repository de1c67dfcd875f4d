"""Step 4: how good the model is, and where it errs."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import charts, pieces, task_views
from ftui.ui.page import LATEST, QUIET, Page, View, chart, draw, find_run, go_to, html
from ftui.ui.task_views import evaluation

MAIN = ("accuracy", "f1_macro", "mcc", "loss")
PAGE_ROWS = 20

# ---- handlers


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(empty, view, split choice, runs to compare with, comparison, tiles, line, confusion matrix, its note, table of
    classes, ROC, PR, calibration, confidence, and what `mistakes` gives)."""
    report = _report(home, run_id)
    if report is not None and task_views.get(report["task"]):
        return (gr.HTML(visible=False), gr.Column(visible=False), *([gr.skip()] * 15))
    if report is None:
        waiting = "evaluation_wait" if find_run(home, run_id) else "evaluation_empty"
        message = pieces.empty("◎", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return (gr.HTML(message, visible=True), gr.Column(visible=False), *([gr.skip()] * 15))
    names = [name for name in ("test", "validation") if name in report["splits"]]
    split = split if split in names else names[0]
    part = report["splits"][split]
    choices = [(languages.text("split_" + name, lang), name) for name in names]
    shown = len(charts.most_frequent(part["confusion"]))
    return (
        gr.HTML(visible=False),
        gr.Column(visible=True),
        gr.Radio(choices=choices, value=split, visible=len(names) > 1),
        others(home, lang, run_id),
        "",
        tiles(part, split, lang),
        caption(report, split, lang),
        draw(charts.confusion(part["confusion"], report["labels"], lang)),
        languages.text("confusion_some", lang, n=shown, all=len(report["labels"]))
        if shown < len(report["labels"])
        else "",
        class_table(part["per_class"], lang),
        draw(charts.roc(part["roc"], lang)),
        draw(charts.precision_recall(part["pr"], lang)),
        draw(charts.calibration(part["calibration"], lang)),
        draw(charts.confidence(part["confidence"], lang)),
        *mistakes(home, lang, run_id, split, 1),
    )


def tiles(part: dict, split: str, lang: str) -> str:
    """The figures at the head, each with the rows that it was measured on."""
    measured = languages.text("on_split", lang, split=languages.text("split_" + split, lang), n=part["rows"])
    items = []
    for name in (name for name in MAIN if name in part["metrics"]):
        note = measured
        if name in part.get("interval", {}):
            low, high = (pieces.number(end) for end in part["interval"][name])
            note += "\n" + languages.text("interval", lang, low=low, high=high)
        items.append((charts.metric_name(name, lang), pieces.number(part["metrics"][name]), note))
    items.append((languages.text("calibration_error", lang), pieces.number(part["calibration"]["ece"]), measured))
    return pieces.tiles(items)


def caption(report: dict, split: str, lang: str) -> str:
    """Which checkpoint was measured, and what a simple model makes of the same rows."""
    lines = []
    best, simple = report.get("best") or {}, report.get("baseline")
    if best.get("value") is not None:
        name, value = charts.metric_name(best["metric"], lang), pieces.number(best["value"])
        lines.append(languages.text("best_checkpoint", lang, step=best["step"], metric=name, value=value))
    if simple and simple["split"] == split:
        f1, accuracy = (pieces.number(simple["metrics"][name]) for name in ("f1_macro", "accuracy"))
        lines.append(languages.text("baseline", lang, f1=f1, accuracy=accuracy, rows=simple["rows"]))
    return f'<div class="ft sub">{"<br>".join(lines)}</div>'


def others(home: Home, lang: str, run_id: str) -> dict:
    """The finished runs that this one can be compared with: those on the same data."""
    listed = jobs.summaries(home)
    mine = next((line["dataset_id"] for line in listed if line["id"] == run_id), None)
    same = [line for line in listed if line["dataset_id"] == mine and line["id"] != run_id and line["state"] == ev.FINISHED]
    choices = [(f"{line['name']} · {line['model'].rpartition('/')[2]} · {line['value']:.3f}", line["id"]) for line in same]
    return gr.Dropdown(choices=choices, value=None, visible=bool(choices))


def compare(home: Home, lang: str, run_id: str, other_id: str | None, split: str | None) -> str:
    """This run beside another one: metrics, difference, and whether it is more than chance."""
    from ftui.evaluation import comparing

    mine, other = find_run(home, run_id), find_run(home, other_id or "")
    if mine is None or other is None or not (mine.predictions.exists() and other.predictions.exists()):
        return ""
    told = comparing.compare(other.predictions, mine.predictions, split or "test")
    if told is None:
        return pieces.notice(languages.text("nothing_shared", lang), kind="warn")
    heads = ["", languages.text("other_run", lang), languages.text("this_run", lang), languages.text("difference", lang)]
    cells = [
        [charts.metric_name(name, lang), pieces.number(a), pieces.number(b), f"{b - a:+.3f}"]
        for name, (a, b) in told["metrics"].items()
    ]
    low, high = (f"{end:+.3f}" for end in told["interval"])
    verdict = languages.text("by_chance" if told["chance"] else "not_by_chance", lang, low=low, high=high)
    counts = languages.text("only_right", lang, mine=told["only_second"], other=told["only_first"], p=f"{told['p_value']:.2g}")
    rows = languages.text("shared_rows", lang, n=told["rows"])
    table = pieces.table(heads, cells, numeric=(1, 2, 3))
    return f'<div class="ft chart-box">{table}<p class="sub">{verdict} {counts} {rows}</p></div>'


def class_table(rows: list[dict], lang: str) -> str:
    """Precision, recall, F1 and rows of each class, the frequent ones first."""
    heads = [languages.text("label", lang), *(charts.metric_name(m, lang) for m in ("precision", "recall", "f1"))]
    heads.append(languages.text("rows_cap", lang))
    ordered = sorted(rows, key=lambda row: -row["support"])
    cells = [
        [
            pieces.cell(row["label"], 80),
            *(pieces.meter(row[m]) for m in ("precision", "recall", "f1")),
            f"{row['support']:,}",
        ]
        for row in ordered
    ]
    title, note = languages.text("per_class", lang), languages.text("per_class_note", lang)
    table = pieces.table(heads, cells, numeric=(4,))
    return f'<div class="ft chart-box"><div class="h">{title}</div><div class="sub">{note}</div><div class="scroll">{table}</div></div>'


def mistakes(home: Home, lang: str, run_id: str, split: str | None, number: float) -> tuple:
    """One page of the rows that the model got wrong, the most confident first: (heading, table, page field)."""
    run = find_run(home, run_id)
    if run is None or not run.predictions.exists() or not split:
        return "", "", gr.skip()
    wrong, total = _mistakes(run, split)
    pages = max(1, math.ceil(len(wrong) / PAGE_ROWS))
    here = min(max(int(number or 1), 1), pages)
    rows = wrong.slice((here - 1) * PAGE_ROWS, PAGE_ROWS).to_pylist()
    cells = [
        [
            pieces.cell(row["text"]),
            pieces.pill(row["label"]),
            pieces.pill(row["prediction"], "wrong"),
            pieces.number(row["confidence"]),
        ]
        for row in rows
    ]
    heads = [languages.text(key, lang) for key in ("text", "true", "predicted", "confidence")]
    title = languages.text("errors_title", lang, n=len(wrong), all=total)
    table = pieces.table(heads, cells, numeric=(3,), none=languages.text("no_errors", lang))
    label = languages.text("page_of", lang, pages=pages, n=len(wrong))
    return (
        pieces.heading(title, languages.text("errors_note", lang)),
        table,
        gr.Number(here, label=label, maximum=pages, visible=pages > 1),
    )


def _mistakes(run: Run, split: str):
    """(table of wrong rows, most confident first; rows in the split)"""
    return _read_mistakes(run.predictions, split, run.predictions.stat().st_mtime_ns)


@functools.lru_cache(maxsize=8)
def _read_mistakes(path, split: str, version: int):
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns = ["text", "label", "prediction", "confidence"]
    table = pq.read_table(path, columns=["split", *columns])
    table = table.filter(pc.equal(table["split"], split))
    wrong = table.filter(pc.not_equal(table["label"], table["prediction"]))
    return wrong.select(columns).sort_by([("confidence", "descending")]), table.num_rows


def _report(home: Home, run_id: str) -> dict | None:
    run = find_run(home, run_id)
    if run is None or not run.report.exists():
        return None
    report = json.loads(run.report.read_text(encoding="utf-8"))
    return report if report["splits"] else None


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(
        pieces.empty("◎", t("evaluation_empty_title"), t("evaluation_empty_text")), elem_id="evaluation-empty"
    )
    other_tasks = evaluation.build(page)
    with gr.Column(visible=False, elem_id="evaluation-view") as content:
        with gr.Row(elem_classes=["table-tools"]):
            line = html(elem_id="best-checkpoint")
            split = gr.Radio([], show_label=False, container=False, elem_id="split-choice", elem_classes=["segments"])
        figures = html(elem_id="figures")
        other = gr.Dropdown([], label=t("compare_with"), elem_id="compare-with", visible=False)
        comparison = html(elem_id="comparison")
        with gr.Row(equal_height=True):
            with gr.Column(min_width=300):
                confusion = chart(t("confusion"), t("confusion_note"), elem_id="chart-confusion")
                some = html(elem_id="confusion-some")
            with gr.Column(min_width=300):
                classes = html(elem_id="per-class")
        with gr.Row(equal_height=True):
            roc = _column(t, "roc")
            pr = _column(t, "pr")
        with gr.Row(equal_height=True):
            calibration = _column(t, "calibration")
            confidence = _column(t, "confidence")
        title = html(elem_id="errors-title")
        table = html(elem_id="errors")
        number = gr.Number(
            1, minimum=1, precision=0, label="", elem_id="errors-page", elem_classes=["pager"], visible=False
        )
    with gr.Row(elem_classes=["onward"]):
        onward = gr.Button(t("try_it"), variant="primary", elem_id="try-it")

    listed = [title, table, number]
    outputs = [
        nothing,
        content,
        split,
        other,
        comparison,
        figures,
        line,
        confusion,
        some,
        classes,
        roc,
        pr,
        calibration,
        confidence,
        *listed,
    ]
    split.input(page.bind(show), [page.run, split], outputs, **LATEST)
    other.input(page.bind(compare), [page.run, other, split], [comparison], **LATEST)
    number.input(page.bind(mistakes), [page.run, split, number], listed, **LATEST)
    onward.click(lambda: go_to("playground"), [], [page.tabs], **QUIET)

    def show_all(home: Home, lang: str, run_id: str, chosen: str | None, other_split: str | None) -> tuple:
        return (*show(home, lang, run_id, chosen), *other_tasks.handler(home, lang, run_id, other_split))

    return View(show_all, [page.run, split, other_tasks.inputs[1]], [*outputs, *other_tasks.outputs])


def _column(t: Callable[[str], str], name: str) -> gr.HTML:
    with gr.Column(min_width=300):
        return chart(t("chart_" + name), t(f"chart_{name}_note"), elem_id="chart-" + name)
