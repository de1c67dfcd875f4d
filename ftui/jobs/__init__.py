"""Starting, stopping, resuming and seeing jobs: the one door. Heavy work happens in ftui.jobs.child."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

from ftui.core import events as ev
from ftui.core import languages, search, starters
from ftui.core import recipe as recipes
from ftui.core.access import LOCAL, Access
from ftui.core.errors import UserError, of_system
from ftui.core.home import Home, Job, Run
from ftui.core.recipe import Recipe
from ftui.jobs import launching, processes, queue, smaller
from ftui.jobs.summaries import summaries, summary, without_model

__all__ = ["delete", "end_all", "limit_servers", "resume", "script", "script_of", "serving", "start", "start_export", "start_training", "state", "stop", "summaries", "summary", "without_model"]


def start_training(recipe: Recipe, home: Home, name: str | None = None, way: Access = LOCAL) -> Run:
    """Check what can be checked in a moment, write the run's folder, and spawn its worker.

    `way` says what is allowed to whoever asks. The recipe that is kept names the imported data set, so that the run can be repeated when the file has changed.
    Raises UserError for what the user can mend.
    """
    from ftui import tasks
    from ftui.data import augmenting, preparing
    from ftui.training import models, rows

    way.check(recipe, home, 0)  # before anything is read
    way.check_disk(home)
    if way.most_waiting is not None and len(queue.waiting(home)) >= way.most_waiting:
        raise UserError("demo_busy", waiting=way.most_waiting)
    models.local(home.base(recipe.model))
    launching.check(recipe)
    task = tasks.get(recipe.task)
    metrics = tasks.watched(task)
    wanted = recipe.training.metric_for_best_model
    if wanted is not None and wanted.removeprefix("validation_") not in metrics:
        raise UserError("metric_unknown", metric=wanted, known=", ".join(f"validation_{m}" for m in sorted(metrics)))
    if recipe.training.early_stopping_patience and not (recipe.data.validation_size or recipe.data.validation_path):
        raise UserError("early_stopping_needs_validation")
    if recipe.search:
        search.varied(recipe)
        if not (recipe.data.validation_size or recipe.data.validation_path):
            raise UserError("search_needs_validation")
    sources = {field: getattr(recipe.data, field) for field in ("path", "validation_path", "test_path")}
    folders = {field: preparing.resolve(path, home).path for field, path in sources.items() if path}
    data = recipe.data.model_copy(update={field: str(folder) for field, folder in folders.items()})
    prepared = preparing.prepare(data, home, task.ROLES, task.STRATIFY)
    task.check(prepared.splits, prepared.columns)
    smaller.check(recipe, home, task.labels(prepared.splits))
    rows.check(recipe, task, prepared.splits["train"])
    more = rows.count(recipe, task, prepared.splits["train"]) - prepared.splits["train"].num_rows
    way.check(recipe, home, sum(table.num_rows for table in prepared.splits.values()) + max(more, 0))

    try:
        run = home.new_run()
        try:
            kept = {field: os.path.relpath(folder, run.path) for field, folder in folders.items()}
            data = augmenting.with_files_kept(data, home, run.path)
            data = data.model_copy(update={**kept, "columns": prepared.columns})
            recipe = launching.kept(smaller.kept(recipe.model_copy(update={"data": data}), home, run), run.path)
            if name:
                run.write_about(name=name)
            text = recipes.dump(recipe)
            job = run.new_job("train", {"recipe": _digest(text)})
            run.recipe.write_text(text, encoding="utf-8")
            _spawn(job)
        except BaseException:
            shutil.rmtree(run.path, ignore_errors=True)  # half a run would be in everybody's way
            raise
    except OSError as error:
        raise (of_system(error, home.path) or error) from error
    return run


def start(run: Run, kind: str, options: dict | None = None) -> Job:
    """Start another job on a run that has its model: evaluate, export or serve."""
    if not run.model.exists():
        raise without_model(run)
    job = run.new_job(kind, options)
    _spawn(job)
    return job


def start_export(run: Run, format: str, way: Access = LOCAL) -> Job:
    """Make a form of the run's model; where it is being made already, that job. Raises UserError in a demo in which another
    is being made: each takes a process with torch, and nobody waits for a slot."""
    with _exporting:
        making = _alive(run.home, "export") if way.mode == "demo" else _unended(run.jobs("export"))
        for job in making:
            if job.path.is_relative_to(run.path) and job.card()["options"].get("format") == format:
                return job
        if making and way.mode == "demo":
            raise UserError("demo_export")
        return start(run, "export", {"format": format})


_exporting = threading.Lock()  # between looking and starting nobody else starts


def _alive(home: Home, kind: str) -> list[Job]:
    """The jobs of this kind that have not ended; in a demo those of all visitors."""
    visitors = home.path.parent
    homes = [Home(path) for path in visitors.iterdir()] if visitors.name == "visitors" else [home]
    return _unended([Job(card.parent) for each in homes for card in each.runs.glob(f"*/jobs/{kind}-*/job.json")])


def _unended(those: list[Job]) -> list[Job]:
    return [job for job in those if state(job) not in ev.TERMINAL]


def resume(run: Run) -> Job:
    """Go on with a training from its last checkpoint, as a new attempt of the same job. Its settings are those of its
    start: a recipe that was edited since is refused, for optimiser and schedule of the checkpoint would ignore half of it."""
    job = run.training()
    if job is None:
        raise UserError("run_unknown", run=run.id)
    current = state(job)
    if current not in ev.TERMINAL or current == ev.FINISHED:
        raise UserError("run_not_resumable", run=run.id, state=languages.state(current))
    card = job.card()
    if card["options"].get("recipe") not in (None, _digest(run.recipe.read_text(encoding="utf-8"))):
        raise UserError("recipe_changed", run=run.id, path=run.recipe)
    job.stop.unlink(missing_ok=True)
    job.write_card({k: card[k] for k in ("kind", "options", "created")} | {"attempt": card["attempt"] + 1, "asked": time.time()})
    _spawn(job)
    return job


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def stop(job: Job) -> None:
    """Ask the job to stop at its next step; it saves first. Does nothing to a job that has ended."""
    if state(job) not in ev.TERMINAL:
        job.stop.touch()


def delete(run: Run) -> None:
    """Remove a run and all that is in it."""
    for job in run.jobs():
        if state(job) in ev.TERMINAL:
            continue
        if job.card()["kind"] != "serve":
            raise UserError("run_busy", run=run.id)
        stop(job)
    trash = run.path.with_name(f".{run.id}.deleted")
    run.path.rename(trash)
    shutil.rmtree(trash, ignore_errors=True)


def script(run: Run) -> str:
    """The run as a plain Python script (ftui.artifacts.script)."""
    recipe = recipes.load(run.recipe)
    return script_of(recipe, Path(recipe.data.path))


def script_of(recipe: Recipe, dataset: Path, way: Access = LOCAL) -> str:
    """A recipe as a plain Python script; `dataset` is the folder of the imported data. Only on this machine does it name the
    folder of a starter model."""
    from ftui.artifacts import script as scripts
    from ftui.data import intake
    from ftui.training import models

    card = intake.open_dataset(dataset).card()
    base = Home(dataset.parent.parent).base(recipe.model)
    rate, epochs = recipe.learning_rate(starters.count(base)), recipe.epochs(recipe.data.train_rows(card["rows"]))
    own = {split: _own_card(path) for split, path in (("validation", recipe.data.validation_path), ("test", recipe.data.test_path)) if path}
    return scripts.write(recipe, card, rate, epochs, models.local(base) if way.mode == "local" else None, own)


def _own_card(path: str) -> dict:
    """The card of a data set; of one that was not imported yet what its name says."""
    from ftui.data import intake, reading

    place = Path(path)
    if (place / "card.json").is_file():
        return intake.open_dataset(place).card()
    form = reading.SUFFIXES.get(Path(path.removesuffix(".gz")).suffix.lower(), "hub")
    return {"name": path, "format": form, "encoding": None, "delimiter": "\t" if form == "tsv" else None}


def limit_servers(home: Home, most: int) -> None:
    """Stop the oldest servers that playgrounds have started, so that `most` stay: each holds a model in memory.

    In a demo the servers of all visitors count.
    """
    alive = [job for job in _alive(home, "serve") if job.card()["options"].get("idle")]
    for job in sorted(alive, key=lambda job: job.card()["created"])[: max(0, len(alive) - most)]:
        stop(job)


def end_all(home: Home) -> None:
    """Kill whatever works in this home: it is about to be removed."""
    for run in home.all_runs():
        for job in run.jobs():
            if state(job) not in ev.TERMINAL:
                processes.kill(job.card())


def serving(run: Run, artifact: str = "model") -> str | None:
    """Base URL of a live server for this artefact of the run, or None."""
    for job in reversed(run.jobs("serve")):
        if job.card()["options"].get("artifact", "model") != artifact or state(job) != ev.RUNNING:
            continue
        ready = ev.last(ev.read(job.events)[0], "ready")
        if ready:
            return ready["url"]
    return None


def _spawn(job: Job) -> None:
    """Start the worker in a session of its own: it outlives whoever started it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(python_path()), "PYTHONUNBUFFERED": "1"}
    with open(job.log, "ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "ftui.jobs.worker", str(job.path)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env=environment,
        )
    job.write_card({**job.card(), **processes.identity(process.pid), "spawned": time.time()})
    _spawned[:] = [p for p in _spawned if p.poll() is None]  # asking is what removes ended ones from the process table
    _spawned.append(process)


_spawned: list[subprocess.Popen] = []


def python_path() -> list[str]:
    """Where this very ftui lies, so that a worker never imports another one."""
    return [str(Path(__file__).parents[2]), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]


def state(job: Job) -> str:
    """See ftui.jobs.summaries.state."""
    from ftui.jobs.summaries import state as of_job

    return of_job(job)
