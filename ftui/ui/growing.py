"""The training rows on the Data tab: classes balanced. Part of the workshop's plan."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from pathlib import Path

import gradio as gr

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import pieces, readings, workshop
from ftui.ui.page import LATEST, QUIET, Page, html

BALANCE = ("none", "oversample", "undersample")
SHOWN_LABELS = 12

# ---- handlers


def change_balance(home: Home, lang: str, data_id: str, plan: str, balance: str) -> str:
    """The plan, with the classes balanced in this way."""
    made = workshop.written({**workshop.read(plan), "balance": None if balance == "none" else balance})
    workshop.keep(home, data_id, made)
    return made


def show(home: Home, lang: str, data_id: str, reading: str, test: float, validation: float, plan: str) -> tuple:
    """After any change: (section, seen where rows have one label each; way of balancing, training rows of each class before
    and after)."""
    balance = workshop.read(plan).get("balance", "none")
    try:
        folder = home.dataset(data_id) if data_id else None
        ready = folder and balance != "none" and not readings.read(reading).problem(lang)
        counts = class_counts(folder, reading, test, validation, plan) if ready else []
    except UserError:  # said where the split is shown
        counts = []
    return gr.Column(visible="label" in readings.read(reading).form), balance, _table(counts, lang)


@functools.lru_cache(maxsize=32)
def class_counts(folder: Path, reading: str, test: float, validation: float, plan: str) -> list[tuple[str, int, int]]:
    """(label, training rows, rows that are learned from), the largest class first. Of more rows than the report looks at
    they are those of its sample."""
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
    after = Counter(kept)
    return [(name, count, after[name]) for name, count in Counter(labels).most_common()]


def _table(counts: list[tuple[str, int, int]], lang: str) -> str:
    if not counts:
        return ""
    most = max(after for _, _, after in counts)
    rows = []
    for name, before, after in counts[:SHOWN_LABELS]:
        bar = f'<span class="meter wide" aria-hidden="true"><i style="width:{after / most:.1%}"></i></span>'
        rows.append([pieces.pill(name), f"{before:,}", f"{bar}{after:,}"])
    more = len(counts) - SHOWN_LABELS
    if more > 0:
        rows.append([escape(languages.text("more_labels", lang, n=more)), "", ""])
    heads = [languages.text(key, lang) for key in ("label", "train_rows_now", "train_rows_then")]
    return pieces.table([escape(head) for head in heads], rows, numeric=(1,))


# ---- the page


@dataclass(frozen=True)
class Controls:
    section: gr.Column
    balance: gr.Radio
    counts: gr.HTML


def build(page: Page) -> Controls:
    """Lay out the section."""
    t = page.t
    with gr.Column(elem_classes=["sheet"], elem_id="growing") as section:
        html(pieces.heading(t("growing_title"), t("growing_note")))
        ways = [(t("balance_" + name), name) for name in BALANCE]
        balance = gr.Radio(ways, value="none", label=t("balance"), info=t("balance_weights"), elem_id="balance")
        counts = html(elem_id="class-counts")
    return Controls(section, balance, counts)


def wire(page: Page, controls: Controls, mended: workshop.Controls, reading: gr.Textbox, sizes: list, then: Callable) -> None:
    """What happens on changes. `sizes`: test, validation; `then(event)` adds what follows."""
    c = controls
    shown = [c.section, c.balance, c.counts]
    events = [mended.plan.change, reading.change, *(part.input for part in sizes)]
    gr.on(events, page.bind(show), [page.data, reading, *sizes, mended.plan], shown, **LATEST)
    then(c.balance.input(page.bind(change_balance), [page.data, mended.plan, c.balance], [mended.plan], **QUIET))
