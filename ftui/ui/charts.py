"""Charts: pure functions from plain data to a plotly figure. Words come in the page's language, colours from ftui.ui.style."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import style

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

    Points = Sequence[tuple[float, float]] | np.ndarray  # each a step and a value, in the order of steps

MOST_BARS = 20  # labels in a bar chart; the rest is one bar
MOST_CURVES = 7  # of a ROC chart: what can still be told apart
MOST_POINTS = 600  # of a line; more than a screen has pixels helps nobody


def curves(series: dict[str, Points], lang: str, log_scale: bool = False, smoothing: float = 0.0) -> go.Figure | None:
    """Metrics over steps: {"loss": [(step, value)], "validation_loss": ...}. The prefix chooses colour and word.

    With `smoothing` between 0 and 1 what was measured while training is drawn smooth, the measured line faint behind.
    """
    shown = {name: points for name, points in series.items() if len(points)}
    if not shown:
        return None
    several = {_bare(name) for name in shown}
    one_split = len({name.partition("_")[0] for name in shown}) == 1  # then the card says which
    figure = blank(
        xaxis={"title": {"text": languages.text("axis_step", lang)}, "rangemode": "tozero"},
        yaxis={"type": "log" if log_scale else "linear"},
    )
    dashes = ["solid", "dot", "dash", "dashdot"]
    for name, points in shown.items():
        split = next((s for s in ("validation", "test") if name.startswith(s + "_")), "train")
        colour = {"train": style.TRAIN, "validation": style.VALIDATION, "test": style.TEST}[split]
        word = languages.text("split_" + split, lang) if len(several) == 1 else metric_name(_bare(name) if one_split else name, lang)
        dash = dashes[sorted(several).index(_bare(name)) % 4] if len(several) > 1 else "solid"
        for trace in _traces(points, word, colour, smoothing if split == "train" else 0.0):
            figure.add_trace(trace.update(line={"dash": dash}))
    if len(several) == 1 and several != {"loss"}:  # no legend names it
        figure.update_yaxes(title={"text": metric_name(several.pop(), lang)})
    figure.update_layout(showlegend=len(shown) > 1, uirevision="same", margin={"t": 30 if len(shown) > 1 else 10})
    return figure


def rate_and_norm(series: dict[str, Points], lang: str, smoothing: float = 0.0) -> go.Figure | None:
    """Learning rate above, gradient norm below, over the same steps."""
    parts = [
        ("learning_rate", style.TUNED, 0.0, "y", [0.58, 0.94]),
        ("grad_norm", style.BASE, smoothing, "y2", [0, 0.36]),
    ]
    if not any(len(series.get(name, ())) for name, *_ in parts):
        return None
    figure = blank(xaxis={"title": {"text": languages.text("axis_step", lang)}, "rangemode": "tozero"})
    figure.update_layout(uirevision="same", showlegend=False, xaxis={"anchor": "y2"})
    for name, colour, smooth, axis, place in parts:
        word = metric_name(name, lang)
        scale = {**style.AXIS, "domain": place, "nticks": 4, "exponentformat": "power"}
        figure.update_layout({"yaxis" + axis[1:]: scale})
        figure.add_annotation(
            x=0, y=place[1], xref="paper", yref="paper", text=word, showarrow=False, xanchor="left", yanchor="bottom",
            font={"color": style.SUBDUED, "size": 11.5},
        )  # fmt: skip
        for trace in _traces(series.get(name, ()), word, colour, smooth):
            figure.add_trace(trace.update(yaxis=axis))
    return figure


def _traces(points: Points, word: str, colour: str, smoothing: float) -> list[go.Scatter]:
    """A line, or a smooth one with what was measured faint behind it."""
    import plotly.graph_objects as go

    if not len(points):
        return []
    few = len(points) <= 30
    drawn = thin(smooth(points, smoothing) if smoothing else points)
    trace = go.Scatter(
        x=[step for step, _ in drawn],
        y=[value for _, value in drawn],
        name=word,
        mode="lines+markers" if few and not smoothing else "lines",
        line={"color": colour, "width": 2},
        marker={"size": 6},
        hovertemplate="%{y:.4g}<extra>" + escape(word) + " · %{x}</extra>",
    )
    if not smoothing:
        return [trace]
    measured = thin(points)
    faint = go.Scatter(
        x=[step for step, _ in measured],
        y=[value for _, value in measured],
        mode="lines",
        line={"color": colour, "width": 1.2},
        opacity=0.28,
        showlegend=False,
        hoverinfo="skip",
    )
    return [faint, trace]


def smooth(points: Points, weight: float) -> list[tuple[float, float]]:
    """Exponential moving average over the points; the first ones are not drawn towards zero.

    `weight` of the past lies in [0, 1): 0 leaves the points as they are."""
    average, past, result = 0.0, 1.0, []
    for step, value in points:
        average = weight * average + (1 - weight) * value
        past *= weight
        result.append((step, average / (1 - past)))
    return result


def thin(points: Points, most: int = MOST_POINTS) -> list[tuple[float, float]]:
    """At most about `most` points: of each stretch its lowest and its highest, so that no spike is lost."""
    if len(points) <= most:
        return [(step, value) for step, value in points]
    import numpy as np

    table = np.asarray(points, dtype=float)
    stretch = -(-len(table) // (most // 2))
    starts = np.arange(0, len(table), stretch)
    parts = [table[start : start + stretch, 1] for start in starts]
    kept = {0, len(table) - 1, *(int(s + p.argmin()) for s, p in zip(starts, parts, strict=True))}
    kept |= {int(s + p.argmax()) for s, p in zip(starts, parts, strict=True)}
    return [tuple(pair) for pair in table[sorted(kept)].tolist()]


def label_counts(counts: Sequence[tuple[str, int]], lang: str) -> go.Figure | None:
    """Rows per label, most frequent first; beyond MOST_BARS the rest is one bar."""
    import plotly.graph_objects as go

    if not counts:
        return None
    bars = [(short(label), n) for label, n in counts[:MOST_BARS]]
    if len(counts) > MOST_BARS:
        bars.append(
            (languages.text("other_labels", lang, n=len(counts) - MOST_BARS), sum(n for _, n in counts[MOST_BARS:]))
        )
    total = sum(n for _, n in counts)
    rows = languages.text("rows", lang)
    figure = blank(
        height=max(150, 46 + 30 * len(bars)),
        xaxis={"visible": False, "range": [0, max(n for _, n in bars) * 1.28]},
        yaxis={
            "autorange": "reversed",
            "showgrid": False,
            "ticks": "",
            "type": "category",
            "tickvals": list(range(len(bars))),
        }
        | {"ticktext": [label for label, _ in bars], "tickfont": {"color": style.INK, "size": 12.5}},
        bargap=0.35,
        margin={"l": 10, "t": 6, "b": 6},
    )
    figure.add_trace(
        go.Bar(
            x=[n for _, n in bars],
            y=list(range(len(bars))),
            orientation="h",
            marker={"color": style.ACCENT, "cornerradius": 4},
            text=[f"{n:,} · {n / total:.0%}" for _, n in bars],
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{x:,} " + rows + "<extra></extra>",
        )
    )
    return figure


def lengths(data: dict, cut: int | None, lang: str) -> go.Figure | None:
    """How long the texts are: `data` as from ftui.data.inspecting.lengths; `cut` marks the length at which they are cut."""
    import plotly.graph_objects as go

    edges, counts = data["edges"], data["counts"]
    if not counts:
        return None
    figure = blank(
        height=230,
        xaxis={"title": {"text": languages.text("axis_" + data["unit"], lang)}, "showgrid": False},
        yaxis={"title": {"text": languages.text("axis_rows", lang)}},
        bargap=0.06,
    )
    middles = [(a + b) / 2 for a, b in zip(edges, edges[1:], strict=False)]
    figure.add_trace(
        go.Bar(
            x=middles,
            y=counts,
            width=[(b - a) * 0.94 for a, b in zip(edges, edges[1:], strict=False)],
            customdata=list(zip(edges, edges[1:], strict=False)),
            marker={"color": style.ACCENT},
            hovertemplate="%{customdata[0]:.0f} – %{customdata[1]:.0f}: %{y:,}<extra></extra>",
        )
    )
    if cut is not None and edges[0] <= cut <= edges[-1]:
        figure.add_vline(x=cut, line={"color": style.BAD, "width": 1.5, "dash": "dash"})
        note = languages.text("cut_here", lang, n=cut)
        figure.add_annotation(
            x=cut, y=1, yref="paper", text=note, showarrow=False, xanchor="right", xshift=-6, font={"color": style.BAD}
        )
    return figure


def roc(curves: Sequence[dict], lang: str, average: dict | None = None, chosen: str | None = None) -> go.Figure | None:
    """True over false positive rate; the dashed line is guessing. See `_one_a_label`."""
    names = {"x": languages.text("axis_fpr", lang), "y": languages.text("axis_tpr", lang)}
    mean = average and {**average["roc"], "auc": average["auc"], "label": languages.text("macro_average", lang)}
    return _one_a_label(curves, "auc", "AUC", names, mean, chosen, diagonal=True)


def precision_recall(
    curves: Sequence[dict], lang: str, average: dict | None = None, chosen: str | None = None
) -> go.Figure | None:
    """Precision over recall. See `_one_a_label`."""
    names = {"x": metric_name("recall", lang), "y": metric_name("precision", lang)}
    mean = average and {**average["pr"], "ap": average["ap"], "label": languages.text("macro_average", lang)}
    figure = _one_a_label(curves, "ap", "AP", names, mean, chosen, diagonal=False)
    return figure and figure.update_layout(legend={"x": 0.02, "xanchor": "left"})


def _one_a_label(
    curves: Sequence[dict], score: str, score_name: str, names: dict, average: dict | None, chosen: str | None, diagonal: bool
) -> go.Figure | None:
    """One line for each label while they are few; beyond MOST_CURVES the average of all and the `chosen` label."""
    import plotly.graph_objects as go

    if not curves:
        return None
    figure = blank(
        height=300,
        xaxis={"range": [-0.02, 1.02], "title": {"text": names["x"]}, "tickformat": ".1f"},
        yaxis={"range": [-0.02, 1.04], "title": {"text": names["y"]}, "tickformat": ".1f"},
        legend={"orientation": "v", "x": 1, "xanchor": "right", "y": 0.04, "yanchor": "bottom"},
    )
    if diagonal:
        guess = {"color": style.BASE, "dash": "dash", "width": 1}
        figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=guess, showlegend=False, hoverinfo="skip"))
    many = len(curves) > MOST_CURVES
    shown = [curve for curve in curves if curve["label"] == chosen] if many else sorted(curves, key=lambda c: -c[score])
    lines = list(zip(shown, style.SERIES[1:] if average else style.SERIES, strict=False))
    if average:
        lines.insert(0, (average, style.TUNED))
    for curve, colour in lines:
        name = f"{short(curve['label'], 18)} · {score_name} {curve[score]:.3f}"
        trace = go.Scatter(x=curve["x"], y=curve["y"], name=name, mode="lines", line={"color": colour, "width": 2})
        if curve is average:
            trace.line.width = 3
        figure.add_trace(trace.update(hovertemplate="%{x:.3f}, %{y:.3f}<extra>" + name + "</extra>"))
    figure.update_layout(showlegend=True)
    return figure


def calibration(data: dict, lang: str) -> go.Figure | None:
    """How often the model is right at each confidence; on the dashed line it is as sure as it should be."""
    import plotly.graph_objects as go

    bins = data["bins"]
    if not bins:
        return None
    figure = blank(
        height=300,
        xaxis={"range": [0, 1.02], "title": {"text": languages.text("axis_confidence", lang)}, "tickformat": ".1f"},
        yaxis={"range": [0, 1.04], "title": {"text": languages.text("axis_right", lang)}, "tickformat": ".1f"},
    )
    figure.add_trace(
        go.Bar(
            x=[(b["low"] + b["high"]) / 2 for b in bins],
            y=[b["accuracy"] for b in bins],
            width=[(b["high"] - b["low"]) * 0.9 for b in bins],
            customdata=[(b["confidence"], b["count"]) for b in bins],
            marker={"color": style.TUNED, "opacity": 0.85},
            hovertemplate="%{customdata[0]:.2f} → %{y:.2f} · %{customdata[1]:,} "
            + languages.text("rows", lang)
            + "<extra></extra>",
            showlegend=False,
        )
    )
    line = {"color": style.SUBDUED, "dash": "dash", "width": 1.5}
    figure.add_trace(go.Scatter(x=[0, 1], y=[0, 1], mode="lines", line=line, showlegend=False, hoverinfo="skip"))
    return figure


def confidence(data: dict, lang: str) -> go.Figure | None:
    """How sure the model was where it was right and where it was wrong."""
    import plotly.graph_objects as go

    edges = data["edges"]
    if not any(data["right"]) and not any(data["wrong"]):
        return None
    figure = blank(
        height=300,
        barmode="stack",
        bargap=0.06,
        xaxis={"title": {"text": languages.text("axis_confidence", lang)}, "showgrid": False, "tickformat": ".1f"},
        yaxis={"title": {"text": languages.text("axis_rows", lang)}},
        margin={"t": 30},
    )
    middles = [(a + b) / 2 for a, b in zip(edges, edges[1:], strict=False)]
    for name, colour in (("right", style.TUNED), ("wrong", style.BAD)):
        word = languages.text(name, lang)
        trace = go.Bar(x=middles, y=data[name], name=word, marker={"color": colour})
        figure.add_trace(trace.update(hovertemplate="%{x:.2f}: %{y:,}<extra>" + word + "</extra>"))
    first = next(i for i, pair in enumerate(zip(data["right"], data["wrong"], strict=True)) if any(pair))
    figure.update_xaxes(range=[edges[first], edges[-1]])
    return figure


def artefacts(points: Sequence[dict], lang: str) -> go.Figure | None:
    """Score over latency, one disc for each artefact, as large as its files: {"name", "metric", "score", "latency" (ms), "size" (bytes)}."""
    import plotly.graph_objects as go

    if len(points) < 2:
        return None
    largest = max(point["size"] for point in points)
    figure = blank(
        height=320,
        xaxis={"title": {"text": languages.text("axis_latency", lang)}, "range": [0, max(p["latency"] for p in points) * 1.25]},
        yaxis={"title": {"text": metric_name(points[0]["metric"], lang)}, "tickformat": ".3f"},
        margin={"t": 24},
    )
    low, high = min(p["score"] for p in points), max(p["score"] for p in points)
    room = max(0.01, 0.5 * (high - low))
    figure.update_yaxes(range=[low - room, high + room])
    for point, colour in zip(points, itertools.cycle(style.SERIES), strict=False):
        megabytes = f"{point['size'] / 1e6:,.1f} MB"
        trace = go.Scatter(
            x=[point["latency"]],
            y=[point["score"]],
            name=f"{short(point['name'])} · {megabytes}",
            mode="markers",
            marker={"size": 12 + 36 * (point["size"] / largest) ** 0.5, "color": colour, "opacity": 0.75},
        )
        figure.add_trace(trace.update(hovertemplate=f"%{{y:.4f}} · %{{x:.1f}} ms · {megabytes}<extra>{short(point['name'])}</extra>"))
    figure.update_layout(showlegend=True, legend={"itemsizing": "constant"})
    return figure


def short(text: str, most: int = 24) -> str:
    """A label that fits; plotly reads HTML in texts, so it is escaped here."""
    text = " ".join(str(text).split()) or "∅"
    return escape(text if len(text) <= most else text[: most - 1] + "…")


def metric_name(name: str, lang: str) -> str:
    """`validation_f1_macro` as people say it. Metrics that the catalogue does not have keep their name."""
    split = next((s for s in ("validation", "test") if name.startswith(s + "_")), None)
    bare = _bare(name)
    known = languages.interface().get("metric_" + bare)
    word = known[lang] if known else bare
    return f"{word} · {languages.text('split_' + split, lang)}" if split else word


def _bare(name: str) -> str:
    return name.removeprefix("validation_").removeprefix("test_")


def nothing(words: str) -> go.Figure:
    """What stands in the place of a chart that would be empty."""
    note = {"text": escape(words), "x": 0.5, "y": 0.5, "xref": "paper", "yref": "paper", "showarrow": False, "font": {"color": style.SUBDUED}}
    return blank(height=90, xaxis={"visible": False}, yaxis={"visible": False}, annotations=[note])


def blank(**layout: object) -> go.Figure:
    import plotly.graph_objects as go

    figure = go.Figure(layout=style.LAYOUT)
    figure.update_layout(**layout)
    return figure
