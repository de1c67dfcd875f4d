"""Step 3: what the training is doing, as it comes: state, curves, log lines; stop and resume."""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError, told_by
from ftui.core.home import Home, Job
from ftui.ui import charts, pieces, style
from ftui.ui.following import Following, follow
from ftui.ui.page import QUIET, SHOWN, Page, chart, draw, go_to, html, pulse_of

LEVELS = {"all": {"debug", "info", "warning", "error"}, "warnings": {"warning", "error"}, "errors": {"error"}}
PAGE_LINES = 400  # log lines in the page; the file has them all
NEVER = (None, -1, -1, "", "", False, "")  # what a page that has shown nothing has seen

# ---- handlers


def tick(home: Home, lang: str, run_id: str, level: str, log_scale: bool, seen: tuple) -> tuple:
    """What is new since `seen`: (seen, pulse, timer, empty, view, status, error, stop, resume, onward, 4 charts, log).

    Called each second while the page is open; what has not changed is not sent.
    """
    job = _training(home, run_id)
    if job is None:
        if seen[0] == run_id:
            return _skip(15)
        blank = (gr.Timer(active=False), gr.HTML(visible=True), gr.Column(visible=False))
        return ((run_id, *NEVER[1:]), gr.skip(), *blank, *_skip(10))
    told = follow(job)
    state = jobs.state(job)
    now = (run_id, told.lines_seen, told.points_seen, state, level, log_scale, status(told, state, lang))
    if now == tuple(seen):
        return _skip(15)
    fresh = seen[0] != run_id
    changed = fresh or seen[3] != state
    return (
        now,
        pulse_of(run_id, state) if changed else gr.skip(),
        gr.Timer(active=state not in ev.TERMINAL) if changed else gr.skip(),
        gr.HTML(visible=False) if fresh else gr.skip(),
        gr.Column(visible=True) if fresh else gr.skip(),
        now[6],
        failure(told, state, lang) if changed or now[1] != seen[1] else gr.skip(),
        gr.Button(visible=state not in ev.TERMINAL, interactive=state != ev.STOPPING) if changed else gr.skip(),
        gr.Button(visible=state in (ev.STOPPED, ev.FAILED, ev.LOST)) if changed else gr.skip(),
        gr.Button(visible=state == ev.FINISHED) if changed else gr.skip(),
        *(draw_curves(told, lang, log_scale) if fresh or now[2] != seen[2] or now[5] != seen[5] else [gr.skip()] * 4),
        lines(told, level, lang) if fresh or now[1] != seen[1] or now[4] != seen[4] else gr.skip(),
    )


def again(home: Home, lang: str, run_id: str, level: str, log_scale: bool) -> tuple:
    """The whole view, for a page that has just chosen this run."""
    return tick(home, lang, run_id, level, log_scale, NEVER)


def status(told: Following, state: str, lang: str) -> str:
    """State, progress bar, step, speed, time left: one card."""
    progress = told.progress or {}
    phase, step, most = progress.get("phase"), progress.get("step"), progress.get("max_steps")
    items = []
    share = 1.0 if state == ev.FINISHED else 0.0
    if state in (ev.RUNNING, ev.STOPPING) and phase and phase not in ("training", "done"):
        items.append(languages.text("phase_" + phase, lang))
    if most and step is not None:
        unit = "n_of_rows" if phase == "evaluating" else "n_of_steps"
        items.append(languages.text(unit, lang, step=step, most=most, share=f"{step / most:.0%}"))
        share = step / most if state != ev.FINISHED else 1.0
    if state == ev.RUNNING and phase == "training":
        if progress.get("examples_per_second"):
            items.append(languages.text("speed", lang, n=pieces.number(progress["examples_per_second"], 0)))
        if progress.get("eta") is not None:
            items.append(languages.text("time_left", lang, span=pieces.duration(progress["eta"], lang)))
    if told.started and told.ended and state in ev.TERMINAL:
        items.append(languages.text("took", lang, span=pieces.duration(told.ended - told.started, lang)))
    waiting = state in (ev.QUEUED, ev.STARTING) or (state == ev.RUNNING and not most)
    shown = "".join(f'<span class="item">{item}</span>' for item in items)
    bar = f'<div class="progress {state}{" wait" if waiting else ""}" role="progressbar" aria-label="{languages.log("state_" + state, lang)}" aria-valuemin="0" aria-valuemax="100" '
    bar += f'aria-valuenow="{share * 100:.0f}"><i style="width:{share * 100:.1f}%"></i></div>'
    note = languages.catalogue("interface").get("about_" + state)
    words = f'<p class="sub" style="margin-top:10px">{note[lang]}</p>' if note else ""
    return f'<div class="ft card"><div class="status">{pieces.badge(state, lang)}{shown}</div>{bar}{words}</div>'


def failure(told: Following, state: str, lang: str) -> str:
    """Why it failed, in the reader's language where the catalogue has it; the trace is a click away."""
    event = told.error
    if event is None or state not in (ev.FAILED, ev.LOST):
        return ""
    message, hint = told_by(event, lang)
    return pieces.notice(message, hint, "bad", event.get("details", ""), languages.text("details", lang))


def draw_curves(told: Following, lang: str, log_scale: bool) -> list[str]:
    """Loss, metrics, learning rate and gradient norm."""
    found = told.curves()
    loss = {name: found[name] for name in ("loss", "validation_loss") if name in found}
    scores = {name: found[name] for name in ("validation_f1_macro", "validation_accuracy") if name in found}
    return [
        draw(charts.curves(loss, lang, log_scale)),
        draw(charts.curves(scores, lang)),
        draw(charts.line(found.get("learning_rate", []), "learning_rate", lang, style.TUNED)),
        draw(charts.line(found.get("grad_norm", []), "grad_norm", lang, style.BASE)),
    ]


