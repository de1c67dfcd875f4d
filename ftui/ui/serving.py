"""In the Export tab: servers of a run. They are jobs like any other: they outlive the page, and are found again by it."""

from __future__ import annotations

import time
from html import escape

import gradio as gr

from ftui import jobs
from ftui.artifacts import exporting
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import told_by
from ftui.core.home import Home, Job, Run
from ftui.ui import artefact_names, asking, pieces
from ftui.ui.page import QUIET, Page, View, find_run, html, pickable

PORT = 8000

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(choice of what to serve, servers, command, timer)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        return gr.skip(), "", "", gr.Timer(active=False)
    found = exporting.found(run)
    choices = [(artefact_names.name(name, lang), name) for name in found]
    return gr.Dropdown(choices=choices), *_servers(run, lang)


def look(home: Home, lang: str, run_id: str) -> tuple:
    """(servers, command, timer): what has changed since."""
    run = find_run(home, run_id)
    return _servers(run, lang) if run else ("", "", gr.Timer(active=False))


def start(home: Home, lang: str, run_id: str, artefact: str, port: float | None) -> tuple:
    """Start a server for an artefact at a port of this machine. (servers, command, timer)"""
    run = home.run(run_id)
    exporting.folder_of(run, artefact)
    jobs.start(run, "serve", {"host": "127.0.0.1", "port": int(port or 0), "artifact": artefact})
    return _servers(run, lang)


def stop(home: Home, lang: str, picked: str, run_id: str) -> tuple:
    """Stop one of them. (servers, command, timer)"""
    run = home.run(run_id)
    for job in servers(run):
        if job.id == picked:
            jobs.stop(job)
    return _servers(run, lang)


def servers(run: Run) -> list[Job]:
    """Servers of this run that somebody has started, the newest first; not those that the playground keeps for itself."""
    return [job for job in reversed(run.jobs("serve")) if not job.card()["options"].get("idle")]


def _servers(run: Run, lang: str) -> tuple:
    there = servers(run)
    states = {job: jobs.state(job) for job in there}
    alive = [job for job in there if states[job] not in ev.TERMINAL]
    shown = [_one(run, job, states[job], lang) for job in alive]
    if there and states[there[0]] == ev.FAILED:
        message, hint = _failure(there[0], lang)
        shown.insert(0, pieces.notice(message, hint, "bad"))
    waiting = any(_state(job, states[job]) != ev.RUNNING for job in alive)
    return "".join(shown), command(run), gr.Timer(active=waiting)


def _state(job: Job, state: str) -> str:
    """As a server's is called: none of them waits for a slot."""
    return "stopping" if job.stop.exists() else ev.STARTING if state == ev.QUEUED else state


def _one(run: Run, job: Job, state: str, lang: str) -> str:
    """A server: its address, what it serves, since when; how it is asked; the button that ends it."""
    options, ready = job.card()["options"], ev.last(ev.read(job.events)[0], "ready")
    name = artefact_names.name(options.get("artifact", "model"), lang)
    since = languages.text("serving_since", lang, time=time.strftime("%Y-%m-%d %H:%M", time.localtime(job.card()["created"])))
    state = _state(job, state)
    address, calls = "", ""
    if ready and state == ev.RUNNING:
        url = ready["url"]
        address = f'<b class="url">{escape(url)}</b>'
        given = asking.body(dict.fromkeys(asking.inputs(run), languages.text("serving_example", lang)))
        path, sent = asking.request(run, given)
        parts = zip(("curl", "python"), asking.calls(url, sent, bool(ready.get("key")), path), strict=True)
        code = "".join(asking.snippet(kind, code, lang) for kind, code in parts)
        calls = f'<details class="more"><summary>{escape(languages.text("serving_calls", lang))}</summary>{code}</details>'
    stopping = languages.text("serving_stop", lang)
    button = f'<button class="quiet" data-pick="{job.id}">{escape(stopping)}</button>' if state != "stopping" else ""
    line = f'<div class="line">{pieces.badge(state, lang)} {address}<span class="muted">{escape(name)} · {escape(since)}</span>{button}</div>'
    return f'<div class="ft server" data-state="{state}">{line}{calls}</div>'


def _failure(job: Job, lang: str) -> tuple[str, str]:
    event = ev.last(ev.read(job.events)[0], "error")
    return told_by(event, lang) if event else (languages.text("serving_failed", lang), "")


def command(run: Run) -> str:
    """How to serve each artefact from a terminal."""
    line = f"python -m ftui serve {run.id} --port {PORT}"
    lines = [line if name == "model" else f"{line} --artefact {name}" for name in exporting.found(run)]
    return f'<pre class="ft code">{escape(chr(10).join(lines))}</pre>'


# ---- the page


def build(page: Page) -> View:
    """Lay out the piece and wire it. In a demo nothing that stays is started: it would outlive its visitor."""
    t = page.t
    allowed = page.way.mode != "demo"
    timer = gr.Timer(1.0, active=False)
    with gr.Column(elem_classes=["sheet"]):
        html(pieces.heading(t("serve_title"), t("serve_note")))
        with gr.Row(elem_classes=["row-bottom"], visible=allowed):
            what = gr.Dropdown(["model"], value="model", allow_custom_value=True, label=t("artefact"), elem_id="serve-what", min_width=200)
            port = gr.Number(PORT, label=t("serving_port"), info=t("serving_port_note"), precision=0, elem_id="serve-port", min_width=140)
            go = gr.Button(t("serving_start"), variant="primary", elem_id="serve-start", elem_classes=["fit"])
        there = pickable(elem_id="servers")
        with gr.Accordion(t("serving_terminal"), open=not allowed):
            line = html(elem_id="serve-command")

    shown = [there, line, timer]
    timer.tick(page.bind(look), [page.run], shown, trigger_mode="once", **QUIET)
    if allowed:
        go.click(page.bind(start), [page.run, what, port], shown, **QUIET)
        there.click(page.bind(stop, event=True), [page.run], shown, **QUIET)
    return View(show, [page.run], [what, *shown])
