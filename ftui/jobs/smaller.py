"""Recipes of smaller models, made from a finished run; and what can be checked of such a recipe in a moment."""

from __future__ import annotations

import json
import os

from ftui.core import base_models
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import RUN, Home, Run
from ftui.core.recipe import Distil, Prune, Recipe
from ftui.jobs.summaries import without_model

STUDENT = "student:"  # before a run's id, a number of its own and a base: what fills the form with a student


def check(recipe: Recipe, home: Home, labels: list[str]) -> None:
    """Raise UserError for a teacher that is not there, or has learned something else than these labels."""
    from ftui.data import preparing

    if recipe.distil is None:
        return
    run = home.run(recipe.distil.teacher)
    card = _card(run)
    if card["task"] != recipe.task:
        raise UserError("distil_itself", teacher=run.id, task=recipe.task)
    unlike = sorted(set(card["labels"]) ^ set(labels))
    if unlike:
        raise UserError("distil_labels", teacher=run.id, label=unlike[0])
    if recipe.distil.unlabelled_path:
        preparing.resolve(recipe.distil.unlabelled_path, home)


def kept(recipe: Recipe, home: Home, run: Run) -> Recipe:
    """The recipe as a run keeps it: with whole ids, and with texts without labels as an imported data set."""
    from ftui.data import preparing

    changes: dict = {}
    if recipe.model.startswith(RUN):
        changes["model"] = RUN + home.run(recipe.model.removeprefix(RUN)).id
    if recipe.distil:
        path = recipe.distil.unlabelled_path
        folder = os.path.relpath(preparing.resolve(path, home).path, run.path) if path else None
        changes["distil"] = recipe.distil.model_copy(
            update={"teacher": home.run(recipe.distil.teacher).id, "unlabelled_path": folder}
        )
    return recipe.model_copy(update=changes)


def student(run: Run, model: str | None = None, layers: int | None = None) -> Recipe:
    """A recipe for a smaller model that learns from this run: from another base, or (without one) from the layers of the
    run's own model that matter most, half of them unless `layers` says how many."""
    made = _alone(run)
    if model:
        prune = Prune(layers=layers, layers_by="first") if layers else None
        return made.model_copy(update={"model": model, "prune": prune, "distil": Distil(teacher=run.id)})
    prune = Prune(layers=layers or half(run))
    return made.model_copy(update={"model": RUN + run.id, "prune": prune, "distil": Distil(teacher=run.id)})


def pruned(run: Run, prune: Prune) -> Recipe:
    """A recipe that makes this run's model smaller; where it learns again, from the run."""
    distil = Distil(teacher=run.id) if prune.recover else None
    return _alone(run).model_copy(update={"model": RUN + run.id, "prune": prune, "distil": distil})


def layers(run: Run) -> int | None:
    """How many layers the run's model has; None for an ensemble, and where its configuration does not say."""
    path = run.model / "config.json"
    shape = base_models.shape(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else None
    return shape.layers if shape else None


def half(run: Run) -> int:
    """Half as many layers as the run's model has. Raises UserError where that is not known."""
    count = layers(run)
    if count is None:
        raise UserError("prune_family", model=run.id, family="-")
    return max(1, count // 2)


def _alone(run: Run) -> Recipe:
    """The run's recipe without what made it a smaller model itself. All weights learn: an adapter is for large ones."""
    _card(run)
    return recipes.load(run.recipe).model_copy(
        update={"distil": None, "prune": None, "ensemble": None, "strategy": recipes.Full()}
    )


def _card(run: Run) -> dict:
    path = run.model / "ftui.json"
    if not path.exists():
        raise without_model(run)
    return json.loads(path.read_text(encoding="utf-8"))
