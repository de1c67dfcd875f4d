"""Asking a model that writes, one text at a time: its settings, and its answer as it comes, on demand beside that of the
model before tuning."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from ftui import tasks
from ftui.core import languages
from ftui.core.home import Home, Run
from ftui.ui import asking, chat, task_views
from ftui.ui.page import Page, View, find_run
from ftui.ui.turns import Turn, pieces_of

MEANS_SOMETHING = 1000.0  # perplexity before tuning, above which the base model's answer is noise and is not offered
PARTS: dict[str, Callable] = {
    "temperature": float, "top_p": float, "top_k": int, "num_beams": int, "repetition_penalty": float, "max_tokens": int, "seed": chat.seed_of,
}  # of a request, in the order of the controls  # fmt: skip
TARGET = (0.0, 1.0, 1.0)  # temperature, top-p and penalty with which a source's target is written: the likeliest
GOING_ON = (0.7, 0.9, 1.1)  # those with which a text goes on: always the likeliest word soon says the same again and again


def writes(run: Run) -> bool:
    """Whether what is asked of the run's model is the beginning or the source of a text."""
    return hasattr(tasks.get(asking.task_of(run)), "begin") and not asking.talks(run)


def goes_on(run: Run) -> bool:
    """Whether its model goes on with a text, so that what it writes belongs behind what it was given."""
    return writes(run) and hasattr(tasks.get(asking.task_of(run)), "talk")


def show(home: Home, lang: str, run_id: str) -> tuple:
    """(settings, choice of the model before tuning, Stop, temperature, top-p, penalty, longest answer, beams): the last two as
    the run's own recipe has them."""
    run = find_run(home, run_id)
    if run is None or not run.model.exists() or not writes(run):
        return gr.Accordion(visible=False), gr.Checkbox(value=False, visible=False), gr.Button(visible=False), *[gr.skip()] * 5
    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    before = (card.get("before") or {}).get("metrics", {})
    offered = before.get("perplexity", 0.0) < MEANS_SOMETHING
    kept = card["language"]
    usual = GOING_ON if goes_on(run) else TARGET
    return gr.Accordion(visible=True), gr.Checkbox(value=False, visible=offered), gr.Button(visible=True), *usual, kept["max_new_tokens"], kept["num_beams"]


def answers(url: str, text: str, given: dict, task: str, chosen: tuple, lang: str, turn: Turn) -> Iterator[tuple[str, str]]:
    """(what the model says so far, the cards that show it), the last one whole. `chosen`: whether the model before tuning is
    asked as well, then PARTS. Ends when its turn is over. Raises UserError."""
    beside, *parts = chosen
    request = {"prompt": text, **{name: kind(value) for (name, kind), value in zip(PARTS.items(), parts, strict=True)}}
    said = {"model": "", **({"base": ""} if beside else {})}
    looked = 0.0
    for model in said:
        for piece in pieces_of(url, "/v1/completions", {**request, "model": model}):
            if turn.over:
                return
            said[model] += piece
            if piece and time.monotonic() - looked > chat.OFTEN:
                looked = time.monotonic()
                yield said["model"], cards(said, given, task, lang)
    yield said["model"], cards(said, given, task, lang)


def cards(said: dict[str, str], given: dict, task: str, lang: str) -> str:
    """What the models say, each on a card; with its name where there are two."""
    shown = ""
    for model, text in said.items():
        name = languages.text("chat_tuned" if model == "model" else "chat_base", lang) if len(said) > 1 else ""
        head = f'<div class="h">{name}</div>' if name else ""
        body = task_views.get(task).answer({"text": text}, given, lang)
        shown += f'<div class="ft card answer" id="answer-of-{model}" aria-live="polite">{head}{body}</div>'
    return shown


def build(page: Page, stop: gr.Button) -> tuple[View, list[Any]]:
    """Lay out the settings; `stop` is shown with them. Returns what shows them, and the controls in the order of `chosen`."""
    t = page.t
    with gr.Accordion(t("chat_settings"), open=False, visible=False, elem_id="compose-settings", elem_classes=["sheet"]) as part:
        beside = gr.Checkbox(label=t("chat_beside"), visible=False, elem_id="compose-beside", container=False)
        with gr.Row(elem_classes=["settings-grid"]):
            temperature = gr.Slider(0, 2, 0, step=0.05, label=t("chat_temperature"), info=t("chat_temperature_note"), buttons=[], elem_id="compose-temperature")
            top_p = gr.Slider(0.05, 1, 1, step=0.05, label=t("chat_top_p"), info=t("chat_top_p_note"), buttons=[], elem_id="compose-top-p")
            top_k = gr.Slider(0, 200, 0, step=1, label=t("chat_top_k"), info=t("chat_top_k_note"), buttons=[], elem_id="compose-top-k")
            beams = gr.Slider(1, 16, 1, step=1, label=t("compose_beams"), info=t("compose_beams_note"), buttons=[], elem_id="compose-beams")
            penalty = gr.Slider(1, 2, 1, step=0.05, label=t("chat_penalty"), info=t("chat_penalty_note"), buttons=[], elem_id="compose-penalty")
            longest = gr.Slider(1, 1024, 64, step=1, label=t("chat_tokens"), buttons=[], elem_id="compose-tokens")
            seed = gr.Textbox("", label=t("chat_seed"), info=t("chat_seed_note"), max_lines=1, elem_id="compose-seed")
    return View(show, [page.run], [part, beside, stop, temperature, top_p, penalty, longest, beams]), [beside, temperature, top_p, top_k, beams, penalty, longest, seed]
