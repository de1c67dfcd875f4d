"""Preferences on the page: how often and by how much the better answer is preferred, the pairs that come out worst."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ftui.ui import pieces, style
from ftui.ui.task_views import writing

if TYPE_CHECKING:
    import plotly.graph_objects as go
    import pyarrow as pa

METRICS = ("reward_accuracy", "reward_margin", "preference_accuracy", "perplexity")
MISTAKE_HEADS = ("prompt_head", "better_head", "worse_head", "metric_reward_margin")
CHARTS = ("margins",)
LABELLED = False
TITLE = ("worst_pairs_title", "worst_pairs_title_note")
SHOWN = 20  # of the worst pairs

answer = writing.answer
short = writing.short


def listed(table: pa.Table) -> pa.Table:
    """The rows of predictions.parquet whose margin is lowest."""
    return table.sort_by([("margin", "ascending")]).slice(0, SHOWN)


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of pairs."""
    return [pieces.cell(row[name]) for name in ("text", "label", "rejected")] + [pieces.number(row["margin"])]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    figure = writing.spread(part["margins"], lang, "metric_reward_margin")
    figure.add_vline(0, line={"color": style.SUBDUED, "dash": "dot", "width": 1.5})
    return {"errors": figure}
