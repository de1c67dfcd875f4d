"""One label for a text, on the page: the label, how sure the model is, and all labels as bars."""

from __future__ import annotations

from html import escape

from ftui.core import languages
from ftui.ui import pieces

METRICS = ("f1_macro", "accuracy", "mcc", "loss", "ece")
LABELLED = True
FIRST_BARS = 5


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """What the model says; `true` is the label that the file has."""
    top = said["label"]
    words = languages.text("answer_confidence", lang, share=f"{said['scores'][top]:.1%}")
    head = f'<div class="top" id="answer-label">{escape(top)}</div><div class="muted">{escape(words)}</div>'
    if true is not None:
        right = true == top
        verdict = languages.text("example_agrees" if right else "example_differs", lang, label=true)
        head += f'<div class="truth {"right" if right else "wrong"}">{"✓" if right else "✕"} {escape(verdict)}</div>'
    note = f'<p class="sub base-note">{escape(languages.text("no_base", lang))}</p>'
    return f"{head}{_bars(said['scores'], lang)}{note}"


def short(said: dict) -> tuple[str, str]:
    """The label, and how sure the model is."""
    return said["label"], f"{said['scores'][said['label']]:.1%}"


def _bars(scores: dict[str, float], lang: str) -> str:
    """The likeliest labels, the others a click away."""
    ranked = dict(sorted(scores.items(), key=lambda item: -item[1]))
    first = dict(list(ranked.items())[:FIRST_BARS])
    bars = pieces.probabilities(first)
    if len(ranked) == len(first):
        return bars
    words = escape(languages.text("show_all_labels", lang, n=len(ranked)))
    rest = dict(list(ranked.items())[FIRST_BARS:])
    others = pieces.probabilities(rest, len(rest)).replace('class="bar first"', 'class="bar"')
    return f'{bars}<details class="more"><summary>{words}</summary>{others}</details>'
