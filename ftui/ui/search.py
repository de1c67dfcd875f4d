"""A search for settings: the small form on Fine-tune that starts one, and on the log tab what its trials have given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any

import gradio as gr

from ftui import jobs
from ftui.core import events as ev
from ftui.core import languages
from ftui.core import recipe as recipes
from ftui.core import search as spaces
from ftui.core.errors import UserError
from ftui.core.estimate import Estimate, span
from ftui.core.home import Home, Run
from ftui.jobs import searches
from ftui.jobs.following import Following
from ftui.ui import charts, pieces, style
from ftui.ui.page import Page, chart, draw, go_to, html

if TYPE_CHECKING:
    import plotly.graph_objects as go

OUTPUTS = 7
STATES = {"running": ("running", "●"), "complete": ("finished", "✓"), "pruned": ("queued", "↓"), "failed": ("failed", "✕"), "stopped": ("stopped", "■")}  # badge, icon
ORDER = ("running", "complete", "pruned", "failed", "stopped")

# ---- what the log tab shows of one


def show(run: Run, lang: str, fresh: bool) -> tuple:
    """(the curves of a training, the part of a search, what is best, its button, two charts, table): the part is seen for a
    search, the curves for every other run. `fresh`: the page has shown another run until now."""
    if not jobs.summary(run)["search"]:
        columns = (gr.Column(visible=True), gr.Column(visible=False)) if fresh else (gr.skip(),) * 2
        return *columns, *([gr.skip()] * (OUTPUTS - 2))
    told = searches.told(run)
    use = gr.Button(visible=told["best"] is not None)
    shown = summary(told, lang), use, draw(by_setting(told, lang)), draw(by_time(told, lang)), table(told, lang)
    return gr.Column(visible=False), gr.Column(visible=True), *shown


def progress(told: Following, state: str, lang: str) -> str:
    """Which trial it is at, and how much of the time is used; once it has ended, how many there were."""
    now = told.progress or {}
    if state in ev.TERMINAL:
        return languages.text("search_did", lang, n=sum(trial["state"] in ev.TRIED for trial in told.trials.values()))
    spans = {name: pieces.duration(now[name], lang) for name in ("seconds", "budget")}
    return languages.text("search_at", lang, trial=now["trial"], trials=now["trials"], **spans)


def summary(told: dict, lang: str) -> str:
    """The best settings so far, beside the recipe's own; how they are judged."""
    best, own = told["best"], told["own"]
    judged = languages.text("search_judged", lang, metric=charts.metric_name(told["metric"], lang))
    if best is None:
        return f'<div class="ft"><p class="sub">{escape(languages.text("search_no_best_yet", lang))} {escape(judged)}</p></div>'
    values = ", ".join(f"{label(name, lang)} {shown(value)}" for name, value in best["settings"].items())
    key = "search_own_best" if best["number"] == 1 else "search_beats" if own else ""
    beside = languages.text(key, lang, value=pieces.number(own["score"])) if key else ""
    head = f'<b>{escape(charts.metric_name(told["metric"], lang))} {pieces.number(best["score"])}</b> · {escape(values)}'
    return f'<div class="ft card search-best"><p>{head}</p><p class="sub">{escape(" ".join(filter(None, [beside, judged])))}</p></div>'


def table(told: dict, lang: str) -> str:
    """The trials: those that run, then the best ones first, then what was given up or failed."""
    varied = list(told["trials"][-1]["settings"]) if told["trials"] else []
    heads = [languages.text(key, lang) for key in ("search_trial", "search_state")] + [escape(label(name, lang)) for name in varied]
    heads += [charts.metric_name(told["metric"], lang), languages.text("search_epochs", lang), languages.text("race_time", lang)]
    rows = [_row(trial, trial is told["best"], lang) for trial in sorted(told["trials"], key=lambda trial: _rank(trial, told["lower"]))]
    numeric = range(2, len(heads))
    return pieces.table(heads, rows, numeric=numeric, none=languages.text("search_first_soon", lang))


def _rank(trial: dict, lower: bool) -> tuple:
    score = trial["score"] if trial["score"] is not None else 0.0
    return ORDER.index(trial["state"]), (score if lower else -score) if trial["state"] == "complete" else trial["number"]


