"""Numbers on the page: the value, predicted against true ones, how far they are off."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import charts, pieces, style

if TYPE_CHECKING:
    import plotly.graph_objects as go

METRICS = ("spearman", "pearson", "rmse", "mae")
MISTAKE_HEADS = ("text", "true", "predicted", "distance")
CHARTS = ("true_and_predicted", "task_distances")
LABELLED = False


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """The number."""
    return f'<div class="top" id="answer-label">{escape(shown(said["value"]))}</div>'


def shown(value: float) -> str:
    """A number as people read it."""
    return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"


def short(said: dict) -> tuple[str, str]:
    """The number alone: a model says nothing of how sure it is."""
    return shown(said["value"]), ""


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of rows, the worst first."""
    return [pieces.texts(row), *(escape(shown(row[name])) for name in ("label", "prediction", "error"))]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": scatter(part["points"], lang), "classes": errors(part["errors"], lang)}


def scatter(points: dict[str, list[float]], lang: str) -> go.Figure | None:
    """Predicted against true numbers; a perfect model's would lie on the line."""
    import plotly.graph_objects as go

    if not points["true"]:
        return None
    ends = [min(*points["true"], *points["predicted"]), max(*points["true"], *points["predicted"])]
    figure = charts.blank(xaxis={"title": {"text": languages.text("axis_true", lang)}}, yaxis={"title": {"text": languages.text("axis_predicted", lang)}})
    figure.add_trace(go.Scatter(x=ends, y=ends, mode="lines", line={"color": style.BASE, "dash": "dot", "width": 1}, hoverinfo="skip"))
    marker = {"color": style.TUNED, "size": 7, "opacity": 0.6}
    figure.add_trace(go.Scatter(x=points["true"], y=points["predicted"], mode="markers", marker=marker, hovertemplate="%{x:.4g} → %{y:.4g}<extra></extra>"))
    figure.update_layout(showlegend=False)
    return figure


def errors(bins: dict[str, list[float]], lang: str) -> go.Figure:
    """How many rows are off by how much; left of 0 the model says too little."""
    import plotly.graph_objects as go

    edges = bins["edges"]
    centres = [(low + high) / 2 for low, high in zip(edges, edges[1:], strict=False)]
    figure = charts.blank(bargap=0.05, xaxis={"title": {"text": languages.text("axis_error", lang)}}, yaxis={"title": {"text": languages.text("axis_rows", lang)}})
    figure.add_trace(go.Bar(x=centres, y=bins["counts"], marker={"color": style.TUNED}, hovertemplate="%{x:.3g}: %{y}<extra></extra>"))
    return figure
