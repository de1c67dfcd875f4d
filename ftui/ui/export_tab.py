"""Step 6: take the model out: files to download, a command that serves it."""

from __future__ import annotations

import functools
import json
import tempfile
import time
from html import escape
from pathlib import Path

import gradio as gr

from ftui import jobs
from ftui.artifacts import bundles, exporting
from ftui.core import events as ev
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError, told_by
from ftui.core.home import Home, Job, Run
from ftui.ui import artefact_names, charts, downloads, elsewhere, pieces, pushing, serving, smaller
from ftui.ui.page import QUIET, Page, View, chart, draw, find_run, go_to, html

NEVER = "—"  # not measured
WARNED = " ⚠"  # breaks its promise
MAKING = {
    "make_torch": [name for name in exporting.FORMATS if not name.startswith(("onnx", "tensorrt"))],
    "make_onnx": [name for name in exporting.FORMATS if name.startswith(("onnx", "tensorrt"))],
}

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(empty, view, table, plot, choice of what to download, adapter button, notice, timer)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        waiting = "export_wait" if run else "export_empty"
        message = pieces.empty("⇩", languages.text(waiting + "_title", lang), languages.text(waiting + "_text", lang))
        return gr.HTML(message, visible=True), gr.Column(visible=False), *([gr.skip()] * 6)
    found = exporting.found(run)
    cards = {name: exporting.card_of(run, name) for name in found}
    choices = [(artefact_names.name(name, lang) + (WARNED if _outside(cards[name]) else ""), name) for name in found]
    newest, busy = _newest(run)
    return (
        gr.HTML(visible=False),
        gr.Column(visible=True),
        table(run, found, cards, lang),
        draw(charts.artefacts(points(cards, lang), lang)),
        gr.Dropdown(choices=choices, value=next(reversed(found))),
        gr.Button(visible=(run.model / "adapter").is_dir()),
        _progress(newest, busy, lang),
        gr.Timer(active=busy),
    )


def look(home: Home, lang: str, run_id: str) -> tuple:
    """The same while something is made: what is chosen to be downloaded stays chosen, until what is made is there."""
    shown = list(show(home, lang, run_id))
    if isinstance(shown[4], gr.Dropdown):
        newest, _ = _newest(home.run(run_id))
        made = newest.card()["options"]["format"] if newest and jobs.state(newest) == ev.FINISHED else None
        there = made in [name for _, name in shown[4].choices]
        shown[4] = gr.Dropdown(choices=shown[4].choices, value=made) if there else gr.Dropdown(choices=shown[4].choices)
    return tuple(shown)


def table(run: Run, found: dict[str, Path], cards: dict[str, dict | None], lang: str) -> str:
    """What there is: size, score, speed, agreement with the source, memory; broken promises stand before it."""
    first = next((card for card in [*cards.values(), _evaluated(run, "model")] if card), {"split": "test", "metrics": {"accuracy": 0}})
    score, split = _main(first), first["split"]
    heads = [languages.text(key, lang) for key in ("artefact", "size")]
    heads.append(escape(charts.metric_name(f"{split}_{score}" if split != "train" else score, lang)))
    heads += [languages.text(key, lang) for key in ("latency", "throughput", "agreement", "memory")]
    recipe = recipes.load(run.recipe)
    source = f"{recipe.model.rpartition('/')[2]} · {languages.text('strategy_' + recipe.strategy.name, lang)}"
    made_from = f'<div class="muted">{languages.text("made_from", lang)}: {escape(source)}</div>'
    rows, broken = [], ""
    for name, folder in found.items():
        card = cards[name]
        size = card["size"] if card else sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
        shown = artefact_names.name(name, lang) + (WARNED if _outside(card) else "")
        if card and _outside(card):
            broken += pieces.notice(f"{artefact_names.name(name, lang)}: {broken_promise(card, lang)}", kind="warn")
        made = time.strftime("%Y-%m-%d %H:%M", time.localtime(folder.stat().st_mtime))
        about = f'<div class="artefact" title="{made}"><b>{escape(shown)}</b><div class="muted">{escape(artefact_names.about(name, lang))}</div>{made_from}</div>'
        rows.append([about, pieces.size(size), *_measured(card or _evaluated(run, name), score, name)])
    return broken + pieces.table(heads, rows, numeric=range(1, len(heads)))


