"""A conversation as the starter model for it will read it, on the Data tab: what it learns set off from what it only reads."""

from __future__ import annotations

import functools
import json
from html import escape
from pathlib import Path

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_models
from ftui.tasks import templates
from ftui.ui import pieces, readings
from ftui.ui.page import html

SHOWN = 2  # conversations
LONGEST = 1200  # characters of one
MODEL = "starter-lm"


class Template:
    """What `templates.render` asks of a tokenizer, without loading one."""

    def __init__(self, name: str, template: str, ends: str):
        self.name_or_path, self.chat_template, self.eos_token = name, template, ends
        self.padding_side = "right"

    def apply_chat_template(self, messages: list[dict], tokenize: bool, add_generation_prompt: bool) -> str:
        """The text of the messages."""
        return _compiled(self.chat_template).render(messages=messages, add_generation_prompt=add_generation_prompt, eos_token=self.eos_token)


@functools.lru_cache(maxsize=4)
def _compiled(template: str):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True).from_string(template)


def template_of(folder: Path) -> Template:
    """The template of a model's folder, the plain one where it has none."""
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    own = config.get("chat_template")
    return Template(folder.name, own if isinstance(own, str) else templates.PLAIN, config.get("eos_token") or "")


def show(home: Home, lang: str, data_id: str, reading: str) -> dict:
    """The first conversations of the data set, where its task is to talk; else nothing."""
    read = readings.read(reading)
    if not data_id or read.problem(lang) or not hasattr(tasks.get(read.task), "talk"):
        return gr.HTML("", visible=False)
    try:
        return gr.HTML(_drawn(home.dataset(data_id), reading, lang), visible=True)
    except UserError:  # the findings say it
        return gr.HTML("", visible=False)


@functools.lru_cache(maxsize=32)
def _drawn(folder: Path, reading: str, lang: str) -> str:
    from ftui.data import intake, preparing

    read = readings.read(reading)
    table = intake.open_dataset(folder).table().slice(0, 50)
    rows, _ = preparing.filled(table, read.columns, tasks.get(read.task).ROLES)
    template = template_of(starter_models() / MODEL)
    cards = "".join(f'<pre class="talk">{marked(template, messages)}</pre>' for messages in rows["messages"].slice(0, SHOWN).to_pylist())
    note = languages.text("talk_note", lang, model=template.name_or_path)
    return f'<div class="ft card" id="talk">{pieces.heading(languages.text("talk_title", lang), note)}{cards}</div>' if cards else ""


def marked(template: Template, messages: list[dict]) -> str:
    """The text that a model reads, its answers in <mark>."""
    made = templates.render(template, messages)
    parts, reached = [], 0
    for start, end in made.answers:
        parts += [escape(made.text[reached:start]), f"<mark>{escape(made.text[start:end])}</mark>"]
        reached = end
    text = "".join(parts) + escape(made.text[reached:])
    return text if len(made.text) <= LONGEST else f'<span class="clamp">{text}</span>'


def build() -> gr.HTML:
    """The place for it."""
    return html(visible=False, elem_id="data-talk")
