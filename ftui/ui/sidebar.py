"""The memory: every run that was ever made, newest first. And the strip that says what is chosen."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from html import escape

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages, recipe
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.jobs import queue
from ftui.jobs.summaries import SEARCH
from ftui.ui import charts, glossary, pieces
from ftui.ui.page import LATEST, QUIET, Page, go_to, html, pulse_of

MOST = 200  # runs in the list
FEW = 8  # more of them, and a search field appears
RESULTS = ("evaluation", "playground", "export")

LOGO = (
    '<svg viewBox="0 0 26 26" aria-hidden="true"><rect width="26" height="26" rx="7" fill="var(--accent)"/>'
    '<path d="M6 18c3.2 0 3.6-9.5 7-9.5S16 15 20 15" fill="none" stroke="#fff" stroke-width="2.2" stroke-linecap="round"/>'
    '<circle cx="20" cy="15" r="2" fill="#fff"/></svg>'
)

# ---- handlers


def runs(home: Home, lang: str, chosen: str, shown: str, find: str, pulse: str, way: Access = LOCAL) -> tuple:
    """(list, the same for the next comparison, search field, pulse); nothing is sent while it has not changed."""
    lines = jobs.summaries(home)
    order = queue.waiting(home) if any(line["state"] == ev.QUEUED for line in lines) else []
    movable = way.mode != "demo"  # there others wait too
    slots = queue.slots(home.queue) if movable and order and not os.environ.get("FTUI_SLOTS") else None
    listed = render(lines, order, chosen, find, movable, lang, slots)
    now = next((pulse_of(line["id"], line["state"]) for line in lines if line["id"] == chosen), pulse)
    sent = (listed, listed, gr.Textbox(visible=len(lines) > FEW)) if listed != shown else (gr.skip(),) * 3
    return (*sent, now if now != pulse else gr.skip())


def render(summaries: list[dict], order: list[str], chosen: str, find: str | None, movable: bool, lang: str, slots: int | None = None) -> str:
    """The list of runs; `order` are those that wait, the next one first, and `movable` says whether that can be changed.
    `slots` is how many trainings run at a time, where that can be."""
    if not summaries:
        return f'<div class="ft runs"><div class="none">{languages.text("no_runs", lang)}</div></div>'
    words = (find or "").casefold().split()  # a field that was never seen is None
    found = [line for line in summaries if all(word in _findable(line, lang) for word in words)]
    items = "".join(_item(line, order, line["id"] == chosen, movable, lang) for line in found[:MOST])
    items = items or f'<div class="none">{languages.text("no_run_found", lang)}</div>'
    caption = languages.text("runs", lang)
    return f'<nav class="ft runs" aria-label="{caption}"><div class="cap">{caption}</div>{_slots(slots, lang) if slots else ""}{items}</nav>'


def _slots(now: int, lang: str) -> str:
    buttons = "".join(
        f'<button data-pick="slots:{number}" title="{languages.text(key, lang)}" aria-label="{languages.text(key, lang)}">{sign}</button>'
        for number, key, sign in ((now - 1, "slots_fewer", "−"), (now + 1, "slots_more", "+"))
        if number
    )
    return f'<div class="queue"><span class="small">{languages.text("slots", lang, n=now)}</span><span>{buttons}</span></div>'


def _findable(line: dict, lang: str) -> str:
    state = languages.log("state_" + line["state"], lang)
    parts = (name_of(line, lang), line["note"], line["model"], line["dataset"], line["id"], state)
    return " ".join(parts).casefold()


def _item(line: dict, order: list[str], current: bool, movable: bool, lang: str) -> str:
    run, name = escape(line["id"]), escape(_own_name(line) or line["dataset"])
    kind = [languages.text("search_kind", lang)] if line["search"] else []
    about = " · ".join([*kind, languages.text("strategy_" + line["strategy"], lang), line["model"].rpartition("/")[2]])
    started = f'<time data-ago="{line["created"]:.0f}">{time.strftime("%Y-%m-%d %H:%M", time.localtime(line["created"]))}</time>'
    took = pieces.duration(line["seconds"], lang) if line["state"] in ev.TERMINAL and line["seconds"] else ""
    note = f'<div class="line"><span class="small note">{escape(line["note"])}</span></div>' if line["note"] else ""
    place = order.index(line["id"]) if line["id"] in order and line["state"] == ev.QUEUED else None
    return (
        f'<div class="run"{" aria-current=true" if current else ""}>'
        f'<button data-pick="{run}" title="{run}"{" aria-current=true" if current else ""}>'
        f'<div class="line"><span class="name">{name}</span>{pieces.badge(line["state"], lang)}</div>'
        f'<div class="line"><span class="small">{escape(about)}</span></div>{_figure(line, lang)}{note}'
        f'<div class="line"><span class="small when">{started}</span><span class="small when">{took}</span></div></button>'
        f'<button class="more" data-pick="menu:{run}" aria-haspopup="dialog" aria-label="{languages.text("run_menu", lang)}: {name}" '
        f'title="{languages.text("run_menu", lang)}">⋯</button>'
        f"{_waiting(run, place, len(order), movable, lang) if place is not None else ''}</div>"
    )


def _figure(line: dict, lang: str) -> str:
    """How far it is, or how good it has become."""
    if line["state"] in (ev.RUNNING, ev.STOPPING) and line["max_steps"]:
        share = (line["step"] or 0) / line["max_steps"]
        bar = f'<span class="bar"><i style="width:{share * 100:.0f}%"></i></span>'
        return f'<div class="line">{bar}<span class="metric">{share:.0%}</span></div>'
    if line["value"] is None:
        return ""
    name = escape(charts.metric_name(line["metric"], lang))
    return f'<div class="line"><span class="small">{name}</span><span class="metric">{line["value"]:.3f}</span></div>'


def _waiting(run: str, place: int, waiting: int, movable: bool, lang: str) -> str:
    """The place in the queue, and what can be done about it."""
    moves = [("first", "⤒", place > 1), ("up", "↑", place > 0), ("down", "↓", place < waiting - 1)] if movable else []
    buttons = "".join(
        f'<button data-pick="{verb}:{run}" title="{languages.text("queue_" + verb, lang)}" '
        f'aria-label="{languages.text("queue_" + verb, lang)}">{sign}</button>'
        for verb, sign, possible in [*moves, ("cancel", "✕", True)]
        if possible
    )
    words = languages.text("queue_place", lang, place=pieces.ordinal(place + 1, lang))
    return f'<div class="queue"><span class="small">{words}</span><span>{buttons}</span></div>'


def name_of(line: dict, lang: str) -> str:
    """What a run is called: by its owner, else by data set and strategy."""
    return _own_name(line) or made_up_name(line, lang)


def made_up_name(line: dict, lang: str) -> str:
    """What a run is called that nobody has named."""
    plain = f"{line['dataset']} · {languages.text('strategy_' + line['strategy'], lang)}"
    return f"{plain} · {languages.text('search_kind', lang)}" if line["search"] else plain


def _own_name(line: dict) -> str:
    """The name that was given to a run, "" where it has only the one made up by ftui.jobs."""
    made_up = f"{line['dataset']} · {line['strategy']}" + (SEARCH if line["search"] else "")
    return line["name"] if line["name"] != made_up else ""


def pick(home: Home, lang: str, picked: str, tab: str) -> tuple:
    """Something in the list was clicked: (run, pulse, tabs, data, run of the menu).

    A run is chosen: its results are shown where there are any, else its log, and its data set becomes the chosen one.
    "menu:RUN" opens its menu."""
    verb, _, run_id = picked.rpartition(":")
    if verb not in ("", "menu"):
        return (gr.skip(),) * 5
    run = home.run(run_id)
    if verb:
        return (gr.skip(),) * 4 + (run.id,)
    data = dataset_of(run) or gr.skip()
    stays = tab in RESULTS or tab == "log"
    tabs = gr.skip() if stays else go_to("evaluation" if run.report.exists() else "log")
    return run.id, beat(run), tabs, data, gr.skip()


def steer(home: Home, lang: str, picked: str, chosen: str, shown: str, find: str, pulse: str, way: Access = LOCAL) -> tuple:
    """"first:RUN", "up:RUN", "down:RUN" or "cancel:RUN" was clicked at a run that waits, or "slots:NUMBER" above them: the
    new list, as from `runs`."""
    verb, _, run_id = picked.rpartition(":")
    if verb == "slots" and way.mode != "demo" and run_id.isdecimal():
        queue.set_slots(home, int(run_id))
        return runs(home, lang, chosen, shown, find, pulse, way)
    if verb not in ("first", "up", "down", "cancel"):
        return (gr.skip(),) * 4
    run = home.run(run_id)
    order = queue.waiting(home)
    job = run.training()
    if run.id in order and job is not None:
        if verb == "cancel":
            jobs.stop(job)
        elif way.mode != "demo":  # there others wait too
            queue.move(run, {"first": 0, "up": order.index(run.id) - 1, "down": order.index(run.id) + 1}[verb])
    return runs(home, lang, chosen, shown, find, pulse, way)


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


@dataclass(frozen=True)
class Listed:
    """The list of runs: what `runs` wants and gives besides `page.run` and `page.pulse`, and the run whose menu is open."""

    list: gr.HTML
    shown: gr.State
    find: gr.Textbox
    menu: gr.Textbox
    storage: gr.Button

    def outputs(self, page: Page) -> list:
        """What `runs` gives."""
        return [self.list, self.shown, self.find, page.pulse]


def build(page: Page) -> Listed:
    """The list of runs; must be called inside a gr.Sidebar."""
    t = page.t
    html(f'<div class="ft brand">{LOGO}<span>ftui</span></div>')
    fresh = gr.Button(t("new"), variant="secondary", elem_id="new-run")
    find = gr.Textbox(placeholder=t("find_run"), show_label=False, container=False, visible=False, elem_id="find-run")
    first = render([], [], "", "", False, page.lang)
    load = "ftui.picker(element, trigger); ftui.ago(element, watch)"
    shown = gr.HTML(first, elem_id="runs", apply_default_css=False, js_on_load=load)
    menu = gr.Textbox("", elem_id="menu-of", visible="hidden", container=False, show_label=False)
    storage = gr.Button(t("storage"), size="sm", elem_id="storage", elem_classes=["quiet"])
    listed = Listed(shown, gr.State(""), find, menu, storage)

    def refresh(home: Home, lang: str, *inputs: str) -> tuple:
        return runs(home, lang, *inputs, way=page.way)

    def steered(home: Home, lang: str, *inputs: str) -> tuple:
        return steer(home, lang, *inputs, way=page.way)

    inputs = [page.run, listed.shown, find, page.pulse]
    gr.Timer(5.0).tick(page.bind(refresh), inputs, listed.outputs(page), trigger_mode="once", **QUIET)
    find.input(page.bind(refresh), inputs, listed.outputs(page), **LATEST)
    chosen = [page.run, page.pulse, page.tabs, page.data, menu]
    shown.click(page.bind(pick, event=True), [page.tab], chosen, **QUIET)
    shown.click(page.bind(steered, event=True), inputs, listed.outputs(page), **QUIET)
    fresh.click(page.bind(new), [], chosen[:4], **QUIET)
    return listed


def duplicate(lang: str) -> str:
    """On a Space: the way to one of one's own."""
    space = os.environ.get("SPACE_ID", "")
    address = f"https://huggingface.co/spaces/{escape(space)}?duplicate=true"
    return f'<a href="{address}" target="_blank" rel="noopener" id="duplicate">{languages.text("duplicate_space", lang)}</a>' if space else ""


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
        html(f'<h1 class="ft unseen">ftui</h1><div class="ft corner">{duplicate(page.lang)}{way}{language}{languages.LANGUAGES[other]}</button>{theme}{glossary.button(page.lang)}</div>')
    return chosen
