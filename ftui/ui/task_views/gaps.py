"""Hidden words on the page: the likeliest ones as bars, how the loss spreads, the hardest texts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.tasks import fill_mask
from ftui.ui import pieces
from ftui.ui.task_views import writing

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import pyarrow as pa

METRICS = ("perplexity", "loss")
MISTAKE_HEADS = ("gap_head", "missing_head", "metric_perplexity")
CHARTS = ("losses_in_all",)
LABELLED = False
TITLE = ("hardest_title", "hardest_title_note")
SHOWN = 20  # of the hardest texts
LARGEST = 700.0  # whose exponential is still a number


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """The likeliest words of each gap as bars."""
    found, parts = fill_mask.gaps(said), []
    if not found:
        return pieces.notice(languages.text("gap_none", lang), kind="warn")
    for number, guesses in enumerate(found, 1):
        name = languages.text("gap_several", lang, n=number) if len(found) > 1 else ""
        place = ' id="answer-label"' if number == 1 else ""
        parts.append(f'<div class="h">{name}</div><div class="top"{place}>{escape(guesses[0]["token"])}</div>')
        if true and len(found) == 1:
            right = true in [guess["token"] for guess in guesses]
            verdict = languages.text("gap_found" if right else "gap_missed", lang, word=true)
            parts.append(f'<div class="truth {"right" if right else "wrong"}">{"✓" if right else "✕"} {escape(verdict)}</div>')
        parts.append(pieces.probabilities({guess["token"] or "␣": guess["score"] for guess in guesses}))
    return "".join(parts)


def short(said: dict) -> tuple[str, str]:
    """The likeliest word of each gap, and how likely the first is."""
    word, sure = fill_mask.cell(said)
    return word, "" if sure is None else pieces.number(sure)


def listed(table: pa.Table) -> pa.Table:
    """The rows of predictions.parquet with the highest loss."""
    return table.sort_by([("loss", "descending")]).slice(0, SHOWN)


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of texts."""
    return [pieces.cell(row["text"]), pieces.cell(row["label"]), f"{math.exp(min(row['loss'], LARGEST)):,.1f}"]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": writing.spread(part["losses"], lang, "axis_text_loss")}
