"""What a model writes, on the page: its text; loss by turn, scores by length, the written samples."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.tasks.writing_report import MOST_TURNS
from ftui.ui import charts, pieces, style

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import pyarrow as pa

METRICS = ("perplexity", "perplexity_character", "rougeL", "loss")
MISTAKE_HEADS = ("prompt_head", "reference_head", "written_head", "metric_rougeL")
CHARTS = ("loss_by_turn", "score_by_length")
LABELLED = False
TITLE = ("samples_title", "samples_note")


def charts_of(part: dict) -> tuple[str, ...]:
    """Of plain texts how hard they are; they have no turns, and nothing that should be written."""
    return ("text_losses",) if "losses" in part else CHARTS


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """How the text goes on, behind its beginning."""
    return f'<div class="written" id="answer-label"><span class="muted">{escape(given.get("text", ""))}</span>{escape(said["text"]).rstrip() or " –"}</div>'


def short(said: dict) -> tuple[str, str]:
    """The text; nothing says how sure the model is of it."""
    return said["text"].strip() or "–", ""


def listed(table: pa.Table) -> pa.Table:
    """The rows of predictions.parquet that were written out, the best first."""
    import pyarrow.compute as pc

    return table.filter(pc.is_valid(table["prediction"])).sort_by([("rougeL", "descending")])


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of samples."""
    return [pieces.cell(row[name]) for name in ("text", "label", "prediction")] + [pieces.number(row["rougeL"])]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    if "losses" in part:
        return {"errors": spread(part["losses"], lang)}
    turns = [(f"{one['turn']}{'+' * (one['turn'] == MOST_TURNS)}", one["loss"], one["answers"]) for one in part["by_turn"]]
    lengths = [(one["name"], one["rougeL"], one["rows"]) for one in part["by_length"]]
    by_turn = _bars(turns, "axis_turn", "axis_mean_loss", lang)
    return {"errors": by_turn, "classes": _bars(lengths, "axis_reference_length", "metric_rougeL", lang, 1.05)}


def spread(bins: dict[str, list[float]], lang: str, across: str = "axis_mean_loss") -> go.Figure:
    """How many texts have which mean loss; `across` is the key of the name of that axis."""
    import plotly.graph_objects as go

    centres = [(low + high) / 2 for low, high in zip(bins["edges"], bins["edges"][1:], strict=False)]
    axes = {"xaxis": {"title": {"text": languages.text(across, lang)}}, "yaxis": {"title": {"text": languages.text("axis_rows", lang)}}}
    figure = charts.blank(bargap=0.05, **axes)
    figure.add_trace(go.Bar(x=centres, y=bins["counts"], marker={"color": style.TUNED}, hovertemplate="%{x:.2f}: %{y}<extra></extra>"))
    return figure


def _bars(found: list[tuple[str, float, int]], across: str, up: str, lang: str, top: float | None = None) -> go.Figure | None:
    """(name, height, how many) as bars."""
    import plotly.graph_objects as go

    if not found:
        return None
    high = {"range": [0, top]} if top else {"rangemode": "tozero"}
    figure = charts.blank(
        xaxis={"type": "category", "title": {"text": languages.text(across, lang)}}, yaxis={"title": {"text": languages.text(up, lang)}, **high}
    )
    names = [f"{name}<br>n = {count:,}" for name, _, count in found]
    texts = [pieces.number(value) for _, value, _ in found]
    bars = go.Bar(x=names, y=[value for _, value, _ in found], marker={"color": style.TUNED}, text=texts, textposition="outside", cliponaxis=False, hoverinfo="skip")
    figure.add_trace(bars)
    figure.update_layout(margin={"t": 30, "b": 60})
    return figure
