"""Questions and answers on the page: the answer marked in its context, scores by its length."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import charts, pieces, style

if TYPE_CHECKING:
    import plotly.graph_objects as go

METRICS = ("f1", "exact_match")
MISTAKE_HEADS = ("question", "true", "predicted", "metric_f1")
CHARTS = ("answers_by_length", "task_errors")
LABELLED = False
AROUND = 60  # characters of the context on both sides of an answer


def answer(said: dict, given: dict, lang: str, true: str | None = None) -> str:
    """The answer, and where it stands."""
    text = said["answer"] or languages.text("no_answer_found", lang)
    words = languages.text("answer_confidence", lang, share=f"{said['score']:.1%}")
    return f'<div class="top" id="answer-label">{escape(text)}</div><div class="muted">{escape(words)}</div>{marked(given["context"], said["start"], said["end"])}'


def short(said: dict) -> tuple[str, str]:
    """The answer, and how sure the model is."""
    return said["answer"] or "–", f"{said['score']:.1%}"


def marked(context: str, start: int, end: int, around: int | None = None) -> str:
    """The context (or what stands `around` the answer) with the answer marked."""
    low = 0 if around is None else max(0, start - around)
    high = len(context) if around is None else min(len(context), end + around)
    before, inside, after = context[low:start], context[start:end], context[end:high]
    inside = f'<mark class="entity e0">{escape(inside)}</mark>' if inside else ""
    return f'<p class="marked">{"… " if low else ""}{escape(before)}{inside}{escape(after)}{" …" if high < len(context) else ""}</p>'


def mistake(row: dict, lang: str) -> list[str]:
    """Cells of the table of errors."""
    start = row["start"]
    said = marked(row["context"], start, start + len(row["prediction"]), AROUND) if row["prediction"] else f"<i>{languages.text('no_answer_found', lang)}</i>"
    true = pieces.cell(row["label"]) or f"<i>{languages.text('no_answer_found', lang)}</i>"
    return [pieces.cell(row["text"]), true, said, pieces.number(row["f1"])]


def figures(part: dict, labels: Sequence[str], lang: str) -> dict[str, go.Figure | None]:
    """Charts of one split by their place on the page."""
    return {"errors": by_length(part["by_length"], lang), "classes": no_answer(part["no_answer"], lang)}


def by_length(groups: Sequence[dict], lang: str) -> go.Figure | None:
    """F1 and exact match by the length of the true answer."""
    import plotly.graph_objects as go

    if not groups:
        return None
    figure = charts.blank(barmode="group", yaxis={"range": [0, 1.05]}, xaxis={"type": "category", "title": {"text": languages.text("axis_answer_length", lang)}})
    names = [f"{group['name']}<br>n = {group['rows']}" for group in groups]
    for metric, colour in (("f1", style.TUNED), ("exact_match", style.BASE)):
        figure.add_trace(go.Bar(x=names, y=[g[metric] for g in groups], name=charts.metric_name(metric, lang), marker={"color": colour}))
    figure.update_layout(margin={"t": 30})
    return figure


def no_answer(counts: dict[str, int], lang: str) -> go.Figure:
    """Questions without an answer, where there are any: how many were left unanswered, rightly and wrongly."""
    import plotly.graph_objects as go

    if not counts["questions"] and not counts["silent_though_answerable"]:
        return charts.nothing(languages.text("task_parts_none", lang))
    values = [counts["right"], counts["questions"] - counts["right"], counts["silent_though_answerable"]]
    names = [languages.text("no_answer_" + key, lang) for key in ("right", "missed", "silent")]
    figure = charts.blank(height=160, yaxis={"autorange": "reversed"}, xaxis={"title": {"text": languages.text("axis_questions", lang)}})
    figure.add_trace(
        go.Bar(
            x=values, y=names, orientation="h", marker={"color": [style.TUNED, style.BAD, style.BAD]},
            text=[f"{n:,}" for n in values], textposition="outside", cliponaxis=False, hoverinfo="skip",
        )
    )  # fmt: skip
    return figure
