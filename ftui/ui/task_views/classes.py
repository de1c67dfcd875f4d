"""One label for each row, evaluated: confusion matrix, scores of each label, curves, and the rows themselves."""

from __future__ import annotations

import gradio as gr

from ftui.core import languages
from ftui.core.home import Home
from ftui.ui import answer_rows, charts, glossary, matrix, pieces
from ftui.ui.page import BROWSER, LATEST, QUIET, Page, View, chart, draw, html, pickable
from ftui.ui.task_views import evaluation

OUTPUTS = 15


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(view, confusion matrix, table of classes, choice of a label, ROC, PR, calibration, confidence, chosen cell, search, and
    what `answer_rows.show` gives); hidden where the run's rows have not one label each."""
    report, view = evaluation.report(home, run_id)
    if view is None or not view.LABELLED:
        return gr.Column(visible=False), *([gr.skip()] * (OUTPUTS - 1))
    split = evaluation.split_of(report, split)
    part = report["splits"][split]
    many = len(part["roc"]) > charts.MOST_CURVES
    curves = [curve["label"] for curve in part["roc"]]
    return (
        gr.Column(visible=True),
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
    part = evaluation.report(home, run_id)[0].get("splits", {}).get(split)
    return _curves(part, lang, label) if part else (gr.skip(), gr.skip())


def _curves(part: dict, lang: str, label: str | None) -> tuple[str, str]:
    average = part.get("average")
    return (
        draw(charts.roc(part["roc"], lang, average, label)),
        draw(charts.precision_recall(part["pr"], lang, average, label)),
    )


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


# ---- the page


def build(page: Page, split: gr.Radio) -> View:
    """Lay out the part and wire it; `split` is the tab's choice."""
    t = page.t
    with gr.Column(visible=False, elem_id="evaluation-labels") as content:
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
                1, precision=0, label="", elem_id="errors-page", elem_classes=["pager"], visible=False
            )
        label = gr.Dropdown([], label=t("curve_of"), elem_id="curve-of", visible=False)
        with gr.Row(equal_height=True):
            roc = _column(page, "roc")
            pr = _column(page, "pr")
        with gr.Row(equal_height=True):
            calibration = _column(page, "calibration")
            confidence = _column(page, "confidence")

    chosen = gr.State("")  # the cell of the matrix
    listed = [title, all_errors, kind, table, number]
    outputs = [content, confusion, classes, label, roc, pr, calibration, confidence, chosen, query, *listed]
    asked = [page.run, split, chosen, kind, query]
    label.input(page.bind(curves), [page.run, split, label], [roc, pr], **LATEST)
    number.input(page.bind(answer_rows.show), [*asked, number], listed, **LATEST)
    gr.on([kind.input, query.input], page.bind(_from_the_first), asked, listed, **LATEST)
    picked = confusion.click(page.bind(pick, event=True), [page.run, split, query], [chosen, *listed], **QUIET)
    picked.success(None, [], [], js="() => ftui.reveal('#errors-title')", **BROWSER)
    all_errors.click(page.bind(back), [page.run, split, query], [chosen, *listed], **QUIET)
    page.offer(save, answer_rows.save, [page.run])
    return View(show, [page.run, split], outputs)


def _from_the_first(home: Home, lang: str, *asked) -> tuple:
    return answer_rows.show(home, lang, *asked, 1)


def _column(page: Page, name: str) -> gr.HTML:
    t = page.t
    with gr.Column(min_width=300, elem_classes=["decision", "inset"]):
        made = chart(t("chart_" + name), t(f"chart_{name}_note"), t("nothing_counted"), elem_id="chart-" + name)
        if name in glossary.ENTRIES:
            glossary.place(name, page.lang)
        return made