def _measured(card: dict | None, score: str, name: str) -> list[str]:
    if card is None:
        return [NEVER] * 5
    if "latency_ms" not in card:
        return [pieces.number(card["metrics"][score]), *[NEVER] * 4]
    wait = card["latency_ms"]
    return [
        pieces.number(card["metrics"][score]),
        f'{wait["p50"]:.1f} / {wait["p95"]:.1f} ms',
        f'{card["throughput"]:,.0f}',
        NEVER if name == "model" else f'{card["agreement"]:.1%}',
        pieces.size(card["peak_memory"]),
    ]


def _evaluated(run: Run, name: str) -> dict | None:
    """The model's own metrics, from its evaluation: known before anything is exported."""
    if name != "model" or not run.report.exists():
        return None
    splits = json.loads(run.report.read_text(encoding="utf-8"))["splits"]
    return next(({"split": split, "metrics": splits[split]["metrics"]} for split in ("test", "validation") if split in splits), None)


def _main(card: dict) -> str:
    """The metric that is shown: accuracy where the task has it, else its first."""
    return "accuracy" if "accuracy" in card["metrics"] else next(iter(card["metrics"]))


def _outside(card: dict | None) -> bool:
    return card is not None and not card.get("within", True)


def broken_promise(card: dict, lang: str) -> str:
    """How far an artefact is from its source, and what its format promises."""
    difference = "-" if card["largest_difference"] is None else f'{card["largest_difference"]:.2g}'
    least = f'{card["promise"]["least_agreement"]:.1%}'
    return languages.text("artefact_outside", lang, share=f'{card["agreement"]:.1%}', difference=difference, least=least)


def points(cards: dict[str, dict | None], lang: str) -> list[dict]:
    """What the plot shows of each measured artefact: name, score, metric, latency (p50, ms), size (bytes)."""
    return [
        {
            "name": artefact_names.name(name, lang),
            "metric": _main(card),
            "score": card["metrics"][_main(card)],
            "latency": card["latency_ms"]["p50"],
            "size": card["size"],
        }
        for name, card in cards.items()
        if card
    ]


def make(home: Home, lang: str, run_id: str, format: str, way: Access = LOCAL) -> tuple:
    """Start an export; the timer shows when it is done. (notice, timer)"""
    try:
        run = home.run(run_id)
        exporting.check(run, format)
        job = jobs.start_export(run, format, way)
    except UserError as problem:
        there = find_run(home, run_id)
        return pieces.error(problem, lang), gr.Timer(active=there is not None and _newest(there)[1])
    return _progress(job, True, lang), gr.Timer(active=True)


def pack(home: Home, lang: str, run_id: str, name: str, kind: str) -> str:
    """One artefact as a zip file, a copy outside the home: bare, as a Space, or as a container."""
    run = home.run(run_id)
    exporting.folder_of(run, name)
    outside = downloads.place(f"{run.id}-{name}{'' if kind == 'zip' else '-' + kind}.zip")
    with tempfile.TemporaryDirectory(prefix="ftui-") as folder:
        bundles.fill(run, name, kind, Path(folder))
        return str(bundles.packed(Path(folder), outside))


def _newest(run: Run) -> tuple[Job | None, bool]:
    """(the last export that was begun, whether it goes on)"""
    those = run.jobs("export")
    return (those[-1], jobs.state(those[-1]) not in ev.TERMINAL) if those else (None, False)


