"""The memory: every run that was ever made, newest first. And the strip that says what is chosen."""

from __future__ import annotations

from html import escape

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages, recipe
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.ui import charts, pieces
from ftui.ui.page import QUIET, Page, go_to, html, pickable, pulse_of

MOST = 200  # runs in the list
RESULTS = ("evaluation", "playground", "export")

LOGO = (
    '<svg viewBox="0 0 26 26" aria-hidden="true"><rect width="26" height="26" rx="7" fill="var(--accent)"/>'
    '<path d="M6 18c3.2 0 3.6-9.5 7-9.5S16 15 20 15" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/>'
    '<circle cx="20" cy="15" r="2" fill="#fff"/></svg>'
)

# ---- handlers


def runs(home: Home, lang: str, chosen: str, shown: str, pulse: str) -> tuple:
    """(list, the same for the next comparison, pulse); nothing is sent while it has not changed."""
    lines = jobs.summaries(home)
    listed = render(lines, chosen, lang)
    now = next((pulse_of(line["id"], line["state"]) for line in lines if line["id"] == chosen), pulse)
    return (*((listed, listed) if listed != shown else (gr.skip(), gr.skip())), now if now != pulse else gr.skip())


def render(summaries: list[dict], chosen: str, lang: str) -> str:
    """The list of runs as buttons."""
    if not summaries:
        return f'<div class="ft runs"><div class="none">{languages.text("no_runs", lang)}</div></div>'
    items = "".join(_item(line, line["id"] == chosen, lang) for line in summaries[:MOST])
    return f'<nav class="ft runs" aria-label="{languages.text("runs", lang)}"><div class="cap">{languages.text("runs", lang)}</div>{items}</nav>'


def _item(line: dict, current: bool, lang: str) -> str:
    title = escape(_own_name(line) or line["dataset"])
    metric = ""
    if line["state"] in (ev.RUNNING, ev.STOPPING) and line["max_steps"]:
        metric = f'<div class="line"><span class="small">{(line["step"] or 0) / line["max_steps"]:.0%}</span></div>'
    elif line["value"] is not None:
        name = escape(charts.metric_name(line["metric"], lang))
        metric = (
            f'<div class="line"><span class="small">{name}</span><span class="metric">{line["value"]:.3f}</span></div>'
        )
    about = f"{languages.text('strategy_' + line['strategy'], lang)} · {line['model'].rpartition('/')[2]}"
    return (
        f'<button data-pick="{escape(line["id"])}" title="{escape(line["id"])}"{" aria-current=true" if current else ""}>'
        f'<div class="line"><span class="name">{title}</span>{pieces.badge(line["state"], lang)}</div>'
        f'<div class="line"><span class="small">{escape(about)}</span></div>{metric}</button>'
    )


def name_of(line: dict, lang: str) -> str:
    """What a run is called: by its owner, else by data set and strategy."""
    return _own_name(line) or f"{line['dataset']} · {languages.text('strategy_' + line['strategy'], lang)}"


def _own_name(line: dict) -> str:
    """The name that was given to a run, "" where it has only the one made up by ftui.jobs."""
    return line["name"] if line["name"] != f"{line['dataset']} · {line['strategy']}" else ""


def pick(home: Home, lang: str, run_id: str, tab: str, data_id: str) -> tuple:
    """A run was clicked: (run, pulse, tabs, data). Its results are shown where there are any, else its log.

    Where no data set is chosen the run's own becomes it."""
    run = home.run(run_id)
    data = gr.skip() if data_id else dataset_of(run)
    stays = tab in RESULTS or tab == "log"
    tabs = gr.skip() if stays else go_to("evaluation" if run.report.exists() else "log")
    return run.id, beat(run), tabs, data


def beat(run: Run) -> str:
    """The pulse of a run."""
    return pulse_of(run.id, jobs.summary(run)["state"])


def dataset_of(run: Run) -> str:
    """Id of the data set that a run learned from, "" where it is not in this home any more."""
    name = (run.path / recipe.load(run.recipe).data.path).name
    try:
        return run.home.dataset(name).name
    except UserError:
        return ""


def new(home: Home, lang: str) -> tuple:
    """Start over with new data: (run, pulse, tabs, data)."""
    return "", "", go_to("data"), ""


def strip(home: Home, lang: str, data_id: str, run_id: str) -> str:
    """What is chosen: data set and run. The page's script copies both ids into the address."""
    chips = []
    if data_id:
        from ftui.data import intake

        try:
            card = intake.open_dataset(home.dataset(data_id)).card()
            chips.append(_chip(languages.text("data_set", lang), escape(card["name"])))
        except UserError:
            chips.append(_chip(languages.text("data_set", lang), languages.text("gone", lang)))
    if run_id:
        try:
            line = jobs.summary(home.run(run_id))
            chips.append(_chip(languages.text("run", lang), escape(name_of(line, lang)), pieces.badge(line["state"], lang)))
        except UserError:
            chips.append(_chip(languages.text("run", lang), languages.text("gone", lang)))
    address = f'data-data="{escape(data_id)}" data-run="{escape(run_id)}"'
    return f'<div class="ft strip" {address}>{"".join(chips) or _nothing(lang)}</div>'


def _nothing(lang: str) -> str:
    return f'<span class="none">{languages.text("tagline", lang)}</span>'


def _chip(kind: str, name: str, extra: str = "") -> str:
    return f'<span class="chip"><span class="k">{kind}</span><b title="{name}">{name}</b>{extra}</span>'


# ---- the page


def build(page: Page) -> list:
    """The list of runs; must be called inside a gr.Sidebar. Returns what `runs` gives."""
    t = page.t
    html(f'<div class="ft brand">{LOGO}<span>ftui</span></div>')
    fresh = gr.Button(t("new"), variant="secondary", elem_id="new-run")
    shown = gr.State("")
    listed = pickable(render([], "", page.lang), elem_id="runs")
    outputs = [listed, shown, page.pulse]
    gr.Timer(5.0).tick(page.bind(runs), [page.run, shown, page.pulse], outputs, trigger_mode="once", **QUIET)
    chosen = [page.run, page.pulse, page.tabs, page.data]
    listed.click(page.bind(pick, event=True), [page.tab, page.data], chosen, **QUIET)
    fresh.click(page.bind(new), [], chosen, **QUIET)
    return outputs


def build_strip(page: Page) -> gr.HTML:
    """What is chosen, and the corner with language and theme."""
    other = {"en": "zh", "zh": "en"}[page.lang]
    with gr.Row(elem_classes=["strip-row"]):
        first = f'<div class="ft strip">{_nothing(page.lang)}</div>'
        load = "ftui.strip(element, watch)"
        chosen = gr.HTML(first, elem_id="strip", apply_default_css=False, js_on_load=load)
        language = f'<button onclick="ftui.switchLanguage(\'{other}\')" lang="{other}" id="switch-language">'
        theme = f'<button onclick="ftui.toggleTheme()" id="switch-theme" title="{page.t("theme")}" '
        theme += f'aria-label="{page.t("theme")}">◐</button>'
        way = f'<span class="way" title="{page.t("way_" + page.way.mode + "_note")}">{page.t("way_" + page.way.mode)}</span>'
        html(f'<h1 class="ft unseen">ftui</h1><div class="ft corner">{way}{language}{languages.LANGUAGES[other]}</button>{theme}</div>')
    return chosen
