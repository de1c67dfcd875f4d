"""What a training will cost on this machine: reckoned without torch, or timed by a short training in a process of its own."""

from __future__ import annotations

import functools
import math
import os
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pyarrow as pa

from ftui import tasks
from ftui.core import base_models, estimate, machine
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.base_models import Known
from ftui.core.errors import UserError
from ftui.core.estimate import Estimate, Rows
from ftui.core.home import Home, starter_models, starter_tokenizer
from ftui.core.recipe import Recipe
from ftui.core.starters import UNKNOWN
from ftui.data import forms, inspecting, intake, preparing, values
from ftui.jobs import processes, python_path, queue
from ftui.jobs.worker import ENVIRONMENT

SAMPLE = 400  # rows whose tokens are counted
TIMED = 480  # rows of the short training
UPDATES = 24  # of the short training
PATIENCE = 240  # seconds, a download included
_turn = threading.Lock()  # one at a time: two would slow each other down


def of(recipe: Recipe, home: Home, known: Known | None = None) -> Estimate:
    """What this recipe will cost. `known`: what is known of its model, where the caller has asked. Raises UserError."""
    known = known or base_models.find(home.base(recipe.model))
    rows = rows_of(recipe, home, known)
    busy = 1.0 if queue.working(home) else machine.busy()  # a training of ours has ended when this one begins
    return estimate.estimate(recipe, known.config, known.parameters or UNKNOWN, rows, estimate.known(home), device(recipe), busy)


def device(recipe: Recipe) -> str:
    """Where it will be computed, as far as can be told without torch."""
    wanted = (recipe.device,) if recipe.device != "auto" else ("cuda", "mps")
    return next((name for name in wanted if name in machine.gpus()), "cpu")


def rows_of(recipe: Recipe, home: Home, known: Known) -> Rows:
    """Rows of each split, about, and the tokens of some of them. Raises UserError."""
    data = recipe.data
    dataset = preparing.resolve(data.path, home)
    all_rows = dataset.card()["rows"]
    test = all_rows / data.folds if data.folds else all_rows * data.test_size
    if data.test_path:
        test, rest = preparing.resolve(data.test_path, home).card()["rows"], all_rows
    else:
        rest = all_rows - test
    validation = rest * data.validation_size
    if data.validation_path:
        validation = preparing.resolve(data.validation_path, home).card()["rows"]
    task = tasks.get(recipe.task)
    tokens, roles = _tokens(dataset.path, tuple(sorted(data.columns.items())), task.ROLES, _tokenizer(known))
    windows = tokens
    if hasattr(task, "STRIDE") and getattr(task, "PLAIN", roles[0]) in roles:
        windows = tuple(part for n in tokens for part in _windows(n, recipe.training.longest, task.STRIDE))
    each = len(windows) / max(1, len(tokens))
    return Rows(round(each * data.train_rows(all_rows)), round(each * validation), round(each * test), windows)


def _windows(tokens: int, most: int, stride: float) -> list[int]:
    """About how long the windows of at most `most` tokens are in which a text of so many is read."""
    count = 1 + max(0, math.ceil((tokens - most) / (most * (1 - stride))))
    return [most] * (count - 1) + [min(tokens, most)]


def _tokenizer(known: Known) -> Path | None:
    """The model's own where it is here, else that of the starter model: about as many tokens."""
    folder = starter_models() / known.model if known.kind == "starter" else Path(known.model)
    cached = base_models.cached(known.model, "tokenizer.json") if known.kind == "hub" else folder / "tokenizer.json"
    return cached if cached and cached.exists() else starter_tokenizer()


@functools.lru_cache(maxsize=64)
def _tokens(folder: Path, columns: tuple, roles: tuple[str, ...], tokenizer: Path | None) -> tuple[tuple[int, ...], tuple[str, ...]]:
    """(tokens of some rows, the roles that the data set has columns for)"""
    dataset = intake.open_dataset(folder)
    table = dataset.table()
    found = preparing.find_columns(table, dict(columns), roles, dataset.card()["name"])
    read = table.select(sorted({name for role, column in found.items() if role not in ("label", "answers", "flags") for name in forms.names(role, column)}))
    read = _spread(read, SAMPLE)
    texts = [" ".join(filter(None, map(values.text_of, row.values()))) for row in read.to_pylist()]
    if tokenizer is None:
        return tuple(2 + len(text) // 3 for text in texts), tuple(found)
    return tuple(inspecting.tokens(texts, tokenizer).tolist()), tuple(found)


def _spread(table: pa.Table, rows: int) -> pa.Table:
    """At most so many rows, evenly spread over the table."""
    return table.take([i * table.num_rows // rows for i in range(rows)]) if table.num_rows > rows else table


def measure(recipe: Recipe, home: Home) -> None:
    """Train for some updates on some of the rows, in a home that is thrown away, and keep how quick that was. Takes some
    twenty seconds. Raises UserError, also where a training is going on: both would be slower than alone."""
    if queue.working(home):
        raise UserError("measure_busy")
    with _turn, tempfile.TemporaryDirectory(prefix="ftui-measure-") as scratch:
        there = Home(Path(scratch) / "home")
        made = _short(recipe, home, there)
        run = there.new_run()
        job = run.new_job("train")
        run.recipe.write_text(recipes.dump(made), encoding="utf-8")
        job.write_card({**job.card(), **processes.identity(os.getpid())})
        environment = {**ENVIRONMENT, **os.environ, "PYTHONPATH": os.pathsep.join(python_path())}
        environment["FTUI_QUEUE"] = str(there.path / "queue")
        command = [sys.executable, "-m", "ftui.jobs.child", str(job.path)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, env=environment, check=False)
        except subprocess.TimeoutExpired as error:
            raise UserError("measure_failed", problem=f"{PATIENCE} s") from error
        speeds = estimate.read(there.path / "queue")  # not there.queue: a page has one queue for all of its homes
        if not speeds:
            failure = ev.last(ev.read(job.events)[0], "error")
            problem = failure["message"] if failure else (done.stderr.strip().splitlines() or ["?"])[-1][:200]
            raise UserError("measure_failed", problem=problem)
        estimate.merge(home, speeds)


def _short(recipe: Recipe, home: Home, there: Home) -> Recipe:
    """The recipe of a short training: the same settings on some of the rows, imported into the home `there`."""
    import pyarrow.parquet as pq

    table = preparing.resolve(recipe.data.path, home).table()
    there.path.mkdir(parents=True)
    file = there.path / "rows.parquet"
    pq.write_table(_spread(table, max(TIMED, 8 * recipe.training.per_device_train_batch_size)), file)
    dataset = intake.import_file(file, there)
    kept = {"columns": recipe.data.columns, "clean": recipe.data.clean, "seed": recipe.data.seed}
    data = recipes.Data(path=str(dataset.path), test_size=0.1, validation_size=0.1, **kept)
    changes = {"max_steps": UPDATES, "early_stopping_patience": None, "metric_for_best_model": None, "eval_strategy": "epoch"}
    training = recipe.training.model_copy(update=changes)
    parts = {"data": data, "training": training, "model": home.base(recipe.model), "retries": 0}
    return recipe.model_copy(update=parts | {"distil": None, "prune": None, "ensemble": None, "search": None})
