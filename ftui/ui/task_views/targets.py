"""Targets that a model has written, on the page: the text; how well it does in all and by length, the best and the worst."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import charts, style
from ftui.ui.task_views import writing

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import pyarrow as pa

METRICS = ("rougeL", "chrf", "bleu", "perplexity")
MISTAKE_HEADS = ("source_head", "reference_head", "written_head", "metric_rougeL")
CHARTS = ("scores_in_all", "score_by_length")
LABELLED = False
TITLE = ("best_worst_title", "best_worst_title_note")
ENDS = 10  # rows at either end that are shown

short = writing.short
mistake = writing.mistake


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """The text."""
    return f'<div class="written" id="answer-label">{escape(said["text"].strip()) or "–"}</div>'


def listed(table: pa.Table) -> pa.Table:
    """The rows of predictions.parquet that were written best, then those that were written worst, the worst first."""
    import pyarrow as pa

    best = writing.listed(table)
    if len(best) <= 2 * ENDS:
        return best
    return pa.concat_tables([best.slice(0, ENDS), best.take(list(range(len(best) - 1, len(best) - 1 - ENDS, -1)))])


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": scores(part["scores"], lang), "classes": writing.figures(part, labels, lang)["classes"]}


def scores(bins: dict[str, list[float]], lang: str) -> go.Figure | None:
    """How many rows reach which ROUGE-L."""
    import plotly.graph_objects as go

    if not sum(bins["counts"]):
        return None
    edges = bins["edges"]
    centres = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    names = [f"{low:.1f} – {high:.1f}" for low, high in zip(edges, edges[1:], strict=False)]
    axes = {"xaxis": {"title": {"text": languages.text("metric_rougeL", lang)}, "range": [0, 1]}, "yaxis": {"title": {"text": languages.text("axis_rows", lang)}}}
    figure = charts.blank(bargap=0.05, **axes)
    figure.add_trace(go.Bar(x=centres, y=bins["counts"], marker={"color": style.TUNED}, customdata=names, hovertemplate="%{customdata}: %{y}<extra></extra>"))
    return figure
