"""In the Export tab: an artefact goes to a repository of the Hub. Not in a demo, whose token is not its visitors'."""

from __future__ import annotations

from html import escape

import gradio as gr

from ftui import jobs
from ftui.artifacts import exporting, pushing
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import told_by
from ftui.core.home import Home, Run
from ftui.ui import artefact_names, pieces
from ftui.ui.page import QUIET, Page, View, find_run, html

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(choice of what to push, notice, timer)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        return gr.skip(), "", gr.Timer(active=False)
    choices = [(artefact_names.name(name, lang), name) for name in exporting.found(run)]
    return gr.Dropdown(choices=choices), *_told(run, lang)


def look(home: Home, lang: str, run_id: str) -> tuple:
    """(notice, timer): how far it has come."""
    run = find_run(home, run_id)
    return _told(run, lang) if run else ("", gr.Timer(active=False))


def start(home: Home, lang: str, run_id: str, artefact: str, to: str, private: bool) -> tuple:
    """Begin to upload. (notice, timer)"""
    run, to = home.run(run_id), (to or "").strip()
    exporting.folder_of(run, artefact)
    pushing.check(to)
    jobs.start(run, "push", {"artefact": artefact, "to": to, "private": private})
    return _told(run, lang)


def _told(run: Run, lang: str) -> tuple:
    """What has come of the last upload."""
    pushed = run.jobs("push")
    if not pushed:
        return "", gr.Timer(active=False)
    job = pushed[-1]
    state, events = jobs.state(job), ev.read(job.events)[0]
    if state not in ev.TERMINAL:
        return pieces.notice(languages.text("push_on_its_way", lang, repo=job.card()["options"]["to"])), gr.Timer(active=True)
    done = ev.last(events, "pushed")
    if done:
        link = f'<a href="{escape(done["url"])}" target="_blank" rel="noopener">{escape(done["url"])}</a>'
        notice = f'<div class="ft notice"><span class="mark">✓</span><p>{escape(languages.text("push_done", lang))} {link}</p></div>'
    else:
        event = ev.last(events, "error")
        message, hint = told_by(event, lang) if event else (languages.text("push_failed", lang), "")
        notice = pieces.notice(message, hint, "bad")
    return notice, gr.Timer(active=False)


# ---- the page


def build(page: Page) -> View:
    """Lay out the piece and wire it."""
    t = page.t
    allowed = page.way.mode != "demo"
    timer = gr.Timer(1.0, active=False)
    with gr.Column(elem_classes=["sheet"], visible=allowed):
        html(pieces.heading(t("push_title"), t("push_note")))
        with gr.Row(elem_classes=["row-bottom"]):
            what = gr.Dropdown(["model"], value="model", allow_custom_value=True, label=t("artefact"), elem_id="push-what", min_width=180)
            to = gr.Textbox(label=t("push_to"), placeholder=t("push_to_note"), max_lines=1, elem_id="push-to", min_width=200)
            private = gr.Checkbox(True, label=t("push_private"), elem_id="push-private", min_width=110)
            go = gr.Button(t("push_button"), elem_id="push-start", elem_classes=["fit"])
        notice = html(elem_id="push-notice")
    shown = [notice, timer]
    timer.tick(page.bind(look), [page.run], shown, trigger_mode="once", **QUIET)
    if allowed:
        go.click(page.bind(start), [page.run, what, to, private], shown, **QUIET)
    return View(show, [page.run], [what, *shown])