def _row(trial: dict, best: bool, lang: str) -> list[str]:
    kind, icon = STATES[trial["state"]]
    word = languages.text("search_state_" + trial["state"], lang)
    reason = trial["reason"]
    if isinstance(reason, dict):
        reason = UserError(reason["code"], **reason["params"]).message(lang)
    hover = f' title="{escape(reason)}"' if reason else ""
    state = f'<span class="badge {kind}"{hover}><i aria-hidden="true">{icon}</i>{word}</span>'
    number = f"{trial['number']}" + (f' <span class="muted" style="white-space:nowrap">({languages.text("search_yours", lang)})</span>' if trial["number"] == 1 else "")
    score = "–" if trial["score"] is None else pieces.number(trial["score"]) + (" ★" if best else "")
    epochs = f"{trial['scores'][-1][0]:g}" if trial["scores"] else "–"
    return [number, state, *(shown(value) for value in trial["settings"].values()), score, epochs, pieces.duration(trial["seconds"], lang)]


def by_setting(told: dict, lang: str) -> go.Figure | None:
    """Score over the learning rate, or over what is varied first."""
    field = next(iter(told["trials"][0]["settings"])) if told["trials"] else ""
    figure = _figure(told, lang, ((trial["settings"][field], trial) for trial in told["trials"] if trial["score"] is not None))
    if figure:
        rate = field == spaces.FIELDS["learning_rate"]
        figure.update_xaxes(title={"text": label(field, lang)}, **({"type": "log", "dtick": "D2", "tickformat": ".0e"} if rate else {"type": "category"}))
    return figure


def by_time(told: dict, lang: str) -> go.Figure | None:
    """Score over the time that all trials have taken until its end; the line is the best by then."""
    import plotly.graph_objects as go

    figure = _figure(told, lang, ((trial["ended"], trial) for trial in told["trials"] if trial["score"] is not None))
    if figure is None:
        return None
    line: list[tuple[float, float]] = []
    for trial in told["trials"]:
        if trial["state"] == "complete":
            line.append((trial["ended"], (min if told["lower"] else max)(trial["score"], line[-1][1]) if line else trial["score"]))
    best = {"color": style.TUNED, "width": 1.5, "shape": "hv"}
    figure.add_trace(go.Scatter(x=[x for x, _ in line], y=[y for _, y in line], mode="lines", line=best, hoverinfo="skip", showlegend=False))
    return figure.update_xaxes(title={"text": languages.text("axis_search_seconds", lang)}, rangemode="tozero")


def _figure(told: dict, lang: str, points: Iterable[tuple[float, dict]]) -> go.Figure | None:
    import plotly.graph_objects as go

    kinds: dict[str, list[tuple[float, dict]]] = {}
    for x, trial in points:
        kinds.setdefault("best" if trial is told["best"] else "complete" if trial["state"] == "complete" else "pruned", []).append((x, trial))
    if not kinds:
        return None
    figure = charts.blank(height=280, yaxis={"title": {"text": charts.metric_name(told["metric"], lang)}}, margin={"t": 30}, uirevision="same", showlegend=True)
    marks = {"complete": ("circle", 9, style.TUNED), "pruned": ("circle-open", 8, style.BASE), "best": ("star", 15, style.TUNED)}
    for kind, (symbol, size, colour) in marks.items():
        mine = kinds.get(kind, [])
        trace = go.Scatter(x=[x for x, _ in mine], y=[t["score"] for _, t in mine], name=languages.text("search_mark_" + kind, lang), mode="markers")
        trace.update(marker={"symbol": symbol, "size": size, "color": colour}, cliponaxis=False, customdata=[_hover(t, lang) for _, t in mine])
        if mine:
            figure.add_trace(trace.update(hovertemplate="%{y:.4g}<br>%{customdata}<extra></extra>"))
    return figure


def _hover(trial: dict, lang: str) -> str:
    values = (f"{label(name, lang)} {shown(value)}" for name, value in trial["settings"].items())
    return "<br>".join([f"{languages.text('search_trial', lang)} {trial['number']}", *values])


def label(field: str, lang: str) -> str:
    """What the form calls a setting."""
    return languages.setting(field, lang)[0]


def shown(value: float) -> str:
    """A setting's value, short.

    >>> shown(0.000342), shown(10.0), shown(0.01)
    ('3.42e-4', '10', '0.01')
    """
    text = f"{value:g}" if value == 0 or abs(value) >= 1e-3 else f"{value:.3g}" if "e" in f"{value:.3g}" else f"{value:.2e}"
    mantissa, sign, power = text.partition("e")
    return f"{float(mantissa):g}e{int(power)}" if sign else text


