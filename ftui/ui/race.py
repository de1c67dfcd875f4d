"""Runs on one split: quality against time, with what simple models reach; a part of the Evaluation tab."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import gradio as gr

from ftui.core import languages
from ftui.core.home import Home
from ftui.jobs import races
from ftui.ui import charts, pieces, style
from ftui.ui.page import Page, View, chart, draw, find_run, html

if TYPE_CHECKING:
    import plotly.graph_objects as go

RUNGS = {"majority": "race_majority", "linear_probe": "race_linear_probe"}  # others are TF-IDF's


def show(home: Home, lang: str, run_id: str, split: str | None = None) -> tuple:
    """(the part, its chart, its table); unseen where no other run was tested on the same rows."""
    run = find_run(home, run_id)
    told = races.standing(run) if run else None
    if told is None:
        return gr.Column(visible=False), "", ""
    return gr.Column(visible=True), draw(figure(told, run_id, lang)), table(told, run_id, lang)


def figure(told: dict, run_id: str, lang: str) -> go.Figure | None:
    """Points of quality over time, this run in the accent colour; a line for each simple model."""
    import plotly.graph_objects as go

    ended = [line for line in told["runs"] if line["value"] is not None]
    if not ended:
        return None
    made = charts.blank(
        height=300,
        xaxis={"title": {"text": languages.text("axis_seconds", lang)}, "rangemode": "tozero"},
        yaxis={"title": {"text": charts.metric_name(told["metric"], lang)}},
        margin={"t": 24, "r": 24},
        showlegend=False,
    )
    made.add_trace(
        go.Scatter(
            x=[line["seconds"] for line in ended],
            y=[line["value"] for line in ended],
            mode="markers+text",
            text=[languages.text("strategy_" + line["strategy"], lang) for line in ended],
            textposition=_places(ended),
            cliponaxis=False,
            marker={"size": 12, "color": [style.TUNED if line["id"] == run_id else style.BASE for line in ended]},
            customdata=[charts.short(line["name"]) for line in ended],
            hovertemplate="%{customdata}<br>%{y:.3f} · %{x:.0f} s<extra></extra>",
        )
    )
    for step in told["ladder"]:
        made.add_hline(
            y=step["value"],
            line={"color": style.SUBDUED, "width": 1.2, "dash": "dot"},
            annotation={"text": f"{rung(step, lang)} {step['value']:.3f}", "font": {"size": 11.5, "color": style.SUBDUED}},
            annotation_position="bottom right" if step["model"] else "top left",
        )
    timed = [step for step in told["ladder"] if step["model"] and step["seconds"] is not None]
    made.add_trace(
        go.Scatter(
            x=[step["seconds"] for step in timed],
            y=[step["value"] for step in timed],
            mode="markers",
            cliponaxis=False,
            marker={"size": 11, "symbol": "diamond", "color": style.SUBDUED},
            customdata=[charts.short(rung(step, lang), 60) for step in timed],
            hovertemplate="%{customdata}<br>%{y:.3f} · %{x:.1f} s<extra></extra>",
        )
    )
    return made


def _places(ended: Sequence[dict]) -> list[str]:
    """Where each point's word stands: those in the right half have theirs on the left, inside the chart."""
    most = max(line["seconds"] for line in ended)
    return ["middle left" if line["seconds"] > most / 2 else "middle right" for line in ended]


def table(told: dict, run_id: str, lang: str) -> str:
    """The runs, those that wait too, and below them the simple models."""
    best = (min if told["lower"] else max)((line["value"] for line in told["runs"] if line["value"] is not None), default=None)
    rows = []
    for line in told["runs"]:
        name = f"<b>{escape(line['name'])}</b>" if line["id"] == run_id else escape(line["name"])
        value = "–" if line["value"] is None else pieces.number(line["value"]) + (" ★" if line["value"] == best else "")
        model = escape(line["model"].rpartition("/")[2])
        rows.append([name, languages.text("strategy_" + line["strategy"], lang), model, pieces.badge(line["state"], lang), pieces.duration(line["seconds"], lang), value])
    for step in told["ladder"]:
        model = escape((step["model"] or "").rpartition("/")[2])
        seconds = "" if step["seconds"] is None else pieces.duration(step["seconds"], lang)
        rows.append([rung(step, lang), "", model, "", seconds, pieces.number(step["value"])])
    heads = [languages.text(key, lang) for key in ("race_run", "race_strategy", "race_model", "race_state", "race_time")]
    return pieces.table([*heads, charts.metric_name(told["metric"], lang)], rows, numeric=(4, 5))


def rung(step: dict, lang: str) -> str:
    """What a simple model is called."""
    return languages.text(RUNGS.get(step["name"], "race_simple"), lang)


def build(page: Page) -> View:
    """Lay out the part."""
    with gr.Column(visible=False, elem_id="race") as part:
        drawn = chart(page.t("race_title"), page.t("race_note"), elem_id="race-chart")
        listed = html(elem_id="race-table")
    return View(show, [], [part, drawn, listed])
