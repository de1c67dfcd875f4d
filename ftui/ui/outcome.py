"""What has come of a training, for the card of its log: the score and what it is worth, and whether it has overfitted."""

from __future__ import annotations

import json
from html import escape

from ftui import jobs, tasks
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Run
from ftui.jobs.following import Following
from ftui.ui import charts, pieces

RISE = 1.05  # how far above its lowest value the validation loss may be before it counts as having turned
LOST = 0.05  # of the best score: on few validation rows one answer is as much
AFTER = 2  # evaluations above the lowest that make it so


def told(run: Run, follow: Following, state: str, lang: str) -> str:
    """HTML for the card; "" where there is nothing to say yet."""
    parts = [score(run, lang), _turned(run, follow, lang)] if state == ev.FINISHED else [_turned(run, follow, lang)]
    return "".join(parts)


def score(run: Run, lang: str) -> str:
    """The main metric of a finished run on its test rows, what it means, and what a simple model reaches on them."""
    try:
        line = jobs.summary(run)
    except UserError:
        return ""
    if line["value"] is None or line["search"]:
        return ""
    bare = line["metric"].partition("_")[2]
    words = [languages.text("about_metric_" + bare, lang)] if "about_metric_" + bare in languages.interface() else []
    simple = _report(run).get("baseline") or {}
    if simple.get("split") == line["metric"].partition("_")[0] and bare in simple["metrics"]:
        key = "before_reaches" if simple.get("name") == "before_tuning" else "simple_reaches"
        words.append(languages.text(key, lang, value=pieces.number(simple["metrics"][bare])))
    name = escape(charts.metric_name(line["metric"], lang))
    return f'<p class="outcome"><b>{name} {pieces.number(line["value"])}</b> {escape(" ".join(words))}</p>'


def _turned(run: Run, follow: Following, lang: str) -> str:
    found = overfitted(follow)
    if found is None:
        return ""
    step, low, last = found
    held = holds(run, follow)
    key = "surer" if held else "overfits"
    sentence = languages.text(key, lang, step=step, low=pieces.number(low), last=pieces.number(last))
    best = _report(run).get("best") or {}
    if best:
        key = "overfit_best_kept" if best.get("value") is not None else "overfit_last_kept"
        sentence += " " * (lang == "en") + languages.text(key, lang, step=best["step"])
    mark = "" if held else '<i aria-hidden="true">!</i> '
    return f'<p class="outcome{"" if held else " warn"}">{mark}{escape(sentence)}</p>'


def holds(run: Run, follow: Following) -> bool:
    """Whether the main score on the validation rows is still about as good as it ever was."""
    try:
        task = jobs.summary(run)["task"]
    except UserError:
        return False
    curves = follow.curves()
    for name in tasks.get(task).METRICS:
        points = curves.get(f"validation_{name}")
        if points is not None and name not in tasks.LOWER:
            return bool(points[-1, 1] >= points[:, 1].max() - LOST)
    return False


def overfitted(follow: Following) -> tuple[int, float, float] | None:
    """(step at which the validation loss was lowest, that loss, the last one) where it has risen since, else None."""
    points = follow.curves().get("validation_loss")
    if points is None or len(points) <= AFTER:
        return None
    lowest = int(points[:, 1].argmin())
    rest = points[lowest + 1 :, 1]
    low, last = float(points[lowest, 1]), float(points[-1, 1])
    if len(rest) < AFTER or last < RISE * low:
        return None
    return int(points[lowest, 0]), low, last


def _report(run: Run) -> dict:
    try:
        return json.loads(run.report.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
