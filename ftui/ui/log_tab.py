"""Step 3: what the training is doing, as it comes: state, curves, log lines; stop and resume.

The page's script asks GET /live (see ftui.ui.live) and gets new log lines from there; whenever something is to be drawn
anew it calls `tick`.
"""

from __future__ import annotations

import time

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError, told_by
from ftui.core.home import Home, Job
from ftui.jobs.following import Following, follow
from ftui.ui import charts, demo, downloads, glossary, layers, lines, live, outcome, pieces, search
from ftui.ui.page import BROWSER, LATEST, QUIET, SHOWN, Page, chart, draw, go_to, html, pulse_of

OUTPUTS = 16 + search.OUTPUTS
TAIL = 6000  # bytes of the worker's own output that are shown with a failure
NEVER = (None, -1, "", False, 0.0, "")  # what a page that has shown nothing has seen

# ---- handlers


def tick(home: Home, lang: str, run_id: str, log_scale: bool, smoothing: float, seen: tuple) -> tuple:
    """What is new since `seen`: (seen, pulse, run to follow, empty, view, status, failure, stop, resume, onward, 3 charts, the
    layers with their 2 charts, and what ftui.ui.search shows).

    What has not changed is not sent.
    """
    job = _training(home, run_id)
    if job is None:
        if seen[0] == run_id:
            return _skip(OUTPUTS)
        return ((run_id, *NEVER[1:]), gr.skip(), "", gr.Column(visible=True), gr.Column(visible=False), *_skip(OUTPUTS - 5))
    told = follow(job)
    state = jobs.state(job)
    place = live.queue_place(job.run) if state == ev.QUEUED else 0
    now = (run_id, told.points_seen, state, log_scale, smoothing, status(told, state, place, lang, outcome.told(job.run, told, state, lang)))
    if now == tuple(seen):
        return _skip(OUTPUTS)
    fresh = seen[0] != run_id
    changed = fresh or seen[2] != state
    redrawn = fresh or (now[1], *now[3:5]) != (seen[1], *seen[3:5])
    return (
        now,
        pulse_of(run_id, state) if changed else gr.skip(),
        run_id if fresh else gr.skip(),
        gr.Column(visible=False) if fresh else gr.skip(),
        gr.Column(visible=True) if fresh else gr.skip(),
        now[5] if now[5] != seen[5] else gr.skip(),
        failure(told, state, _tail(job), lang) if changed else gr.skip(),
        _stopper(state, lang) if changed else gr.skip(),
        gr.Button(visible=state in (ev.STOPPED, ev.FAILED, ev.LOST)) if changed else gr.skip(),
        gr.Button(visible=state == ev.FINISHED and not jobs.summary(job.run)["search"]) if changed else gr.skip(),
        *([*draw_curves(told, lang, log_scale, smoothing), *draw_layers(told, lang)] if redrawn else [gr.skip()] * 6),
        *(search.show(job.run, lang, fresh) if redrawn or changed else _skip(search.OUTPUTS)),
    )


def again(home: Home, lang: str, run_id: str, log_scale: bool, smoothing: float) -> tuple:
    """The whole view, for a page that has just chosen this run."""
    return tick(home, lang, run_id, log_scale, smoothing, NEVER)


def _stopper(state: str, lang: str) -> dict:
    word = languages.text("leave_queue" if state == ev.QUEUED else "stop", lang)
    return gr.Button(value=word, visible=state not in ev.TERMINAL, interactive=state != ev.STOPPING)


