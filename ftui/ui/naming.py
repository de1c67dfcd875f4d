"""Names for labels on the Data tab: 0 and 1 become words. What is typed becomes a step of the plan, like any other."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import gradio as gr

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.steps import CLEAN
from ftui.ui import pieces, readings, step_form, workshop
from ftui.ui.page import LATEST, QUIET, Page, html

MOST = 50  # labels that are offered
SHORT = 3  # characters: labels that are no longer may be codes


def show(home: Home, lang: str, data_id: str, reading: str, plan: str) -> tuple:
    """(section, "label = label" for each label as it is now). The section is unseen where rows have no single label, and
    open where the labels look like codes."""
    found = labels(home, data_id, reading, plan)
    if not 2 <= len(found) <= MOST:
        return gr.Accordion(visible=False), ""
    codes = all(len(label) <= SHORT and label.lstrip("-").isdigit() for label in found)
    return gr.Accordion(visible=True, open=codes), "\n".join(f"{label} = {label}" for label in found)


def labels(home: Home, data_id: str, reading: str, plan: str) -> list[str]:
    """The labels that the steps leave, the frequent ones first; [] where there are none to be named."""
    folder = workshop.folder_of(home, data_id)
    if folder is None or readings.read(reading).problem("en"):
        return []
    try:
        return [label for label, _ in Counter(workshop.sheet(folder, reading, plan).labels or ()).most_common()]
    except UserError:
        return []


def name(home: Home, lang: str, data_id: str, plan: str, typed: str) -> tuple:
    """Add what was typed as a step: (plan, notice)."""
    pairs = step_form.step_of(CLEAN, "merge_labels", [typed]).get("labels", {})
    changed = "\n".join(f"{old} = {new}" for old, new in pairs.items() if old != new)
    if not changed:
        return gr.skip(), ""
    return workshop.add(home, lang, data_id, plan, "merge_labels", changed)


@dataclass(frozen=True)
class Controls:
    section: gr.Accordion
    names: gr.Textbox
    give: gr.Button
    notice: gr.HTML


def build(page: Page) -> Controls:
    """Lay out the section."""
    t = page.t
    with gr.Accordion(t("naming_title"), open=False, visible=False, elem_id="naming", elem_classes=["sheet"]) as section:
        html(pieces.heading("", t("naming_note")))
        names = gr.Textbox("", label=t("naming_title"), show_label=False, lines=4, max_lines=10, container=False, elem_id="label-names")
        give = gr.Button(t("naming_give"), size="sm", elem_id="name-labels")
        notice = html(elem_id="naming-notice")
    return Controls(section, names, give, notice)


def wire(page: Page, controls: Controls, reading: gr.Textbox, mended: workshop.Controls) -> None:
    """What happens on a click and when the rows change."""
    c, asked = controls, [page.data, reading, mended.plan]
    gr.on([reading.change, mended.plan.change], page.bind(show), asked, [c.section, c.names], **LATEST)
    c.give.click(page.bind(name), [page.data, mended.plan, c.names], [mended.plan, c.notice], **QUIET)
