"""The training rows on the Data tab: new ones made from them, classes balanced. Part of the workshop's plan."""

from __future__ import annotations

import functools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.augmentation import AUGMENT, WITH_A_MODEL
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.part import Part
from ftui.ui import pieces, readings, step_form, workshop
from ftui.ui.page import LATEST, QUIET, Page, html, pickable

BALANCE = ("none", "oversample", "undersample")
SHOWN_LABELS = 12
PREVIEWED = 8  # rows
MOST_SETTINGS = 5  # of any augmentation

# ---- balance


def change_balance(home: Home, lang: str, data_id: str, plan: str, balance: str) -> str:
    """The plan, with the classes balanced in this way."""
    made = workshop.written({**workshop.read(plan), "balance": None if balance == "none" else balance})
    workshop.keep(home, data_id, made)
    return made


def show(home: Home, lang: str, data_id: str, reading: str, test: float, validation: float, plan: str) -> tuple:
    """After any change: (section, seen where new rows can be made; augmentations; way of balancing, seen where rows have one
    label each; training rows of each class before and after)."""
    content, now = workshop.read(plan), readings.read(reading)
    balance = content.get("balance", "none")
    try:
        folder = workshop.folder_of(home, data_id)
        ready = folder and balance != "none" and not now.problem(lang)
        counts = class_counts(folder, reading, test, validation, plan) if ready else []
    except UserError:  # said where the split is shown
        counts = []
    section = gr.Accordion(visible=bool({"label", "spans"} & set(tasks.get(now.task).ROLES)))
    ways = gr.Radio(value=balance, visible="label" in now.form)
    return section, listed(content.get("augment", []), lang), ways, _table(counts, bool(content.get("augment")), lang)


@functools.lru_cache(maxsize=32)
def class_counts(folder: Path, reading: str, test: float, validation: float, plan: str) -> list[tuple[str, int, int]]:
    """(label, training rows, about how many rows are learned from), the largest class first. Of more rows than the report
    looks at they are those of its sample."""
    from ftui.core.recipe import Data
    from ftui.data import balancing, intake, preparing

    content, now = workshop.read(plan), workshop.sheet(folder, reading, plan)
    if now.labels is None:
        return []
    sizes = {"test": test, "validation": validation} | {s: 0.0 for s in ("test", "validation") if content.get(f"{s}_path")}
    data = Data(path=str(folder), **content)
    train = preparing.divide(now.table, now.labels, data, sizes, intake.open_dataset(folder).table())["train"]
    labels = [now.labels[i] for i in train]
    kept = labels if data.balance == "none" else [labels[i] for i in balancing.places(labels, data.balance, data.seed)]
    after, times = Counter(kept), 1 + sum(step.share for step in data.augment)
    return [(name, count, round(after[name] * times)) for name, count in Counter(labels).most_common()]


def _table(counts: list[tuple[str, int, int]], about: bool, lang: str) -> str:
    if not counts:
        return ""
    most = max(after for _, _, after in counts)
    rows = []
    for name, before, after in counts[:SHOWN_LABELS]:
        bar = f'<span class="meter wide" aria-hidden="true"><i style="width:{after / most:.1%}"></i></span>'
        rows.append([pieces.pill(name), f"{before:,}", f"{bar}{'≈ ' if about else ''}{after:,}"])
    more = len(counts) - SHOWN_LABELS
    if more > 0:
        rows.append([escape(languages.text("more_labels", lang, n=more)), "", ""])
    heads = [languages.text(key, lang) for key in ("label", "train_rows_now", "train_rows_then")]
    return pieces.table([escape(head) for head in heads], rows, numeric=(1,))


# ---- augmentation


def listed(steps: list[dict], lang: str) -> str:
    """The steps as they are chosen, each with a preview and a way to remove it."""
    if not steps:
        return f'<div class="ft sub">{escape(languages.text("no_augmentation", lang))}</div>'
    lines = []
    for i, content in enumerate(steps):
        step = AUGMENT[content["name"]].model_validate(content)
        name = escape(languages.step(step.name, lang)[0])
        told = [f"{languages.step('augment.' + field, lang)[0]} {_shown(field, value)}" for field, value in step.model_dump(exclude_defaults=True).items() if field not in ("name", "share")]
        more = escape(languages.text("augment_share", lang, share=f"{step.share:.0%}"))
        acts = workshop.button(f"preview:{i}", languages.text("preview", lang))
        acts += workshop.button(f"remove:{i}", "✕", title=languages.text("step_remove", lang))
        lines.append(f'<li class="step"><p><b>{name}</b> <span class="sub">{escape(" · ".join(told))}</span></p><span class="n">{more}</span><span class="acts">{acts}</span></li>')
    return f'<div class="ft"><ol class="steps">{"".join(lines)}</ol></div>'


