"""A search for settings: a run like others in the queue that leaves no model, but what came of each of its trials."""

from __future__ import annotations

from typing import Any

from ftui import jobs, tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.home import Run
from ftui.core.recipe import Recipe
from ftui.core.search import Search
from ftui.jobs.following import follow


def asked(recipe: Recipe, **search: Any) -> Recipe:
    """The recipe as one of a search: what is not given (minutes, trials, vary) is as the recipe has it. Raises UserError."""
    given = {name: value for name, value in search.items() if value is not None}
    content = recipe.model_dump(mode="json")
    return recipes.build({**content, "search": {**(recipe.search or Search()).model_dump(), **given}})


def told(run: Run) -> dict[str, Any]:
    """{"metric" (validation_...), "lower" (whether less is better), "search", "trials", "best", "own"}.

    A trial is {"number" (from 1), "state" (running, complete, pruned, failed, stopped), "settings" {name in the recipe: value},
    "score", "scores" [[epoch, score]], "seconds", "ended" (seconds of all trials until its end), "reason"}; `best` and `own`,
    the first, are complete ones or None.
    """
    recipe = recipes.load(run.recipe)
    job = run.training()
    assert recipe.search is not None and job is not None
    over = jobs.state(job) in ev.TERMINAL
    trials, spent = [], 0.0
    for event in sorted(follow(job).trials.values(), key=lambda event: event["number"]):
        spent += event["seconds"]
        state = "stopped" if over and event["state"] == "running" else event["state"]
        kept = {name: event.get(name) for name in ("settings", "score", "scores", "seconds", "reason")}
        trials.append({**kept, "number": event["number"] + 1, "state": state, "ended": spent})
    metric = tasks.searched(tasks.get(recipe.task), recipe.training.metric_for_best_model)
    lower = metric in tasks.LOWER
    complete = [trial for trial in trials if trial["state"] == "complete"]
    best = min(complete, key=lambda trial: trial["score"] * (1 if lower else -1), default=None)
    own = next((trial for trial in complete if trial["number"] == 1), None)
    return {"metric": f"validation_{metric}", "lower": lower, "search": recipe.search, "trials": trials, "best": best, "own": own}


def found(run: Run) -> Recipe | None:
    """The recipe with the best settings, as one for a training; None while no trial is complete."""
    best = told(run)["best"]
    return with_settings(recipes.load(run.recipe), best["settings"]) if best else None


def with_settings(recipe: Recipe, settings: dict[str, Any]) -> Recipe:
    """The recipe with these settings, and without its search."""
    plain = recipe.model_copy(update={"search": None})
    return recipes.changed(plain, [f"{name}={value}" for name, value in settings.items()])