def _progress(job, busy: bool, lang: str) -> str:
    if busy:
        return pieces.notice(languages.text("exporting", lang, form=artefact_names.name(job.card()["options"]["format"], lang)))
    if job is not None and jobs.state(job) in (ev.FAILED, ev.LOST):
        event = ev.last(ev.read(job.events)[0], "error")
        told = " ".join(told_by(event, lang)) if event else ""
        return pieces.notice(languages.text("export_failed", lang), told, "bad", (event or {}).get("details", ""), languages.text("details", lang))
    return ""


# ---- the page


def build(page: Page) -> View:
    """Lay out the tab and wire it."""
    t = page.t
    timer = gr.Timer(1.0, active=False)
    nothing = html(pieces.empty("⇩", t("export_empty_title"), t("export_empty_text")), elem_id="export-empty")
    with gr.Column(visible=False, elem_id="export-view") as content:
        with gr.Column(elem_classes=["sheet"]):
            html(pieces.heading(t("elsewhere_title"), t("elsewhere_note")))
            with gr.Row(elem_classes=["row-bottom"]):
                which = gr.Dropdown([], label=t("artefact"), elem_id="artefact", min_width=200)
                kinds = [(t("bundle_" + kind), kind) for kind in bundles.KINDS]
                kind = gr.Dropdown(kinds, value="zip", label=t("bundle_kind"), elem_id="bundle-kind", min_width=200)
                zip_button = gr.Button(t("download_zip"), variant="primary", elem_id="download-zip", elem_classes=["fit"])
                page.offer(zip_button, pack, [page.run, which, kind])
            how = html(elem_id="elsewhere")
        found = html(elem_id="artefacts")
        plot = chart(t("artefact_plot"), t("artefact_plot_note"), t("artefact_plot_later"), elem_id="artefact-plot")
        with gr.Column(elem_classes=["sheet"]):
            html(pieces.heading(t("make_title"), t("make_note")))
            buttons = {}
            for heading, names in MAKING.items():
                html(f'<div class="ft sub">{escape(t(heading))}</div>')
                with gr.Row(elem_classes=["making"]):
                    for name in names:
                        buttons[name] = gr.Button(
                            artefact_names.name(name, page.lang), elem_id=f"make-{name}", elem_classes=["fit"], visible=name != "adapter"
                        )
            notice = html(elem_id="export-notice")
        served = serving.build(page)
        pushed = pushing.build(page)
        smaller_part = smaller.build(page)
        with gr.Row(elem_classes=["onward"]):
            back = gr.Button(t("next_run"), elem_id="next-run")

    outputs = [nothing, content, found, plot, which, buttons["adapter"], notice, timer]
    for format, button in buttons.items():
        button.click(page.bind(functools.partial(make, way=page.way)), [page.run, gr.State(format)], [notice, timer], **QUIET)
    back.click(lambda run: (run, go_to("tune")), [page.run], [page.again, page.tabs], **QUIET)
    for choice in (which, kind):
        choice.change(page.bind(elsewhere.how), [page.run, which, kind], [how], **QUIET)

    def look_all(home: Home, lang: str, run_id: str) -> tuple:
        return (*look(home, lang, run_id), *served.handler(home, lang, run_id), *pushed.handler(home, lang, run_id))

    def show_both(home: Home, lang: str, run_id: str, way: str) -> tuple:
        """All of it; how it is used elsewhere is said for what `show` offers first."""
        run = find_run(home, run_id)
        there = run is not None and run.model.exists()
        text = elsewhere.how(home, lang, run_id, next(reversed(exporting.found(run))), way) if there else ""
        parts = (part for handler in (show, served.handler, pushed.handler, smaller.show) for part in handler(home, lang, run_id))
        return (*parts, text)

    everything = [*outputs, *served.outputs, *pushed.outputs]
    timer.tick(page.bind(look_all), [page.run], everything, trigger_mode="once", **QUIET)
    return View(show_both, [page.run, kind], [*everything, *smaller_part.outputs, how])
