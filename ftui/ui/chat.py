"""Talking to a tuned model: streamed from the run's server, on demand beside the model before tuning."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.ui import asking, pieces
from ftui.ui.page import QUIET, Page, View, find_run, html
from ftui.ui.turns import Turns, hold, pieces_of, release, stop

OFTEN = 0.25  # seconds between two looks at an answer that is being written: a page takes some 0.1 s for each
LONGEST = 20_000  # characters of a message
PARTS = ("temperature", "top_p", "top_k", "repetition_penalty", "max_tokens")  # of a request, in the order of the controls

# ---- handlers


def talks(home: Home, run_id: str) -> bool:
    """Whether one can talk to the run's model."""
    run = find_run(home, run_id)
    return run is not None and run.model.exists() and asking.talks(run)


@dataclass
class Talk(Turns):
    """A conversation, and the same with the base model, as a session keeps it: messages {"role", "content"}; and whose turn it is."""

    said: dict[str, list[dict]] = field(default_factory=lambda: {"model": [], "base": []})

    def shown(self, model: str) -> list[dict]:
        return [dict(message) for message in self.said[model]]

    def forget(self) -> None:
        """Begin anew; an answer that is being written adds nothing to what comes."""
        self.end()
        self.said = {"model": [], "base": []}

    def forget_unanswered(self) -> None:
        """What got no answer was not said: a template may refuse two messages of one side."""
        for told in self.said.values():
            while told and (not told[-1]["content"] or told[-1]["role"] == "user"):
                told.pop()


def show(home: Home, lang: str, run_id: str, talk: Talk) -> tuple:
    """(part of the page, conversation, the same with the base model, notice): a new one for another run."""
    talk.forget()
    return gr.Column(visible=talks(home, run_id)), [], gr.Chatbot([], visible=False), ""


def send(
    home: Home, lang: str, run_id: str, text: str, talk: Talk, beside: bool, system: str, temperature: float, top_p: float, top_k: float,
    penalty: float, longest: float, seed: str,
) -> Iterator[tuple]:
    """Say something; yields (message box, conversation, that with the base model, both as they are kept, notice).

    Only what has changed is sent: a page takes a tenth of a second for what it is sent, and the next message may already be typed.
    """  # fmt: skip
    text, same = (text or "").strip(), gr.skip()
    if not text or len(text) > LONGEST:
        yield same, same, same, same, pieces.notice(languages.text("ask_something", lang), kind="warn")
        return
    turn = talk.begin()
    chosen = dict(zip(PARTS, (temperature, top_p, int(top_k), penalty, int(longest)), strict=True)) | {"seed": seed_of(seed)}
    models = ("model", "base") if beside else ("model",)
    talk.forget_unanswered()  # of an answer that was broken off before it began
    said_before = len(talk.said["model"])
    for model in models:
        talk.said[model].append({"role": "user", "content": text})
    if not beside:
        talk.said["base"].clear()
    yield "", talk.shown("model"), gr.Chatbot(talk.shown("base"), visible=beside), talk, ""
    try:
        url = ""
        for found, waited in asking.server(home.run(run_id)):
            if turn.over:
                return
            url = found or url
            if found is None:
                yield same, same, same, same, pieces.notice(languages.text("chat_waiting", lang, s=int(waited)))
        for model in models:
            told = [{"role": "system", "content": system.strip()}] if (system or "").strip() else []
            request = {"model": model, "messages": told + talk.shown(model), **chosen}
            said = {"role": "assistant", "content": ""}
            talk.said[model].append(said)
            looked = 0.0
            for piece in pieces_of(url, "/v1/chat/completions", request):
                if turn.over:
                    return
                said["content"] += piece
                if piece and time.monotonic() - looked > OFTEN:
                    looked = time.monotonic()
                    yield same, *_grown(talk, model), same, ""
            said["content"] = said["content"].strip() or "…"
            yield same, *_grown(talk, model), same, ""
    except UserError as problem:
        if turn.over:
            return
        talk.forget_unanswered()
        box = text if len(talk.said["model"]) == said_before else same
        yield box, talk.shown("model"), gr.Chatbot(talk.shown("base"), visible=beside), same, pieces.error(problem, lang)