def use(home: Home, lang: str, run_id: str) -> tuple:
    """Fill the form of Fine-tune with the best settings: (the run that it takes up, tabs)."""
    run = home.run(run_id)
    if searches.told(run)["best"] is None:
        raise UserError("search_no_best", run=run.id)
    return run.id, go_to("tune")


def build_view(page: Page) -> list[Any]:
    """Lay out the part of the log tab: (the part, what is best, its button, two charts, table)."""
    t = page.t
    with gr.Column(visible=False, elem_id="search-view") as part:
        best = html(elem_id="search-best")
        with gr.Row(elem_classes=["row-end"]):
            button = gr.Button(t("search_use"), variant="primary", visible=False, elem_id="use-settings", elem_classes=["fit"])
        with gr.Row(equal_height=True):
            with gr.Column(min_width=280):
                rates = chart(t("search_by_setting"), t("search_by_setting_note"), t("search_later"), elem_id="search-by-setting")
            with gr.Column(min_width=280):
                times = chart(t("search_by_time"), t("search_by_time_note"), t("search_later"), elem_id="search-by-time")
        listed = html(elem_id="search-trials")
    return [part, best, button, rates, times, listed]


# ---- the form on Fine-tune


@dataclass(frozen=True)
class Form:
    """What is asked before a search, and where it is said what is wrong."""

    part: gr.Column
    minutes: gr.Number
    trials: gr.Number
    vary: gr.CheckboxGroup
    note: gr.HTML
    start: gr.Button
    notice: gr.HTML

    @property
    def asked(self) -> list:
        return [self.minutes, self.trials, self.vary]


def build_form(page: Page) -> Form:
    """Lay out the form, closed."""
    t = page.t
    minutes, trials, vary = (languages.setting("search." + name, page.lang) for name in ("minutes", "trials", "vary"))
    with gr.Column(visible=False, elem_id="search-form", elem_classes=["decision"]) as part:
        html(pieces.heading(t("search_title"), t("search_note")))
        chosen = gr.CheckboxGroup(choices("full", page.lang), value=list(spaces.USUAL["full"]), label=vary[0], info=vary[1], elem_id="search-vary")
        with gr.Row(elem_classes=["settings-grid"]):
            most = page.way.most_minutes
            length = gr.Number(min(10, most or 10), label=minutes[0], info=minutes[1], elem_id="search-minutes")
            count = gr.Number(30, precision=0, label=trials[0], info=trials[1], elem_id="search-most")
        note = html(elem_id="search-note")
        with gr.Row(elem_classes=["row-end"]):
            start = gr.Button(t("search_start"), variant="primary", elem_id="start-search", elem_classes=["fit"])
        notice = html(elem_id="search-notice")
    return Form(part, length, count, chosen, note, start, notice)


def choices(strategy: str, lang: str) -> list[tuple[str, str]]:
    """What can be varied with a strategy, as the form calls it."""
    return [(label(spaces.FIELDS[name], lang), name) for name in spaces.possible(strategy)]


def suit(home: Home, lang: str, strategy: str) -> dict:
    """What to vary, for another strategy."""
    return gr.CheckboxGroup(choices=choices(strategy, lang), value=list(spaces.USUAL[strategy]))


def expected(cost: Estimate, minutes: float, most: int, lang: str) -> str:
    """How long one trial takes, about, and how many will be made."""
    if cost.seconds is None or not minutes:
        return ""
    low, high = (max(1, min(most, int(60 * minutes / seconds))) for seconds in reversed(cost.seconds))
    key = "search_expected" if 60 * minutes > cost.seconds[0] else "search_too_short"
    count = f"{low}" if low == high else f"{low}–{high}"
    return f'<div class="ft"><p class="sub">{escape(languages.text(key, lang, span=span(*cost.seconds, lang), count=count))}</p></div>'


def asked(made: recipes.Recipe, minutes: float | None, trials: float | None, vary: Sequence[str]) -> recipes.Recipe:
    """The recipe of the search that the form describes. Raises UserError."""
    return searches.asked(made, minutes=minutes or 0, trials=int(trials or 0), vary=list(vary))
