"""Step 6, a part of it: from a finished run a smaller student, a pruned model, an ensemble; and what came of them."""

from __future__ import annotations

import json
import time
from functools import partial
from html import escape
from typing import Any

import gradio as gr

from ftui import jobs, tasks
from ftui.artifacts import before_after
from ftui.core import languages, starters
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.core.recipe import Prune
from ftui.jobs import ensembles, smaller
from ftui.ui import asking, charts, model_facts, pieces
from ftui.ui.page import QUIET, SHOWN, Page, View, find_run, go_to, html

OWN = ""  # the student starts from the run's own layers
VOTES = ("soft", "hard")

# ---- handlers


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(what came of the run, its members, the ways, notice, layers of a student, layers that stay)."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists():
        return "", "", gr.Column(visible=False), "", gr.skip(), gr.skip()
    if tasks.speaks(tasks.get(asking.task_of(run))):
        said = escape(languages.error("smaller_speaks", lang)[0])
        return f'<div class="ft"><p class="sub">{said}</p></div>', "", gr.Column(visible=False), "", gr.skip(), gr.skip()
    count = smaller.layers(run)
    possible = count is not None and count > 1
    student = gr.Slider(maximum=count or 2, value=max(1, (count or 2) // 2), visible=possible)
    stay = gr.Slider(maximum=count or 2, value=count or 2, visible=possible)
    return family(run, lang), members(run, lang), gr.Column(visible=count is not None), "", student, stay


def family(run: Run, lang: str) -> str:
    """The run and all that was made smaller from it, or the run that it was made from; empty where there is nothing."""
    pairs = [(other, told) for other in [run, *run.home.all_runs()] if (told := before_after.found(other))]
    pairs = [(other, told) for other, told in pairs if run.id in (other.id, told["source"])]
    shown = dict(pairs)
    if not shown:
        return f'<div class="ft"><p class="sub">{escape(languages.text("smaller_none", lang))}</p></div>'
    first = next(iter(shown.values()))
    score = _main(first["after"]["metrics"])
    packed = any("compressed" in told["after"] for told in shown.values())
    keys = ["smaller_model", "smaller_weights", "size", *(["smaller_packed"] if packed else [])]
    heads = [languages.text(key, lang) for key in keys] + [
        escape(charts.metric_name(f"{first['split']}_{score}", lang))
    ]
    heads += [languages.text(key, lang) for key in ("latency", "throughput", "smaller_speed", "smaller_agrees")]
    source = first["source"]
    rows = [
        _line(_name(run.home, source), languages.text("smaller_source", lang), first["before"], score, packed, "1×", "")
    ]
    for other, told in shown.items():
        times = told["before"]["latency_ms"]["p50"] / told["after"]["latency_ms"]["p50"]
        name = _name(run.home, other.id)
        rows.append(_line(name, other.id, told["after"], score, packed, f"{times:.1f}×", f"{told['agreement']:.1%}"))
    split = languages.text("split_" + first["split"], lang)
    note = languages.text("smaller_measured", lang, rows=first["rows"], split=split)
    return (
        pieces.table(heads, rows, numeric=range(1, len(heads)))
        + f'<div class="ft"><p class="sub">{escape(note)}</p></div>'
    )


def _line(name: str, about: str, measured: dict, score: str, packed: bool, times: str, agrees: str) -> list[str]:
    waits = measured["latency_ms"]
    cells = [
        f'<div class="artefact"><b>{escape(name)}</b><div class="muted">{escape(about)}</div></div>',
        f"{model_facts.millions(measured['parameters'])} M",
        pieces.size(measured["bytes"]),
        *([pieces.size(measured["compressed"]) if "compressed" in measured else ""] if packed else []),
        pieces.number(measured["metrics"][score]),
        f"{waits['p50']:.1f} / {waits['p95']:.1f} ms",
        f"{measured['throughput']:,.0f}",
        times,
        agrees,
    ]
    return cells


def members(run: Run, lang: str) -> str:
    """How the members of an ensemble score, their mean with its spread, and all together; empty for other runs."""
    try:
        told = json.loads((run.path / "ensemble.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    score = _main(told["metrics"])
    heads = [
        languages.text("smaller_model", lang),
        languages.text("ensemble_seed", lang),
        escape(charts.metric_name(f"{told['split']}_{score}", lang)),
    ]
    rows = [
        [escape(_name(run.home, one["run"])), str(one["seed"]), pieces.number(one["metrics"][score])]
        for one in told["members"]
    ]
    spread = told["spread"][score]
    rows.append([languages.text("ensemble_mean", lang), "", f"{spread['mean']:.3f} ± {spread['sd']:.3f}"])
    together = languages.text("ensemble_all", lang, vote=languages.text("vote_" + told["vote"], lang))
    rows.append([f"<b>{escape(together)}</b>", "", f"<b>{pieces.number(told['metrics'][score])}</b>"])
    return pieces.heading(languages.text("ensemble_members", lang)) + pieces.table(heads, rows, numeric=(1, 2))


def _main(metrics: dict) -> str:
    return "accuracy" if "accuracy" in metrics else next(iter(metrics))


def _name(home: Home, run_id: str) -> str:
    run = find_run(home, run_id)
    return jobs.summary(run)["name"] if run else run_id


def make_student(home: Home, lang: str, run_id: str, base: str | None, layers: float, way: Access = LOCAL) -> tuple:
    """Start a student: (notice, run id, tabs)."""
    run = home.run(run_id)
    return _started(
        lang,
        lambda: jobs.start_training(smaller.student(run, base or None, None if base else int(layers)), home, way=way),
    )


def adjust(home: Home, lang: str, run_id: str, base: str | None) -> tuple:
    """Fill the form of Fine-tune with a student instead: (what the form takes up, tabs)."""
    return f"{smaller.STUDENT}{home.run(run_id).id}:{time.time_ns()}:{base or ''}", go_to("tune")


def make_pruned(
    home: Home,
    lang: str,
    run_id: str,
    layers: float,
    neurons: float,
    tokens: str,
    zeros: float,
    recover: bool,
    way: Access = LOCAL,
) -> tuple:
    """Start a run that prunes this one: (notice, run id, tabs)."""
    run = home.run(run_id)
    wanted = None if layers == smaller.layers(run) else int(layers)
    prune = Prune(layers=wanted, feed_forward=neurons, vocabulary=tokens, magnitude=zeros, recover=recover)
    if prune == Prune(recover=recover):
        return pieces.notice(languages.text("prune_nothing", lang), kind="warn"), gr.skip(), gr.skip()
    return _started(lang, lambda: jobs.start_training(smaller.pruned(run, prune), home, way=way))


def make_ensemble(home: Home, lang: str, run_id: str, seeds: float, vote: Any, way: Access = LOCAL) -> tuple:
    """Start the further members and the ensemble behind them: (notice, run id, tabs)."""
    return _started(lang, lambda: ensembles.start(home.run(run_id), int(seeds), vote, way))


def _started(lang: str, start: Any) -> tuple:
    try:
        made = start()
    except UserError as problem:
        return pieces.error(problem, lang), gr.skip(), gr.skip()
    return "", made.id, go_to("log")


# ---- the page


def build(page: Page) -> View:
    """Lay out the part and wire it."""
    t = page.t
    with gr.Column(elem_classes=["sheet"], elem_id="smaller"):
        html(pieces.heading(t("smaller_title"), t("smaller_note")))
        found = html(elem_id="smaller-family")
        together = html(elem_id="ensemble-members")
        with gr.Column() as ways, gr.Tabs(elem_classes=["inner-tabs"]):
            with gr.Tab(t("student_tab"), render_children=True):
                student, adjusted, base, layers = _student(page)
            with gr.Tab(t("prune_tab"), render_children=True):
                prune, pruning = _pruning(page)
            with gr.Tab(t("ensemble_tab"), render_children=True):
                html(pieces.heading("", t("ensemble_note")))
                with gr.Row(elem_classes=["row-bottom"]):
                    seeds = gr.Slider(
                        2,
                        10,
                        value=3,
                        step=1,
                        label=t("ensemble_seeds"),
                        info=t("ensemble_seeds_info"),
                        elem_id="ensemble-seeds",
                    )
                    votes = [(t("vote_" + vote), vote) for vote in VOTES]
                    vote = gr.Radio(votes, value="soft", label=t("ensemble_vote"), elem_id="ensemble-vote")
                with gr.Row(elem_classes=["row-end"]):
                    ensemble = gr.Button(
                        t("ensemble_make"), variant="primary", elem_id="make-ensemble", elem_classes=["fit"]
                    )
        notice = html(elem_id="smaller-notice")
    started = [notice, page.run, page.tabs]
    student.click(page.bind(partial(make_student, way=page.way)), [page.run, base, layers], started, **SHOWN)
    adjusted.click(page.bind(adjust), [page.run, base], [page.again, page.tabs], **QUIET)
    prune.click(page.bind(partial(make_pruned, way=page.way)), [page.run, *pruning], started, **SHOWN)
    ensemble.click(page.bind(partial(make_ensemble, way=page.way)), [page.run, seeds, vote], started, **SHOWN)
    base.input(lambda chosen: gr.Slider(visible=not chosen), [base], [layers], **QUIET)
    return View(show, [page.run], [found, together, ways, notice, layers, pruning[0]])


def _student(page: Page) -> tuple:
    t = page.t
    html(pieces.heading("", t("student_note")))
    with gr.Row(elem_classes=["row-bottom"]):
        bases = [(t("student_own"), OWN), *((name, name) for name in starters.names())]
        custom = page.way.mode != "demo"
        base = gr.Dropdown(bases, value=OWN, allow_custom_value=custom, label=t("student_base"), elem_id="student-base")
        layers = gr.Slider(
            1, 2, value=1, step=1, label=t("student_layers"), info=t("student_layers_info"), elem_id="student-layers"
        )
    with gr.Row(elem_classes=["row-end"]):
        adjusted = gr.Button(t("student_adjust"), elem_id="adjust-student", elem_classes=["fit"])
        button = gr.Button(t("student_make"), variant="primary", elem_id="make-student", elem_classes=["fit"])
    return button, adjusted, base, layers


def _pruning(page: Page) -> tuple:
    t = page.t

    def words(field: str) -> dict[str, str]:
        label, info = languages.setting("prune." + field, page.lang)
        return {"label": label, "info": info, "elem_id": "prune-" + field.replace("_", "-")}

    html(pieces.heading("", t("prune_note")))
    with gr.Row(elem_classes=["settings-grid"]):
        layers = gr.Slider(1, 2, value=2, step=1, **(words("layers") | {"info": t("student_layers_info")}))
        neurons = gr.Slider(0.1, 1, value=1, step=0.05, **words("feed_forward"))
        tokens = gr.Dropdown(["all", "scripts", "used"], value="all", **words("vocabulary"))
        zeros = gr.Slider(0, 0.95, value=0, step=0.05, **words("magnitude"))
    recover = gr.Checkbox(True, **words("recover"))
    with gr.Row(elem_classes=["row-end"]):
        button = gr.Button(t("prune_make"), variant="primary", elem_id="make-pruned", elem_classes=["fit"])
    return button, [layers, neurons, tokens, zeros, recover]
