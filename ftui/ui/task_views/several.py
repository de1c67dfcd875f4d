"""Several labels on the page: bars with a threshold, what other thresholds would give, scores of each label."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.tasks.multi_label import THRESHOLD
from ftui.ui import charts, pieces, style
from ftui.ui.task_views.entities import by_label

if TYPE_CHECKING:
    import plotly.graph_objects as go

METRICS = ("f1_micro", "f1_macro", "map", "subset_accuracy")
MISTAKE_HEADS = ("text", "true", "predicted", "metric_f1")
CHARTS = ("by_threshold", "task_parts")
LABELLED = False


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """Which labels apply, and all of them as bars; the page's script moves the threshold."""
    least = said.get("threshold", THRESHOLD)
    words = languages.text("labels_at", lang, threshold=f"{least:.2g}")
    none = escape(languages.text("no_label", lang))
    head = escape(", ".join(said["labels"])) or none
    label = escape(languages.text("threshold", lang))
    rows = "".join(
        f'<div class="name" title="{escape(name)}">{escape(name)}</div>'
        f'<div class="bar{" first" if p >= least else ""}" role="img" aria-label="{escape(name)} {p:.3f}" data-share="{p:.4f}">'
        f'<i style="width:{p * 100:.2f}%"></i></div><div class="value">{p:.3f}</div>'
        for name, p in said["scores"].items()
    )
    slider = f'<label class="threshold">{label} <input type="range" min="0.01" max="0.99" step="0.01" value="{least:.2f}" data-threshold data-none="{none}"> <b>{least:.2f}</b></label>'
    return f'<div class="top" id="answer-label">{head}</div><div class="muted">{escape(words)}</div>{slider}<div class="bars">{rows}</div>'


def short(said: dict) -> tuple[str, str]:
    """The labels, and the probability of the least sure one among them."""
    return ", ".join(said["labels"]) or "–", f"{min((said['scores'][name] for name in said['labels']), default=0):.1%}" if said["labels"] else ""


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of errors."""
    true, found = (json.loads(row[side]) for side in ("label", "prediction"))
    shown = [" ".join(pieces.pill(name, "" if name in other else "wrong") for name in names) or "–" for names, other in ((true, found), (found, true))]
    return [pieces.texts(row), *shown, pieces.number(row["f1"])]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": thresholds(part["thresholds"], part["threshold"], lang), "classes": by_label(part["per_class"], lang)}


def thresholds(points: Sequence[dict], now: float, lang: str) -> go.Figure:
    """Precision, recall and F1 over all labels, at each threshold."""
    import plotly.graph_objects as go

    axis = {"range": [0, 1], "title": {"text": languages.text("threshold", lang)}}
    figure = charts.blank(yaxis={"range": [0, 1.02]}, xaxis=axis)
    for name, colour in (("f1", style.TUNED), ("precision", style.BASE), ("recall", style.TRAIN)):
        x, y = zip(*((point["threshold"], point[name]) for point in points), strict=True)
        figure.add_trace(go.Scatter(x=x, y=y, name=charts.metric_name(name, lang), mode="lines", line={"color": colour, "width": 3 if name == "f1" else 1.5}))
    figure.add_vline(x=now, line={"color": style.SUBDUED, "dash": "dot", "width": 1.5})
    figure.update_layout(margin={"t": 30}, showlegend=True)
    return figure