def lines(told: Following, level: str, lang: str) -> str:
    """The newest log lines."""
    from html import escape

    shown = told.shown_lines(LEVELS[level])[-PAGE_LINES:]
    rows = "".join(
        f'<div class="{escape(line.get("level", "error"))}"><time>{time.strftime("%H:%M:%S", time.localtime(line["time"]))}</time>'
        f"{escape(sentence(line, lang))}</div>"
        for line in shown
    )
    rows = rows or f'<div class="none">{languages.text("no_lines", lang)}</div>'
    return f'<div class="ft log" tabindex="0" role="log" aria-live="off">{rows}</div>'


def sentence(event: dict, lang: str) -> str:
    """A log or error event in the reader's language."""
    if event["type"] == "error":
        return told_by(event, lang)[0]
    try:
        return languages.log(event["key"], lang, **event.get("params", {}))
    except (KeyError, IndexError):  # written by another version
        return f"{event['key']} {event.get('params', '')}"


def stop(home: Home, lang: str, run_id: str) -> None:
    """Ask the training to stop; the page sees it in the state."""
    job = _training(home, run_id)
    if job is not None:
        jobs.stop(job)


def resume(home: Home, lang: str, run_id: str) -> tuple:
    """Go on from the last checkpoint; the timer runs again."""
    jobs.resume(home.run(run_id))
    return gr.Timer(active=True), NEVER


def worker_log(home: Home, lang: str, run_id: str) -> str | None:
    """A copy of what the worker printed, for download: the home itself is never served."""
    job = _training(home, run_id)
    if job is None or not job.log.exists():
        gr.Warning(languages.text("no_worker_log", lang))
        return None
    copy = Path(tempfile.mkdtemp(prefix="ftui-")) / f"{run_id}-worker.log"
    shutil.copyfile(job.log, copy)
    return str(copy)


def _training(home: Home, run_id: str) -> Job | None:
    try:
        return home.run(run_id).training() if run_id else None
    except UserError:
        return None


def _skip(n: int) -> tuple:
    return tuple(gr.skip() for _ in range(n))


# ---- the page


def build(page: Page) -> None:
    """Lay out the tab and wire it."""
    t = page.t
    seen = gr.State(NEVER)
    timer = gr.Timer(1.0, active=False)
    nothing = html(pieces.empty("∿", t("log_empty_title"), t("log_empty_text")), elem_id="log-empty")
    with gr.Column(visible=False, elem_id="log-view") as view:
        with gr.Row(elem_classes=["status-row"]):
            state = html(elem_id="status")
            stopper = gr.Button(t("stop"), variant="stop", elem_id="stop", visible=False)
            resumer = gr.Button(t("resume"), variant="primary", elem_id="resume", visible=False)
        problem = html(elem_id="failure")
        with gr.Row(equal_height=True):
            with gr.Column(min_width=300):
                loss = chart(t("chart_loss"), t("chart_loss_note"), t("chart_later"), elem_id="chart-loss")
            with gr.Column(min_width=300):
                scores = chart(
                    t("chart_scores"), t("chart_scores_note"), t("chart_scores_later"), elem_id="chart-scores"
                )
        log_scale = gr.Checkbox(False, label=t("log_scale"), elem_id="log-scale", container=False)
        with gr.Accordion(t("more_curves"), open=False, elem_id="more-curves", elem_classes=["sheet"]), gr.Row():
            with gr.Column(min_width=280):
                rate = chart(t("metric_learning_rate"), t("chart_rate_note"), elem_id="chart-rate")
            with gr.Column(min_width=280):
                norm = chart(t("metric_grad_norm"), t("chart_norm_note"), elem_id="chart-norm")
        with gr.Row(elem_classes=["table-tools"]):
            html(pieces.heading(t("log_title")))
            levels = [(t("level_" + name), name) for name in LEVELS]
            level = gr.Radio(
                levels, value="all", show_label=False, container=False, elem_id="level", elem_classes=["segments"]
            )
            save = gr.Button(t("download_log"), size="sm", elem_id="download-log", elem_classes=["tight"])
            page.offer(save, worker_log, [page.run])
        load = "ftui.follow(element, watch)"
        log = gr.HTML(elem_id="log-lines", apply_default_css=False, js_on_load=load)
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("see_evaluation"), variant="primary", elem_id="see-evaluation", visible=False)

    outputs = [
        seen,
        page.pulse,
        timer,
        nothing,
        view,
        state,
        problem,
        stopper,
        resumer,
        onward,
        loss,
        scores,
        rate,
        norm,
        log,
    ]
    timer.tick(page.bind(tick), [page.run, level, log_scale, seen], outputs, trigger_mode="once", **QUIET)
    page.run.change(page.bind(again), [page.run, level, log_scale], outputs, **QUIET)
    gr.on(
        [level.input, log_scale.input, page.pulse.change],
        page.bind(tick),
        [page.run, level, log_scale, seen],
        outputs,
        **QUIET,
    )
    stopper.click(page.bind(stop), [page.run], [], **QUIET)
    resumer.click(page.bind(resume), [page.run], [timer, seen], **SHOWN)
    onward.click(lambda: go_to("evaluation"), [], [page.tabs], **QUIET)
