"""What the words mean: a "Why?" beside each decision, and a glossary behind the "?" in the corner."""

from html import escape

import gradio as gr

from ftui.core import languages
from ftui.ui import pictures
from ftui.ui.page import html

ENTRIES = (
    "pretraining", "strategy", "learning_rate", "epochs", "batch", "overfitting", "splits", "metrics", "calibration",
)  # fmt: skip


def why(entry: str, lang: str) -> str:
    """A disclosure with the short answer, and the way to the long one. By keyboard: Enter opens, Escape closes."""
    title, short, _ = languages.catalogue("glossary")[entry][lang]
    word, more = languages.text("why", lang), languages.text("more_in_glossary", lang)
    return (
        f'<details class="ft why" id="why-{entry}"><summary aria-label="{word} {escape(title)}">{word}</summary>'
        f'<div class="answer-box"><b>{escape(title)}</b><p>{escape(short)}</p>'
        f'<button type="button" onclick="ftui.glossary(\'{entry}\')">{more}</button></div></details>'
    )


def place(entry: str, lang: str) -> gr.HTML:
    """The same in the upper right corner of a column of the class "decision"."""
    return html(why(entry, lang), elem_classes=["why-place"])


def button(lang: str) -> str:
    """The "?" of the corner, with the glossary that it opens."""
    title = languages.text("glossary", lang)
    return f'<button onclick="ftui.glossary()" id="open-glossary" title="{title}" aria-label="{title}">?</button>{dialog(lang)}'


def dialog(lang: str) -> str:
    """All entries, closed until it is asked for."""
    texts = languages.catalogue("glossary")
    links = "".join(
        f'<button type="button" onclick="ftui.glossary(\'{entry}\')">{escape(texts[entry][lang][0])}</button>' for entry in ENTRIES
    )
    articles = "".join(_article(entry, *texts[entry][lang], lang) for entry in ENTRIES)
    title, close = languages.text("glossary", lang), languages.text("close", lang)
    return (
        f'<dialog class="ft" id="glossary" aria-labelledby="glossary-title"><header><h2 id="glossary-title">{title}</h2>'
        f'<button type="button" onclick="this.closest(\'dialog\').close()" aria-label="{close}" title="{close}">✕</button></header>'
        f'<div class="body" tabindex="0"><nav aria-label="{title}">{links}</nav>{articles}</div></dialog>'
    )


def _article(entry: str, title: str, short: str, more: str, lang: str) -> str:
    words = f"<h3>{escape(title)}</h3><p>{escape(short)}</p><p>{escape(more)}</p>"
    return f'<article id="term-{entry}"><div>{words}</div><div class="picture">{picture(entry, lang)}</div></article>'


def picture(entry: str, lang: str) -> str:
    """The drawing of an entry."""
    names = {"overfitting": ("train", "validation"), "splits": ("train", "validation", "test")}.get(entry, ())
    return getattr(pictures, entry)(*(languages.text("split_" + name, lang) for name in names))
