"""Several strategies on the same split, queued as runs; and how the runs on one split stand, beside simple models."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ftui import jobs, tasks
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.advice import with_strategy
from ftui.core.errors import UserError
from ftui.core.home import Home, Run
from ftui.core.recipe import Recipe

STRATEGIES = ("frozen", "lora", "full")  # the quickest first: something is known soon
LEARNED_FROM = {"augment", "balance"}  # parts of `data` that change the training rows alone
MOST = 30  # runs that are looked at, the newest ones


def start(recipe: Recipe, home: Home, strategies: Sequence[str] = STRATEGIES, way: Access = LOCAL) -> list[Run]:
    """Start a run for each strategy, all else alike; settings of the recipe's own strategy stay. Raises UserError."""
    unknown = [name for name in strategies if name not in recipes.STRATEGIES]
    if unknown or not strategies:
        raise UserError("race_strategy", strategy=", ".join(unknown) or "-", known=", ".join(recipes.STRATEGIES))
    return [jobs.start_training(with_strategy(recipe, name), home, way=way) for name in dict.fromkeys(strategies)]


def standing(run: Run, fewest: int = 2) -> dict | None:
    """The runs that are tested on the very rows of this one, quickest first, and simple models scored on them:

    {"metric", "lower" (whether less is better), "runs": [{"id", "name", "strategy", "model", "state", "seconds", "value"}],
    "ladder": as `_ladder` gives it}, None where fewer than `fewest` runs can be compared. `value` is None until a run has ended.
    """
    split = _split(run)
    if split is None:
        return None
    mine = jobs.summary(run)
    task = tasks.get(mine["task"])
    metric = f"test_{task.METRICS[0]}"
    lines, others = [], []
    for line in jobs.summaries(run.home):
        other = Run(run.home.runs / line["id"])
        if line["dataset_id"] == mine["dataset_id"] and line["task"] == mine["task"] and _split(other) == split:
            others.append(other)
            value = line["value"] if line["metric"] == metric else None
            lines.append({name: line[name] for name in ("id", "name", "strategy", "model", "state", "seconds")} | {"value": value})
        if len(lines) == MOST:
            break
    lines.sort(key=lambda line: (line["value"] is None, line["seconds"]))
    if len(lines) < fewest:
        return None
    return {"metric": metric, "lower": task.METRICS[0] in tasks.LOWER, "runs": lines, "ladder": _ladder([run, *others], task.METRICS[0])}


def _split(run: Run) -> dict | None:
    """What decides which rows are tested; None for an ensemble, whose time is that of its members, and for a search."""
    try:
        recipe = recipes.load(run.recipe)
    except (UserError, OSError):
        return None
    return None if recipe.ensemble or recipe.search else recipe.data.model_dump(exclude=LEARNED_FROM)


def _ladder(runs: Sequence[Run], metric: str) -> list[dict]:
    """What simple models reach, the most frequent label first, then one for all rows, then what each base model's own states
    are good for: {"name", "model", "seconds", "value"}, `model` and `seconds` None where there is no such thing."""
    found: dict[tuple, dict] = {}
    for run in runs:
        try:
            report = json.loads(run.report.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            continue
        simple = report.get("baseline") or {}
        rungs = []
        if simple.get("split") == "test":
            rungs = [("majority", simple.get("majority") or {}), (simple.get("name"), simple)]
        for name, rung in [*rungs, ("linear_probe", report.get("probe") or {})]:
            value = rung.get("metrics", {}).get(metric)
            if value is not None:
                found.setdefault((name, rung.get("model")), {"name": name, "model": rung.get("model"), "seconds": rung.get("seconds"), "value": value})
    return sorted(found.values(), key=lambda rung: (rung["name"] != "majority", rung["name"] == "linear_probe", rung["model"] or ""))
