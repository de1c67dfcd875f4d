"""Named entities on the page: text with its entities marked, errors by what is wrong with them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import charts, pieces, style

if TYPE_CHECKING:
    import plotly.graph_objects as go

METRICS = ("f1", "precision", "recall")
CHARTS = ("task_errors", "task_parts")
LABELLED = False
COLOURS = 6  # classes e0 ... of the style sheet


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """What the model found in one text."""
    entities = said["entities"]
    found = languages.text("entities_found", lang, n=len(entities))
    rows = [
        [pieces.pill(e["text"]), f'<span class="entity-name e{colour(e["label"])}">{escape(e["label"])}</span>', pieces.meter(e["score"])]
        for e in entities
    ]
    heads = [languages.text(key, lang) for key in ("entity", "label", "confidence")]
    table = pieces.table(heads, rows) if rows else ""
    return f'<div class="muted" id="answer-label">{found}</div>{marked(given["text"], entities)}{table}'


def short(said: dict) -> tuple[str, str]:
    """Each entity with its label."""
    return "; ".join(f"{e['label']}: {e['text']}" for e in said["entities"]) or "–", ""


def marked(text: str, entities: Sequence[dict]) -> str:
    """The text with each entity in a box that names its label."""
    parts, at = [], 0
    for e in entities:
        parts.append(escape(text[at : e["start"]]))
        inside = escape(text[e["start"] : e["end"]])
        parts.append(f'<mark class="entity e{colour(e["label"])}">{inside}<small>{escape(e["label"])}</small></mark>')
        at = e["end"]
    return f'<p class="marked">{"".join(parts)}{escape(text[at:])}</p>'


def colour(label: str) -> int:
    """The same colour for the same label in every text: from the name alone."""
    return sum(label.encode()) % COLOURS


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of errors: what there is, and what was found."""
    return [marked(row["text"], spans(row[side])) for side in ("label", "prediction")]


MISTAKE_HEADS = ("true", "predicted")


def spans(cell: str) -> list[dict]:
    """The entities of a cell of predictions.parquet."""
    return [{"start": start, "end": end, "label": label} for start, end, label in json.loads(cell)]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": errors(part["errors"], lang), "classes": by_label(part["per_class"], lang)}


def errors(counts: dict[str, int], lang: str) -> go.Figure | None:
    """How many entities are right, and what is wrong with the others."""
    import plotly.graph_objects as go

    if not sum(counts.values()):
        return None
    names = [languages.text("entity_" + kind, lang) for kind in counts]
    colours = [style.TUNED if kind == "right" else style.BAD for kind in counts]
    figure = charts.blank(height=60 + 30 * len(counts), yaxis={"autorange": "reversed"}, xaxis={"title": {"text": languages.text("axis_entities", lang)}})
    figure.add_trace(
        go.Bar(
            x=list(counts.values()), y=names, orientation="h", marker={"color": colours},
            text=[f"{n:,}" for n in counts.values()], textposition="outside", cliponaxis=False, hoverinfo="skip",
        )
    )  # fmt: skip
    return figure


def by_label(rows: Sequence[dict], lang: str) -> go.Figure | None:
    """F1 of each label, the frequent ones first; beyond MOST_BARS the axis says that there are others. Bars stand at numbers, for
    labels may begin alike or look like numbers themselves."""
    import plotly.graph_objects as go

    if not rows:
        return None
    shown = list(rows)[: charts.MOST_BARS]
    of = languages.text("axis_f1_of_most", lang, n=len(shown), all=len(rows)) if len(rows) > len(shown) else charts.metric_name("f1", lang)
    places, names = list(range(len(shown))), [charts.short(row["label"]) for row in shown]
    figure = charts.blank(
        height=60 + 26 * len(shown), xaxis={"range": [0, 1.18], "title": {"text": of}},
        yaxis={"autorange": "reversed", "tickvals": places, "ticktext": names},
    )  # fmt: skip
    figure.add_trace(
        go.Bar(
            x=[row["f1"] for row in shown], y=places, orientation="h", marker={"color": style.TUNED},
            text=[f"{row['f1']:.3f}" for row in shown], textposition="outside", cliponaxis=False,
            customdata=[(charts.short(row["label"], 80), row["support"]) for row in shown],
            hovertemplate="%{customdata[0]}: %{x:.3f} · n = %{customdata[1]}<extra></extra>",
        )
    )  # fmt: skip
    return figure
