"""Step 4: how good the model is, and where it errs. The head is the same for every task; what is below it is the task's."""

from __future__ import annotations

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import beside, charts, glossary, pieces, race
from ftui.ui.page import LATEST, QUIET, Page, View, find_run, go_to, html
from ftui.ui.task_views import classes, evaluation

# ---- handlers


def show(home: Home, lang: str, run_id: str, split: str | None) -> tuple:
    """(empty, view, way on, split choice, runs to compare with, comparison, tiles, line, simple models beside it)."""
    report, view = evaluation.report(home, run_id)
    if view is None:
        run = find_run(home, run_id)
        message = pieces.empty("◎", *(languages.text(f"{_waiting(run)}_{part}", lang) for part in ("title", "text")))
        return gr.HTML(message, visible=True), gr.Column(visible=False), gr.Row(visible=False), *([gr.skip()] * 6)
    split = evaluation.split_of(report, split)
    part = report["splits"][split]
    names = [name for name in evaluation.SPLITS if name in report["splits"]]
    return (
        gr.HTML(visible=False),
        gr.Column(visible=True),
        gr.Row(visible=True),
        gr.Radio(choices=[(languages.text("split_" + name, lang), name) for name in names], value=split, visible=len(names) > 1),
        others(home, lang, run_id),
        "",
        evaluation.tiles(view.METRICS, part, split, lang),
        caption(report, split, view, lang),
        beside.simple(report, split, lang) if view.LABELLED else beside.before(report, split, view.METRICS, lang),
    )


def _waiting(run: Run | None) -> str:
    """The key of what is said where there is nothing to show."""
    if run is None:
        return "evaluation_empty"
    if jobs.summary(run)["search"]:
        return "evaluation_search"
    return "evaluation_unsplit" if run.report.exists() else "evaluation_wait"


def caption(report: dict, split: str, view, lang: str) -> str:
    """Which checkpoint was measured, and, where no bars say it, what a simple model makes of the same rows."""
    best, simple = report.get("best") or {}, report.get("baseline")
    lines = []
    if best.get("value") is not None:
        name, value = charts.metric_name(best["metric"], lang), pieces.number(best["value"])
        lines.append(languages.text("best_checkpoint", lang, step=best["step"], metric=name, value=value))
    if simple and simple["split"] == split and not view.LABELLED and simple["name"] != "before_tuning":  # that has a table of its own
        values = ", ".join(f"{charts.metric_name(m, lang)} {pieces.number(simple['metrics'][m])}" for m in view.METRICS if m in simple["metrics"])
        lines.append(languages.text("baseline_" + simple["name"], lang, values=values, rows=simple["rows"]))
    return f'<div class="ft sub">{"<br>".join(lines)}</div>' if lines else ""


def others(home: Home, lang: str, run_id: str) -> dict:
    """The finished runs that this one can be compared with: those on the same data that have a score."""
    from ftui.evaluation import comparing

    listed = jobs.summaries(home)
    mine = next((line["dataset_id"] for line in listed if line["id"] == run_id), None)
    task = next((line["task"] for line in listed if line["id"] == run_id), None)
    same = [line for line in listed if (line["dataset_id"], line["task"], line["state"]) == (mine, task, ev.FINISHED)]
    same = [line for line in same if line["id"] != run_id and line["value"] is not None and task in comparing.TASKS]
    choices = [(f"{line['name']} · {line['model'].rpartition('/')[2]} · {line['value']:.3f}", line["id"]) for line in same]
    return gr.Dropdown(choices=choices, value=None, visible=bool(choices))


def compare(home: Home, lang: str, run_id: str, other_id: str | None, split: str | None) -> str:
    """This run beside another one: metrics, difference, and whether it is more than chance."""
    from ftui.evaluation import comparing

    mine, other = find_run(home, run_id), find_run(home, other_id or "")
    if mine is None or other is None or not (mine.predictions.exists() and other.predictions.exists()):
        return ""
    report, other_report = evaluation.report(home, run_id)[0], evaluation.report(home, other.id)[0]
    if not report or other_report.get("task", report["task"]) != report["task"]:
        return ""
    told = comparing.compare(other.predictions, mine.predictions, split or "test", report["task"])
    return beside.runs(told, lang)


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    nothing = html(
        pieces.empty("◎", t("evaluation_empty_title"), t("evaluation_empty_text")), elem_id="evaluation-empty"
    )
    with gr.Column(visible=False, elem_id="evaluation-view") as content:
        with gr.Row(elem_classes=["table-tools"]):
            line = html(elem_id="best-checkpoint")
            html(glossary.why("metrics", page.lang), elem_classes=["why-beside"])
            split = gr.Radio([], show_label=False, container=False, elem_id="split-choice", elem_classes=["segments"])
        figures = html(elem_id="figures")
        simple = html(elem_id="beside")
        other = gr.Dropdown([], label=t("compare_with"), elem_id="compare-with", visible=False)
        comparison = html(elem_id="comparison")
        bodies = [classes.build(page, split), evaluation.build(page, split), race.build(page)]
    with gr.Row(elem_classes=["onward"], visible=False) as way_on:
        onward = gr.Button(t("try_it"), variant="primary", elem_id="try-it")

    def show_all(home: Home, lang: str, run_id: str, chosen: str | None) -> tuple:
        head = show(home, lang, run_id, chosen)
        return (*head, *(part for body in bodies for part in body.handler(home, lang, run_id, chosen)))

    head = [nothing, content, way_on, split, other, comparison, figures, line, simple]
    outputs = [*head, *(part for body in bodies for part in body.outputs)]
    split.input(page.bind(show_all), [page.run, split], outputs, **LATEST)
    other.input(page.bind(compare), [page.run, other, split], [comparison], **LATEST)
    onward.click(lambda: go_to("playground"), [], [page.tabs], **QUIET)
    return View(show_all, [page.run, split], outputs)