def status(told: Following, state: str, place: int, lang: str, result: str = "") -> str:
    """State, progress bar, step, speed, time left, `result` (HTML), what can be done: one card. `place` is that in the
    queue, from 1."""
    progress = told.progress or {}
    phase, step, most = progress.get("phase"), progress.get("step"), progress.get("max_steps")
    items = [languages.text("queue_place", lang, place=pieces.ordinal(place, lang))] if place else []
    share = 1.0 if state == ev.FINISHED else 0.0
    if state in (ev.RUNNING, ev.STOPPING) and phase and phase not in ("training", "searching", "done"):
        items.append(languages.text("phase_" + phase, lang))
    if progress.get("trial"):  # of a search
        items.append(search.progress(told, state, lang))
        share = step / most if state != ev.FINISHED else 1.0
    elif most and step is not None:
        unit = "n_of_rows" if phase in ("evaluating", "augmenting") else "n_of_steps"
        items.append(languages.text(unit, lang, step=step, most=most, share=f"{step / most:.0%}"))
        share = step / most if state != ev.FINISHED else 1.0
    if state == ev.RUNNING and phase == "training":
        if progress.get("examples_per_second"):
            items.append(languages.text("speed", lang, n=pieces.number(progress["examples_per_second"], 0)))
        if progress.get("eta") is not None:
            items.append(languages.text("time_left", lang, span=pieces.duration(progress["eta"], lang)))
    if told.ended and state in ev.TERMINAL and told.worked:
        items.append(languages.text("took", lang, span=pieces.duration(told.worked, lang)))
    waiting = state in (ev.QUEUED, ev.STARTING) or (state == ev.RUNNING and not most)
    shown = "".join(f'<span class="item">{item}</span>' for item in items)
    bar = f'<div class="progress {state}{" wait" if waiting else ""}" role="progressbar" aria-label="{languages.text("progress", lang)}" '
    bar += f'aria-valuemin="0" aria-valuemax="100" aria-valuenow="{share * 100:.0f}"><i style="width:{share * 100:.1f}%"></i></div>'
    known = languages.interface()
    note = (known.get("search_about_" + state) if progress.get("trial") else None) or known.get("about_" + state)
    words = f'<p class="sub" style="margin-top:10px">{note[lang]}</p>' if note else ""
    return f'<div class="ft card"><div class="status">{pieces.badge(state, lang)}{shown}</div>{bar}{result}{words}</div>'


def failure(told: Following, state: str, tail: str, lang: str) -> str:
    """What happened, where, and what to do, in the reader's language where the catalogue has it; the trace and the end of
    what the process printed are a click away. "" for a run that has not failed."""
    details = {languages.text("last_output", lang): tail}
    if state == ev.LOST:
        return pieces.notice(languages.text("lost", lang), languages.text("lost_hint", lang), "bad", _titled(details), languages.text("details", lang))
    event = told.error
    if event is None or state != ev.FAILED:
        return ""
    message, hint = told_by(event, lang)
    trace = event.get("details", "")
    details = {languages.text("trace", lang): trace, **({} if tail.strip() in trace else details)}
    return pieces.notice(
        f"{message} {where(told, lang)}".strip(), hint, "bad", _titled(details), languages.text("details", lang)
    )


def where(told: Following, lang: str) -> str:
    """How far the training had come when it ended, "" where that is not known."""
    progress = told.progress or {}
    if not progress.get("max_steps"):
        return languages.text("before_first_step", lang)
    if progress["phase"] == "searching":
        return ""
    if progress["phase"] != "training":
        return languages.text("after_last_step", lang, phase=languages.text("phase_" + progress["phase"], lang))
    return languages.text("at_step", lang, step=progress["step"], most=progress["max_steps"])


def _titled(parts: dict[str, str]) -> str:
    return "\n\n".join(f"— {title} —\n{text.strip()}" for title, text in parts.items() if text.strip())


def draw_curves(told: Following, lang: str, log_scale: bool, smoothing: float) -> list[str]:
    """Loss; metrics; learning rate and gradient norm."""
    found = told.curves()
    loss = {name: found[name] for name in ("loss", "validation_loss") if name in found}
    measured = [name for name in found if name.startswith("validation_") and name != "validation_loss"]
    known = [name for name in ("validation_f1_macro", "validation_accuracy") if name in found]
    scores = {name: found[name] for name in known or measured[:3]}
    return [
        draw(charts.curves(loss, lang, log_scale, smoothing)),
        draw(charts.curves(scores, lang)),
        draw(charts.rate_and_norm(found, lang, smoothing)),
    ]