def _shown(field: str, value: object) -> str:
    return Path(str(value)).name if field == "path" else str(value)


def add(home: Home, lang: str, data_id: str, plan: str, name: str | None, *values: str, way: Access = LOCAL) -> tuple:
    """Add the chosen augmentation with its settings: (plan, notice)."""
    if not name:
        return gr.skip(), pieces.notice(languages.text("choose_step", lang), kind="warn")
    content = workshop.read(plan)
    step = step_form.step_of(AUGMENT, name, values)
    content["augment"] = [*content.get("augment", []), step]
    try:
        made = workshop.read(json.dumps(content))["augment"][-1]
        _allowed(home, made, way)
        if step.get("path"):
            from ftui.data import augmenting

            step["path"] = str(augmenting.keep_file(Path(step["path"]), home))
    except UserError as error:
        return gr.skip(), pieces.error(error, lang)
    workshop.keep(home, data_id, workshop.written(content))
    return workshop.written(content), ""


def _allowed(home: Home, step: dict, way: Access) -> None:
    """Raise UserError for files and models of this machine where others reach this page."""
    way.check(recipes.build({"data": {"path": str(home.datasets), "augment": [step]}}), home, 0)


def bring(home: Home, lang: str, path: str | None, way: Access = LOCAL) -> tuple:
    """A file of synonyms was uploaded: (where it is kept, notice)."""
    from ftui.data import augmenting, wording

    try:
        if path and Path(path).is_file():
            way.check_import(home, Path(path).stat().st_size)
        kept = augmenting.keep_file(Path(path or ""), home)
        return str(kept), pieces.notice(languages.text("synonyms_read", lang, n=len(wording.read_synonyms(kept))))
    except UserError as error:
        return gr.skip(), pieces.error(error, lang)


def act(home: Home, lang: str, pick: str, data_id: str, reading: str, plan: str, way: Access = LOCAL) -> Iterator[tuple]:
    """A button of a step was clicked: (plan, rows that are shown). A model takes a while: that is said first."""
    verb, _, what = pick.partition(":")
    content = workshop.read(plan)
    steps = list(content.get("augment", []))
    folder = workshop.folder_of(home, data_id)
    if verb == "close" or not what.isdecimal() or int(what) >= len(steps):
        yield gr.skip(), ""
    elif verb == "remove":
        del steps[int(what)]
        made = workshop.written({**content, "augment": steps})
        workshop.keep(home, data_id, made)
        yield made, ""
    elif folder and not readings.read(reading).problem(lang):
        step = AUGMENT[steps[int(what)]["name"]].model_validate(steps[int(what)])
        try:
            _allowed(home, steps[int(what)], way)
            if step.name in WITH_A_MODEL:
                yield gr.skip(), pieces.notice(languages.text("preview_loading", lang))
            yield gr.skip(), preview(folder, reading, plan, step, lang)
        except UserError as error:
            yield gr.skip(), pieces.error(error, lang)
    else:
        yield gr.skip(), pieces.notice(readings.read(reading).problem(lang) or "", kind="warn")


