"""Step 6: take the model out: files to download, a command that serves it."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from html import escape
from pathlib import Path

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.ui import charts, pieces
from ftui.ui.page import QUIET, Page, View, find_run, go_to, html

FORMATS = ("safetensors", "adapter")

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(empty, view, table, choice of what to download, adapter button, serve command, notice, timer)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        waiting = "export_wait" if run else "export_empty"
        message = pieces.empty("⇩", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return gr.HTML(message, visible=True), gr.Column(visible=False), *([gr.skip()] * 6)
    found = artefacts(run)
    choices = [(_name(name, lang), name) for name in found]
    newest = run.jobs("export")[-1] if run.jobs("export") else None
    busy = newest is not None and jobs.state(newest) not in ev.TERMINAL
    return (
        gr.HTML(visible=False),
        gr.Column(visible=True),
        table(run, found, lang),
        gr.Dropdown(choices=choices, value=next(reversed(found))),
        gr.Button(visible=(run.model / "adapter").is_dir()),
        serve_command(run),
        _progress(newest, busy, lang),
        gr.Timer(active=busy),
    )


def artefacts(run: Run) -> dict[str, Path]:
    """{name: folder} of all that this run has to give."""
    exports = (
        sorted(p for p in run.exports.glob("*") if p.is_dir() and not p.name.startswith("."))
        if run.exports.exists()
        else []
    )
    return {"model": run.model} | {f"exports/{p.name}": p for p in exports}


def table(run: Run, found: dict[str, Path], lang: str) -> str:
    """What there is: made from what, how accurate, how large, when. Both formats hold the same weights as the model,
    so that what was measured on it holds for them."""
    heads = [languages.text(key, lang) for key in ("artefact", "made_from", "measured", "size", "made")]
    recipe = recipes.load(run.recipe)
    source = f"{recipe.model.rpartition('/')[2]} · {languages.text('strategy_' + recipe.strategy.name, lang)}"
    score = _score(run, lang)
    rows = []
    for name, folder in found.items():
        files = [p for p in folder.rglob("*") if p.is_file()]
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.stat().st_mtime))
        about = f'<b>{escape(_name(name, lang))}</b><div class="muted">{escape(_about(name, lang))}</div>'
        rows.append([about, escape(source), score, pieces.size(sum(p.stat().st_size for p in files)), made])
    return pieces.table(heads, rows, numeric=(3, 4), none="")


def _score(run: Run, lang: str) -> str:
    """The main metric of the test rows (of validation where there are none), with its name and rows."""
    report = json.loads(run.report.read_text(encoding="utf-8")) if run.report.exists() else {"splits": {}}
    split = next((name for name in ("test", "validation") if name in report["splits"]), None)
    if split is None:
        return "–"
    part = report["splits"][split]
    name = next((m for m in ("accuracy", "f1") if m in part["metrics"]), next(iter(part["metrics"])))
    where = languages.text("on_split", lang, split=languages.text("split_" + split, lang), n=part["rows"])
    word = escape(charts.metric_name(name, lang))
    return f'<b>{pieces.number(part["metrics"][name])}</b><div class="muted">{word} · {escape(where)}</div>'


def make(home: Home, lang: str, run_id: str, format: str) -> tuple:
    """Start an export; the timer shows when it is done. (notice, timer)"""
    job = jobs.start(home.run(run_id), "export", {"format": format})
    return _progress(job, True, lang), gr.Timer(active=True)


def pack(home: Home, lang: str, run_id: str, name: str) -> str:
    """One artefact as a zip file, a copy outside the home."""
    run = home.run(run_id)
    folder = artefacts(run).get(name)
    if folder is None:
        raise UserError("artefact_gone", name=name)
    target = Path(tempfile.mkdtemp(prefix="ftui-")) / f"{run.id}-{Path(name).name}"
    return shutil.make_archive(str(target), "zip", root_dir=folder)


def serve_command(run: Run) -> str:
    """How to serve it from a terminal."""
    return f'<pre class="ft code">{escape(f"python -m ftui serve {run.id} --port 8000")}</pre>'


def _progress(job, busy: bool, lang: str) -> str:
    if busy:
        return pieces.notice(languages.text("exporting", lang))
    if job is not None and jobs.state(job) in (ev.FAILED, ev.LOST):
        told = ev.last(ev.read(job.events)[0], "error") or {}
        return pieces.notice(
            languages.text("export_failed", lang),
            told.get("message", ""),
            "bad",
            told.get("details", ""),
            languages.text("details", lang),
        )
    return ""


def _name(name: str, lang: str) -> str:
    known = languages.catalogue("interface").get("artefact_" + Path(name).name)
    return known[lang] if known else Path(name).name


def _about(name: str, lang: str) -> str:
    known = languages.catalogue("interface").get("about_artefact_" + Path(name).name)
    return known[lang] if known else ""


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    timer = gr.Timer(1.0, active=False)
    nothing = html(pieces.empty("⇩", t("export_empty_title"), t("export_empty_text")), elem_id="export-empty")
    with gr.Column(visible=False, elem_id="export-view") as content:
        found = html(elem_id="artefacts")
        notice = html(elem_id="export-notice")
        with gr.Column(elem_classes=["sheet"]):
            html(pieces.heading(t("download_title"), t("download_note")))
            with gr.Row(elem_classes=["row-bottom"]):
                which = gr.Dropdown([], label=t("artefact"), elem_id="artefact", min_width=200)
                zip_button = gr.Button(
                    t("download_zip"), variant="primary", elem_id="download-zip", elem_classes=["fit"]
                )
                page.offer(zip_button, pack, [page.run, which])
        with gr.Column(elem_classes=["sheet"]):
            html(pieces.heading(t("make_title"), t("make_note")))
            with gr.Row():
                safetensors = gr.Button(t("make_safetensors"), elem_id="make-safetensors", elem_classes=["fit"])
                adapter = gr.Button(t("make_adapter"), elem_id="make-adapter", elem_classes=["fit"], visible=False)
        with gr.Column(elem_classes=["sheet"]):
            html(pieces.heading(t("serve_title"), t("serve_note")))
            command = html(elem_id="serve-command")
        with gr.Row(elem_classes=["onward"]):
            back = gr.Button(t("next_run"), elem_id="next-run")

    outputs = [nothing, content, found, which, adapter, command, notice, timer]
    timer.tick(page.bind(show), [page.run], outputs, trigger_mode="once", **QUIET)
    for button, format in ((safetensors, "safetensors"), (adapter, "adapter")):
        button.click(page.bind(make), [page.run, gr.State(format)], [notice, timer], **QUIET)
    back.click(lambda: go_to("tune"), [], [page.tabs], **QUIET)
    return View(show, [page.run], outputs)