def _grown(talk: Talk, model: str) -> tuple:
    """(conversation, that with the base model) where one of them has grown."""
    return (talk.shown(model), gr.skip()) if model == "model" else (gr.skip(), talk.shown(model))


def seed_of(text: str | None) -> int | None:
    """The number that was given for a seed, None where none was."""
    return int(text) if (text or "").strip().isdecimal() else None


def clear(home: Home, lang: str, talk: Talk) -> tuple:
    """A new conversation: (conversation, the same with the base model, notice)."""
    talk.forget()
    return [], [], ""


def beside_shown(home: Home, lang: str, beside: bool) -> dict:
    """The second conversation appears with the choice."""
    return gr.Chatbot(visible=beside)


# ---- the page


def build(page: Page) -> View:
    """Lay out the part and wire it."""
    t = page.t
    with gr.Column(visible=False, elem_id="chat", elem_classes=["sheet"]) as part:
        with gr.Row(equal_height=True):
            tuned = _conversation(t("chat_tuned"), "chat-tuned")
            base = _conversation(t("chat_base"), "chat-base", visible=False)
        notice = html(elem_id="chat-notice")
        with gr.Row(elem_classes=["row-bottom"]):
            text = gr.Textbox(
                label=t("chat_message"), placeholder=t("chat_hint"), lines=1, max_lines=8, elem_id="chat-message", scale=5, autofocus=False, max_length=LONGEST
            )
            go = gr.Button(t("chat_send"), variant="primary", elem_id="chat-send", elem_classes=["fit"])
            halt = gr.Button(t("chat_stop"), interactive=False, elem_id="chat-stop", elem_classes=["fit"])
        with gr.Row(elem_classes=["row-end"]):
            beside = gr.Checkbox(label=t("chat_beside"), elem_id="chat-beside", container=False)
            new = gr.Button(t("chat_clear"), size="sm", elem_id="chat-clear", elem_classes=["quiet"])
        with gr.Accordion(t("chat_settings"), open=False, elem_id="chat-settings"):
            system = gr.Textbox(label=t("chat_system"), lines=2, max_lines=6, elem_id="chat-system", max_length=LONGEST)
            with gr.Row(elem_classes=["settings-grid"]):
                chosen = [
                    _slider(page, "temperature", 0, 2, 0.05, 0.7),
                    _slider(page, "top_p", 0.05, 1, 0.05, 0.9),
                    _slider(page, "top_k", 0, 200, 1, 0),
                    _slider(page, "penalty", 1, 2, 0.05, 1.1),
                    gr.Slider(8, 1024, 128, step=8, label=t("chat_tokens"), buttons=[], elem_id="chat-tokens"),
                ]
                seed = gr.Textbox(label=t("chat_seed"), info=t("chat_seed_note"), max_lines=1, elem_id="chat-seed")
    kept = gr.State(Talk(), time_to_live=3600)  # of this session; nothing is stored
    inputs: list[Any] = [page.run, text, kept, beside, system, *chosen, seed]
    outputs = [text, tuned, base, kept, notice]
    hold(go, halt, text.submit, go.click)
    saying = gr.on([text.submit, go.click], page.bind(send), inputs, outputs, **{**QUIET, "trigger_mode": "once"})
    release(go, halt, saying)
    halt.click(page.bind(stop), [kept], [], **QUIET)
    new.click(page.bind(clear), [kept], [tuned, base, notice], **QUIET)
    beside.input(page.bind(beside_shown), [beside], [base], **QUIET)
    return View(show, [page.run, kept], [part, tuned, base, notice])


def _conversation(label: str, elem_id: str, visible: bool = True) -> gr.Chatbot:
    return gr.Chatbot(
        [], label=label, elem_id=elem_id, visible=visible, height=420, buttons=["copy"], render_markdown=False, allow_tags=False, feedback_options=None, min_width=280
    )


def _slider(page: Page, name: str, low: float, high: float, step: float, value: float) -> gr.Slider:
    label, info = page.t("chat_" + name), page.t(f"chat_{name}_note")
    return gr.Slider(low, high, value, step=step, label=label, info=info, buttons=[], elem_id="chat-" + name.replace("_", "-"))