@functools.lru_cache(maxsize=16)
def preview(folder: Path, reading: str, plan: str, step: Part, lang: str) -> str:
    """A few rows before and after. Raises UserError."""
    import numpy as np

    from ftui.data import augmenting
    from ftui.data.rewriting import edited
    from ftui.jobs import previews

    now = workshop.sheet(folder, reading, plan)
    chosen = np.unique(np.linspace(0, max(len(now.rows) - 1, 0), PREVIEWED).astype(int)) if len(now.rows) else []
    before = [now.texts[i] for i in chosen]
    augmenting.check([step], now.table.column_names)
    marked = now.table.column("spans").take(chosen).to_pylist() if "spans" in now.table.column_names and before else [[]] * len(before)
    blocked = [[(span["start"], span["end"]) for span in row] for row in marked]
    if step.name in WITH_A_MODEL:
        asked = {"step": step.model_dump(), "base": "starter-encoder", "home": str(folder.parents[1]), "device": "auto", "seed": 42}
        after = previews.augmented({**asked, "texts": before, "blocked": blocked})
    else:
        edits = augmenting.quick(step)(before, blocked, np.random.default_rng(42))
        after = [edited(one, changes) for one, changes in zip(before, edits, strict=True)]
    rows = [
        [f"{now.rows[i] + 1:,}", workshop.marked(old, new, "gone"), workshop.marked(new, old, "new"), pieces.pill(now.labels[i] if now.labels else "")]
        for i, old, new in zip(chosen, before, after, strict=True)
    ]
    heads = [languages.text(key, lang) for key in ("row", "before", "after", "label")]
    if now.labels is None:
        heads, rows = heads[:-1], [row[:-1] for row in rows]
    title = f"{languages.step(step.name, lang)[0]} · {languages.text('preview', lang)}"
    return workshop.rows_panel(title, heads, rows, lang)


# ---- the page


@dataclass(frozen=True)
class Controls:
    section: gr.Accordion
    steps: gr.HTML
    name: gr.Dropdown
    settings: list[gr.Textbox]
    file: gr.UploadButton
    add: gr.Button
    about: gr.HTML
    notice: gr.HTML
    panel: gr.HTML
    balance: gr.Radio
    counts: gr.HTML


def build(page: Page) -> Controls:
    """Lay out the section."""
    t = page.t
    with gr.Accordion(t("growing_title"), open=False, elem_classes=["sheet"], elem_id="growing") as section:
        html(pieces.heading("", t("growing_note")))
        steps = pickable(elem_id="augment-steps")
        with gr.Row(elem_classes=["row-bottom", "add-step"]):
            names = [(languages.step(name, page.lang)[0], name) for name in AUGMENT]
            name = gr.Dropdown(names, value=None, label=t("add_augmentation"), elem_id="augment-name", min_width=220, scale=2)
            settings = [gr.Textbox(visible=False, elem_id=f"augment-setting-{i}", min_width=140) for i in range(MOST_SETTINGS)]
            file = gr.UploadButton(t("own_synonyms"), file_types=["text"], visible=False, size="sm", elem_id="augment-file", elem_classes=["fit"])
            add_ = gr.Button(t("add_step"), elem_id="augment-add", elem_classes=["fit"])
        about, notice = html(elem_id="augment-about"), html(elem_id="augment-notice")
        panel = pickable(elem_id="augment-panel")
        ways = [(t("balance_" + name), name) for name in BALANCE]
        balance = gr.Radio(ways, value="none", label=t("balance"), info=t("balance_weights"), elem_id="balance")
        counts = html(elem_id="class-counts")
    return Controls(section, steps, name, settings, file, add_, about, notice, panel, balance, counts)


def wire(page: Page, controls: Controls, mended: workshop.Controls, reading: gr.Textbox, sizes: list) -> None:
    """What happens on changes. `sizes`: test, validation."""
    c, plan = controls, mended.plan
    shown = [c.section, c.steps, c.balance, c.counts]
    events = [plan.change, reading.change, *(part.input for part in sizes)]
    gr.on(events, page.bind(show), [page.data, reading, *sizes, plan], shown, **LATEST)
    c.balance.input(page.bind(change_balance), [page.data, plan, c.balance], [plan], **QUIET)
    picked = page.bind(functools.partial(act, way=page.way), event=True)
    for part in (c.steps, c.panel):
        part.click(picked, [page.data, reading, plan], [plan, c.panel], **QUIET)

    def ask(home: Home, lang: str, name: str | None) -> list:
        *fields, about = step_form.settings(lang, name, AUGMENT, MOST_SETTINGS)
        return [*fields, gr.UploadButton(visible=name == "synonyms"), pieces.heading("", about) if about else ""]

    c.name.change(page.bind(ask), [c.name], [*c.settings, c.file, c.about], **QUIET)
    path = list(AUGMENT["synonyms"].model_fields).index("path") - 1  # its field; the name has none
    c.file.upload(page.bind(functools.partial(bring, way=page.way)), [c.file], [c.settings[path], c.notice], **QUIET)
    adding = page.bind(functools.partial(add, way=page.way))
    c.add.click(adding, [page.data, plan, c.name, *c.settings], [plan, c.notice], **QUIET)
