"""A rung of the ladder: what a logistic regression makes of the frozen base model's states of each row's first token (a linear
probe). The states are those of the `frozen` strategy, whose head mostly reads the same, and are kept in the same cache."""

from __future__ import annotations

import functools
import time
import warnings
from typing import TYPE_CHECKING

import numpy as np

from ftui.core import recipe as recipes

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.artifacts.predicting import Predictor
    from ftui.core.events import Writer
    from ftui.core.home import Run

MOST = 100_000_000  # rows times features times labels to learn from: more would take minutes and change little


def probe(run: Run, predictor: Predictor, splits: dict[str, pa.Table], events: Writer) -> dict | None:
    """{"name", "model", "rows" (learned from), "seconds" (states and fit), "metrics"} on the test rows, beside the model that
    `predictor` has of a run that kept its base frozen; None for other runs, and for tasks and families that have no such rung, or whose states cannot be kept.
    `seconds` counts what the states took when they were computed, also where they were kept."""
    recipe = recipes.load(run.recipe)
    task, labels, device = predictor.task, predictor.labels, predictor.device
    if recipe.strategy.name != "frozen" or not recipe.training.cache_frozen or recipe.prune or "test" not in splits or not hasattr(task, "probe"):
        return None
    from ftui.training import attention, features, first_token, models, strategies

    build = functools.partial(task.load_model, labels=labels)
    model, tokenizer = models.load(run.home.base(recipe.model), recipe, build, events)
    if model.config.model_type not in features.LAYERS:
        return None
    model = strategies.frozen(model, recipes.Frozen()).to(device).eval()
    settings = recipe.training
    attention.attend(model, device, predictor.card["max_length"])
    single = first_token.apply(model)
    made = features.Features(model, strategies.layers(model), single, models.bf16(settings.bf16, device, settings.fp16))
    encoded = [task.encode(splits[name], tokenizer, predictor.card["max_length"], labels) for name in ("train", "test")]
    folder, most = features.room(run.home.cache)
    if sum(map(made.bytes, encoded)) > most:
        return None
    try:
        for rows in encoded:
            made.add(rows, folder, task.collator(tokenizer), lambda: None)
    except OverflowError:  # float16 cannot hold them
        return None
    features.bound(folder)
    began = time.monotonic()
    learned, asked = (np.asarray(states[starts[:-1]], np.float32) for states, starts in zip(made.maps, made.starts, strict=True))
    chosen = np.arange(len(learned))
    enough = MOST // (learned.shape[1] * len(labels))
    if len(chosen) > enough:
        chosen = np.sort(np.random.default_rng(0).choice(chosen, enough, replace=False))
    learned = learned[chosen]
    mean, spread = learned.mean(0), learned.std(0) + 1e-6
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it could go on improving
        found = task.probe(splits["train"].take(chosen), splits["test"], (learned - mean) / spread, (asked - mean) / spread, labels)
    return {"name": "linear_probe", "model": recipe.model, "rows": len(chosen), "seconds": round(made.took + time.monotonic() - began, 2), "metrics": found}

