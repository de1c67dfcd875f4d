"""One click, several seeds: an ensemble is started from a finished run."""

from __future__ import annotations

import time
from typing import Literal

from ftui import jobs, tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError
from ftui.core.home import Run


def start(run: Run, seeds: int = 3, vote: Literal["soft", "hard"] = "soft", way: Access = LOCAL) -> Run:
    """Train the run's recipe with `seeds` - 1 further seeds, and queue the ensemble of all behind them; returns that.

    Raises UserError; then none of them is left."""
    recipe = recipes.load(run.recipe)
    if recipe.ensemble:
        raise UserError("ensemble_of_ensembles", run=run.id)
    if tasks.speaks(tasks.get(recipe.task)):
        raise UserError("smaller_speaks")
    line = jobs.summary(run)
    if not run.model.exists():
        raise jobs.without_model(run)
    started: list[Run] = []
    try:
        for number in range(1, seeds):
            seed = recipe.training.seed + number
            training = recipe.training.model_copy(update={"seed": seed})
            name = f"{line['name']} · seed {seed}"
            started.append(jobs.start_training(recipe.model_copy(update={"training": training}), run.home, name, way))
        for member in started:
            _in_queue(member)
        ensemble = recipes.Ensemble(members=[run.id, *(member.id for member in started)], vote=vote)
        return jobs.start_training(
            recipe.model_copy(update={"ensemble": ensemble}), run.home, f"{line['name']} × {seeds}", way
        )
    except BaseException:
        for member in started:
            job = member.training()
            if job:
                jobs.stop(job)
        raise


def _in_queue(run: Run, most: float = 60.0) -> None:
    """Wait until the run has its place in the queue, at most so many seconds: the ensemble comes behind it, and processes that
    start together may enter in any order."""
    job, end = run.training(), time.monotonic() + most
    while job is not None and ev.last(ev.read(job.events)[0], "state") is None and time.monotonic() < end:
        time.sleep(0.05)