def draw_layers(told: Following, lang: str) -> tuple[dict, str, str]:
    """(the part, learning rate, gradient norm); unseen where nothing is known of layers."""
    found = told.layers()
    if found is None:
        return gr.Accordion(visible=False), "", ""
    return gr.Accordion(visible=True), draw(layers.rates(found, lang)), draw(layers.norms(found, lang))


def stop(home: Home, lang: str, run_id: str) -> None:
    """Ask the training to stop; the page sees it in the state."""
    job = _training(home, run_id)
    if job is not None:
        jobs.stop(job)


def resume(home: Home, lang: str, run_id: str) -> tuple:
    """Go on from the last checkpoint; what the page has seen holds no more."""
    jobs.resume(home.run(run_id))
    return NEVER


def full_log(home: Home, lang: str, run_id: str) -> str | None:
    """All lines, and what the process printed, as a file outside the home: the home itself is never served."""
    job = _training(home, run_id)
    if job is None or not job.events.exists():
        gr.Warning(languages.text("no_worker_log", lang))
        return None
    path = downloads.place(f"{job.run.id}.log")
    with open(path, "w", encoding="utf-8") as file:
        for event in ev.read(job.events)[0]:
            said = lines.sentence(event, lang) if lines.level_of(event) else ""
            if said:
                clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(event["time"]))
                file.write(f"{clock} {lines.level_of(event):<7} {said}\n")
        if job.log.exists():
            file.write(f"\n— worker.log —\n{job.log.read_text(encoding='utf-8', errors='replace')}")
    return str(path)


def _tail(job: Job) -> str:
    """The end of what the worker has printed."""
    from ftui.jobs.worker import tail

    return tail(job.log, TAIL) if job.log.exists() else ""


def _training(home: Home, run_id: str) -> Job | None:
    try:
        return home.run(run_id).training() if run_id else None
    except UserError:
        return None


def _skip(n: int) -> tuple:
    return tuple(gr.skip() for _ in range(n))


# ---- the page

LOG = """<div class="ft log-box" {data}><p class="sub more" hidden></p>
<div class="log" tabindex="0" role="log" aria-live="off" aria-label="{label}"><div class="none">{none}</div></div>
<button class="newest" hidden>↓ <span></span></button></div>"""


def build(page: Page) -> None:
    """Lay out the tab and wire it."""
    t = page.t
    seen = gr.State(NEVER)
    load = "ftui.live(element, props, trigger, watch)"
    beat = gr.HTML("", elem_id="beat", html_template="<i></i>", js_on_load=load, elem_classes=["offscreen"])
    with gr.Column(elem_id="log-empty") as nothing:
        html(pieces.empty("∿", t("log_empty_title"), t("log_empty_text")))
        demo.button(page, "demo-log")
    with gr.Column(visible=False, elem_id="log-view") as view:
        with gr.Row(elem_classes=["status-row"]):
            state = html(elem_id="status")
            stopper = gr.Button(t("stop"), variant="stop", elem_id="stop", visible=False)
            resumer = gr.Button(t("resume"), variant="primary", elem_id="resume", visible=False)
        problem = html(elem_id="failure")
        _tell(page)
        sought = search.build_view(page)
        with gr.Column(elem_id="log-curves") as curves:
            smoothing, log_scale, *drawn = _curves(page)
        _log(page)
        with gr.Row(elem_classes=["onward"]):
            onward = gr.Button(t("see_evaluation"), variant="primary", elem_id="see-evaluation", visible=False)

    outputs = [seen, page.pulse, beat, nothing, view, state, problem, stopper, resumer, onward, *drawn, curves, *sought]
    shown = [page.run, log_scale, smoothing]
    page.run.change(page.bind(again), shown, outputs, **QUIET)
    news = [beat.click, log_scale.input, smoothing.input, page.pulse.change]
    gr.on(news, page.bind(tick), [*shown, seen], outputs, **LATEST)
    stopper.click(page.bind(stop), [page.run], [], **QUIET)
    resumer.click(page.bind(resume), [page.run], [seen], **SHOWN).then(page.bind(again), shown, outputs, **QUIET)
    sought[2].click(page.bind(search.use), [page.run], [page.again, page.tabs], **QUIET)
    onward.click(lambda: go_to("evaluation"), [], [page.tabs], **QUIET)


