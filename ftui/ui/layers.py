"""Layer over epoch: which layers learn, at which rate, and how large their gradients are; a part of the Training log tab."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ftui.core import languages
from ftui.ui import charts, style

if TYPE_CHECKING:
    import numpy as np
    import plotly.graph_objects as go

MOST_COLUMNS = 120
SCALE = [[0, "var(--matrix-0)"], [1, "var(--matrix-1)"]]
TICKS = 4
STRONGEST = 1e4  # times the weakest gradient norm that has a colour of its own


def rates(told: dict, lang: str) -> go.Figure:
    """The learning rate of each layer, `told` as Following.layers has it."""
    return _map(told, told["learning_rate"], lang)


def norms(told: dict, lang: str) -> go.Figure:
    """The gradient norm of each layer before clipping, in colours of its logarithm."""
    return _map(told, told["grad_norm"], lang, log=True)


def _map(told: dict, values: np.ndarray, lang: str, log: bool = False) -> go.Figure:
    """A heat map of (L, N) `values`, with hatching where a layer is frozen."""
    import numpy as np
    import plotly.graph_objects as go

    starts = np.arange(0, len(told["epochs"]), -(-len(told["epochs"]) // MOST_COLUMNS))
    ends = np.append(starts[1:], len(told["epochs"])) - 1
    shown = np.fmax.reduceat(values, starts, axis=1)  # the largest of a stretch: no spike is lost
    frozen = np.isnan(np.fmax.reduceat(told["learning_rate"], starts, axis=1))
    epochs = told["epochs"][ends]
    edges = np.append(max(0.0, 2 * epochs[0] - epochs[1]) if len(epochs) > 1 else 0.0, epochs)
    names = [layer_name(name, lang) for name in told["names"]]
    figure = charts.blank(
        height=max(210, 74 + 17 * len(names)),
        xaxis={"title": {"text": languages.text("axis_epoch", lang)}, "range": [edges[0], edges[-1]], "showgrid": False},
        yaxis={"type": "category", "categoryarray": names, "range": [-0.5, len(names) - 0.5], "showgrid": False, "ticks": ""},
        margin={"t": 30},
        bargap=0,
        uirevision="same",
    )
    coloured, bar = _coloured(shown, log)
    figure.add_trace(
        go.Heatmap(
            x=_short(edges),
            y=names,
            z=[_short(row) for row in coloured],
            customdata=[_short(row) for row in shown],
            colorscale=SCALE,
            colorbar={"thickness": 10, "outlinewidth": 0, "tickfont": style.AXIS["tickfont"], "x": 1.01, **bar},
            ygap=1,
            hoverongaps=False,
            hovertemplate="%{y} · " + languages.text("axis_epoch", lang) + " %{x:.2f}<br>%{customdata:.3g}<extra></extra>",
        )
    )
    rests = [(name, *rest) for name, row in zip(names, frozen, strict=True) for rest in _stretches(row, edges)]
    if rests:
        word = languages.text("layer_frozen", lang)
        figure.add_trace(
            go.Bar(
                y=[name for name, _, _ in rests],
                base=[start for _, start, _ in rests],
                x=[end - start for _, start, end in rests],
                orientation="h",
                width=0.94,
                name=word,
                marker={"color": style.LINE, "pattern": {"shape": "/", "size": 6, "solidity": 0.18, "fgcolor": style.SUBDUED}},
                hovertemplate="%{y}<extra>" + word + "</extra>",
            )
        )
    return figure.update_layout(showlegend=bool(rests))


def _coloured(values: np.ndarray, log: bool) -> tuple[np.ndarray, dict]:
    """(what decides the colour of each value, the colour bar's range and ticks)."""
    import numpy as np

    most = np.nanmax(values) if np.isfinite(values).any() else 0.0
    if log and most > 0:
        values = np.log10(np.maximum(values, most / STRONGEST))
    low, high = (np.nanmin(values), np.nanmax(values)) if np.isfinite(values).any() else (0.0, 1.0)
    low = low if log else 0.0
    ticks = np.linspace(low, high, TICKS) if high > low else [high]
    return values, {"tickvals": _short(ticks), "ticktext": [f"{10**tick if log and most > 0 else tick:.2g}" for tick in ticks]}


def _stretches(row: np.ndarray, edges: np.ndarray) -> list[tuple[float, float]]:
    """Where a row of booleans is true, from edge to edge."""
    found, at = [], 0
    for true, group in itertools.groupby(row.tolist()):
        end = at + len(list(group))
        if true:
            found.append((float(edges[at]), float(edges[end])))
        at = end
    return found


def _short(values: np.ndarray) -> list[float | None]:
    """Numbers as a page needs them: it is sent them again and again."""
    return [float(f"{value:.4g}") if value == value else None for value in values]


def layer_name(name: str, lang: str) -> str:
    """A layer of an event as people say it: "embeddings", "3", "decoder 3", "head"."""
    kind, _, number = name.rpartition(" ")
    return f"{languages.text('layer_' + kind, lang)} {number}" if kind else name if name.isdecimal() else languages.text("layer_" + name, lang)
