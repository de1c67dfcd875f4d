"""Step 4: how good the model is, and where it errs."""

from __future__ import annotations

import json

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.home import Home
from ftui.ui import answer_rows, beside, charts, glossary, matrix, pieces, task_views
from ftui.ui.page import BROWSER, LATEST, QUIET, Page, View, chart, draw, find_run, go_to, html, pickable
from ftui.ui.task_views import evaluation

MAIN = ("accuracy", "f1_macro", "mcc", "loss")

# ---- handlers


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(empty, view, split choice, runs to compare with, comparison, tiles, line, simple models beside it, confusion
    matrix, table of classes, choice of a label, ROC, PR, calibration, confidence, chosen cell, search, and what
    `answer_rows.show` gives)."""
    report = _report(home, run_id)
    if report is not None and task_views.get(report["task"]):
        return (gr.HTML(visible=False), gr.Column(visible=False), *([gr.skip()] * 20))
    if report is None:
        waiting = "evaluation_wait" if find_run(home, run_id) else "evaluation_empty"
        message = pieces.empty("◎", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return (gr.HTML(message, visible=True), gr.Column(visible=False), *([gr.skip()] * 20))
    names = [name for name in ("test", "validation") if name in report["splits"]]
    split = split if split in names else names[0]
    part = report["splits"][split]
    choices = [(languages.text("split_" + name, lang), name) for name in names]
    many = len(part["roc"]) > charts.MOST_CURVES
    curves = [curve["label"] for curve in part["roc"]]
    return (
        gr.HTML(visible=False),
        gr.Column(visible=True),
        gr.Radio(choices=choices, value=split, visible=len(names) > 1),
        others(home, lang, run_id),
        "",
        tiles(part, split, lang),
        caption(report, lang),
        beside.simple(report, split, lang),
        matrix.confusion(part["confusion"], report["labels"], lang),
        class_table(part["per_class"], lang),
        gr.Dropdown(choices=curves, value=curves[0] if many else None, visible=many),
        *_curves(part, lang, curves[0] if many else None),
        draw(charts.calibration(part["calibration"], lang)),
        draw(charts.confidence(part["confidence"], lang)),
        "",
        "",
        *answer_rows.show(home, lang, run_id, split, "", answer_rows.ERRORS, "", 1),
    )


def curves(home: Home, lang: str, run_id: str, split: str | None, label: str | None) -> tuple[str, str]:
    """(ROC, precision and recall) with the line of one label beside the average."""
    report = _report(home, run_id)
    part = (report or {"splits": {}})["splits"].get(split)
    return _curves(part, lang, label) if part else (gr.skip(), gr.skip())


def _curves(part: dict, lang: str, label: str | None) -> tuple[str, str]:
    average = part.get("average")
    return (
        draw(charts.roc(part["roc"], lang, average, label)),
        draw(charts.precision_recall(part["pr"], lang, average, label)),
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


def caption(report: dict, lang: str) -> str:
    """Which checkpoint was measured."""
    best = report.get("best") or {}
    if best.get("value") is None:
        return ""
    name, value = charts.metric_name(best["metric"], lang), pieces.number(best["value"])
    line = languages.text("best_checkpoint", lang, step=best["step"], metric=name, value=value)
    return f'<div class="ft sub">{line}</div>'


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
    return beside.runs(told, lang)


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


def pick(home: Home, lang: str, picked: str, run_id: str, split: str | None, query: str) -> tuple:
    """A cell of the matrix was chosen: (chosen cell, and what `answer_rows.show` gives)."""
    return picked, *answer_rows.show(home, lang, run_id, split, picked, None, query, 1)


def back(home: Home, lang: str, run_id: str, split: str | None, query: str) -> tuple:
    """From the rows of one cell to all errors."""
    return "", *answer_rows.show(home, lang, run_id, split, "", answer_rows.ERRORS, query, 1)


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
            html(glossary.why("metrics", page.lang), elem_classes=["why-beside"])
            split = gr.Radio([], show_label=False, container=False, elem_id="split-choice", elem_classes=["segments"])
        figures = html(elem_id="figures")
        simple = html(elem_id="beside")
        other = gr.Dropdown([], label=t("compare_with"), elem_id="compare-with", visible=False)
        comparison = html(elem_id="comparison")
        with gr.Row(equal_height=True):
            with gr.Column(min_width=300):
                confusion = pickable(elem_id="confusion")
            with gr.Column(min_width=300):
                classes = html(elem_id="per-class")
        with gr.Column(elem_id="answer-rows"):
            title = html(elem_id="errors-title")
            with gr.Row(elem_classes=["table-tools"]):
                query = gr.Textbox(
                    show_label=False, container=False, placeholder=t("search_answers"), elem_id="search-answers", min_width=180
                )
                choices = [(t("rows_errors"), answer_rows.ERRORS), (t("rows_every"), answer_rows.ALL)]
                kind = gr.Radio(
                    choices, value=answer_rows.ERRORS, show_label=False, container=False, elem_id="rows-kind",
                    elem_classes=["segments"],
                )  # fmt: skip
                all_errors = gr.Button(t("all_errors"), visible=False, elem_id="all-errors", elem_classes=["tight"])
                save = gr.Button(t("save_predictions"), elem_id="save-predictions", elem_classes=["tight"])
            table = html(elem_id="errors")
            number = gr.Number(
                1, minimum=1, precision=0, label="", elem_id="errors-page", elem_classes=["pager"], visible=False
            )
        label = gr.Dropdown([], label=t("curve_of"), elem_id="curve-of", visible=False)
        with gr.Row(equal_height=True):
            roc = _column(page, "roc")
            pr = _column(page, "pr")
        with gr.Row(equal_height=True):
            calibration = _column(page, "calibration")
            confidence = _column(page, "confidence")
    with gr.Row(elem_classes=["onward"]):
        onward = gr.Button(t("try_it"), variant="primary", elem_id="try-it")

    chosen = gr.State("")  # the cell of the matrix
    listed = [title, all_errors, kind, table, number]
    outputs = [nothing, content, split, other, comparison, figures, line, simple, confusion, classes, label, roc, pr]
    outputs += [calibration, confidence, chosen, query, *listed]
    asked = [page.run, split, chosen, kind, query]
    split.input(page.bind(show), [page.run, split], outputs, **LATEST)
    other.input(page.bind(compare), [page.run, other, split], [comparison], **LATEST)
    label.input(page.bind(curves), [page.run, split, label], [roc, pr], **LATEST)
    number.input(page.bind(answer_rows.show), [*asked, number], listed, **LATEST)
    gr.on([kind.input, query.input], page.bind(_from_the_first), asked, listed, **LATEST)
    picked = confusion.click(page.bind(pick, event=True), [page.run, split, query], [chosen, *listed], **QUIET)
    picked.success(None, [], [], js="() => ftui.reveal('#errors-title')", **BROWSER)
    all_errors.click(page.bind(back), [page.run, split, query], [chosen, *listed], **QUIET)
    page.offer(save, answer_rows.save, [page.run])
    onward.click(lambda: go_to("playground"), [], [page.tabs], **QUIET)

    def show_all(home: Home, lang: str, run_id: str, chosen: str | None, other_split: str | None) -> tuple:
        return (*show(home, lang, run_id, chosen), *other_tasks.handler(home, lang, run_id, other_split))

    return View(show_all, [page.run, split, other_tasks.inputs[1]], [*outputs, *other_tasks.outputs])


def _from_the_first(home: Home, lang: str, *asked) -> tuple:
    return answer_rows.show(home, lang, *asked, 1)


def _column(page: Page, name: str) -> gr.HTML:
    t = page.t
    with gr.Column(min_width=300, elem_classes=["decision", "inset"]):
        made = chart(t("chart_" + name), t(f"chart_{name}_note"), elem_id="chart-" + name)
        if name in glossary.ENTRIES:
            glossary.place(name, page.lang)
        return made