def _curves(page: Page) -> tuple:
    """The charts of a training: (smoothing, log scale, loss, scores, rates, the layers with their 2 charts)."""
    t = page.t
    with gr.Row(elem_classes=["curve-tools"]):
        smoothing = gr.Slider(0, 0.95, value=0, step=0.05, label=t("smoothing"), elem_id="smoothing", buttons=[])
        log_scale = gr.Checkbox(False, label=t("log_scale"), elem_id="log-scale", container=False)
    with gr.Row(equal_height=True):
        with gr.Column(min_width=280, elem_classes=["decision", "inset"]):
            loss = chart(t("chart_loss"), t("chart_loss_note"), t("chart_later"), elem_id="chart-loss")
            glossary.place("overfitting", page.lang)
        with gr.Column(min_width=280):
            scores = chart(
                t("chart_scores"), t("chart_scores_note"), t("chart_scores_later"), elem_id="chart-scores"
            )
        with gr.Column(min_width=280):
            rates = chart(t("chart_rates"), t("chart_rates_note"), t("chart_later"), elem_id="chart-rates")
    with gr.Accordion(t("layers_title"), open=False, visible=False, elem_id="layers", elem_classes=["plain"]) as part:
        with gr.Row(equal_height=True):
            with gr.Column(min_width=280):
                by_rate = chart(t("layers_rates"), t("layers_rates_note"), elem_id="chart-layer-rates")
            with gr.Column(min_width=280):
                by_norm = chart(t("layers_norms"), t("layers_norms_note"), elem_id="chart-layer-norms")
    return smoothing, log_scale, loss, scores, rates, part, by_rate, by_norm


def _tell(page: Page) -> None:
    """The offer of a notification; the page's script knows whether the browser can give one."""
    words = {name: page.t("tell_" + name) for name in ("offer", "wait", "denied", "impossible")}
    data = " ".join(f'data-{name}="{text}"' for name, text in words.items())
    button = f'<div class="ft tell" {data} hidden><button><i aria-hidden="true">◔</i><span>{words["offer"]}</span></button><p class="sub"></p></div>'
    gr.HTML(button, elem_id="tell", apply_default_css=False, js_on_load="ftui.tell(element)")


def _log(page: Page) -> None:
    """Log lines with their tools. The lines do not pass through Gradio: the page's script puts in what /live gives."""
    t = page.t
    with gr.Row(elem_classes=["table-tools"]):
        html(pieces.heading(t("log_title")))
        find = gr.Textbox(
            placeholder=t("find_lines"), show_label=False, container=False, elem_id="find-lines", min_width=140
        )
        levels = [(t("level_" + name), name) for name in lines.LEVELS]
        level = gr.Radio(
            levels, value="all", show_label=False, container=False, elem_id="level", elem_classes=["segments"]
        )
        save = gr.Button(t("download_log"), size="sm", elem_id="download-log", elem_classes=["tight"])
        page.offer(save, full_log, [page.run])
    words = {"newest": t("newest"), "new": t("n_new"), "more": t("newest_of"), "none": t("no_lines")}
    data = " ".join(f'data-{name}="{text}"' for name, text in words.items())
    box = LOG.format(label=t("log_title"), none=t("no_lines"), data=data)
    gr.HTML(box, elem_id="log-lines", apply_default_css=False, js_on_load="ftui.lines(element)")
    level.input(None, [level], [], js="(level) => ftui.wish({ level })", **BROWSER)
    find.input(None, [find], [], js="(find) => ftui.wish({ find })", **BROWSER)
