"""What state is a job in, and what is to be said of a run in one line? Derived from disk at each question."""

import json
import time

import yaml

from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import RUN, Home, Job, Run
from ftui.core.index import Index
from ftui.jobs import processes
from ftui.jobs.following import follow

SEARCH = " · search"  # behind the name of a run that looks for settings
FORM = "5"  # of a summary; another one makes the index forget what it remembers
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
SILENCE = 60.0  # seconds without a heartbeat after which a job on another host counts as lost


def state(job: Job) -> str:
    """One of queued, starting, running, stopping, finished, failed, stopped, lost.

    Follows from the events of the latest attempt, the process (on this host) or its heartbeat (elsewhere).
    """
    card = job.card()
    last = _told(job, card)
    if last in ev.TERMINAL:
        return str(last)
    if not _lives(job, card):
        last = _told(job, card)  # it may have written its end since
        return str(last) if last in ev.TERMINAL else ev.LOST
    if job.stop.exists():
        return ev.STOPPING
    return last or ev.QUEUED


def _told(job: Job, card: dict) -> str | None:
    """The newest state that the latest attempt has written."""
    told = follow(job)
    return told.state if told.attempt == card["attempt"] else None


def _lives(job: Job, card: dict) -> bool:
    if "pid" not in card:
        return time.time() - card.get("asked", card["created"]) < SILENCE  # between writing the card and the start of the process
    if processes.here(card):
        return processes.alive(card)
    beat = job.heartbeat.stat().st_mtime if job.heartbeat.exists() else card["spawned"]
    return time.time() - beat < SILENCE


def without_model(run: Run) -> UserError:
    """What is said of a run that has no model (yet): the state that it is in."""
    return UserError("run_without_model", run=run.id, state=languages.state(summary(run)["state"]))


def summary(run: Run) -> dict:
    """The line of a run, as `_summary` makes it; a UserError for a folder that somebody or something has damaged."""
    try:
        return _summary(run)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError, yaml.YAMLError) as error:
        problem = " ".join(f"{type(error).__name__} {error}".split())[:120]
        raise UserError("run_broken", run=run.id, path=run.path, problem=problem) from error


def _summary(run: Run) -> dict:
    """The line of a run: id, name, note, task, model, strategy, dataset, dataset_id, created, state, metric, value, seconds, step,
    max_steps, attempt, search (whether it looks for settings). `seconds` are those of work, without waiting. Numbers that are not there yet are None."""
    recipe = yaml.load(run.recipe.read_text(encoding="utf-8"), Loader=_LOADER)
    job = run.training()
    assert job is not None, "a run has a recipe only once it has its job"
    card = job.card()
    current = state(job)
    told = follow(job)
    progress = told.progress or {}
    metric, value = _main_metric(recipe["task"], told.values)
    now = told.newest if told.newest and current in ev.TERMINAL else time.time()
    data = (run.path / recipe["data"]["path"]).resolve()
    try:
        dataset = json.loads((data / "card.json").read_text(encoding="utf-8"))["name"]
    except (OSError, ValueError, KeyError):
        dataset = data.name
    about = run.about()
    return {
        "id": run.id,
        "name": about["name"] or _made_name(run, recipe, f"{dataset} · {recipe['strategy']['name']}"),
        "note": about["note"],
        "task": recipe["task"],
        "model": recipe["model"],
        "strategy": recipe["strategy"]["name"],
        "dataset": dataset,
        "dataset_id": data.name,
        "created": card["created"],
        "state": current,
        "metric": metric,
        "value": value,
        "seconds": told.seconds(now),
        "step": progress.get("step"),
        "max_steps": progress.get("max_steps"),
        "attempt": card["attempt"],
        "search": bool(recipe.get("search")),
    }


def _made_name(run: Run, recipe: dict, plain: str) -> str:
    """A smaller model's name: that of its source, and what was done. Other runs have the `plain` one, a search says so."""
    if recipe.get("search"):
        return plain + SEARCH
    distil, prune = recipe.get("distil"), recipe.get("prune")
    if not (distil or prune):
        return plain
    source = distil["teacher"] if distil else recipe["model"].removeprefix(RUN)
    first = Run(run.home.runs / source).about()["name"] or plain
    done = [] if recipe["model"].startswith(RUN) else [recipe["model"].rpartition("/")[2]]
    if prune:
        done += [f"{prune['layers']} L"] if prune["layers"] else []
        done += [f"FF {prune['feed_forward']:.0%}"] if prune["feed_forward"] < 1 else []
        done += [f"heads {prune['heads']:.0%}"] if prune["heads"] < 1 else []
        done += [f"vocabulary {prune['vocabulary']}"] if prune["vocabulary"] != "all" else []
        done += [f"0 {prune['magnitude']:.0%}"] if prune["magnitude"] else []
    return f"{first} → {', '.join(done) or 'student'}"


def _main_metric(task: str, metrics: dict[str, float]) -> tuple[str | None, float | None]:
    from ftui import tasks

    for split in ("test", "validation"):
        for name in tasks.get(task).METRICS:
            if f"{split}_{name}" in metrics:
                return f"{split}_{name}", metrics[f"{split}_{name}"]
    return None, None


def summaries(home: Home) -> list[dict]:
    """All runs of a home, newest first. What has ended is remembered in the index."""
    if not home.runs.is_dir():
        return []  # to look writes nothing
    runs = home.all_runs()
    with Index(home.index) as index:
        known = index.load()
        lines = []
        for run in runs:
            try:
                signature = _signature(run)
                line = known.get(run.id, {}).get(signature) or summary(run)
            except (UserError, OSError):
                continue  # one that is damaged, or just being deleted, hides no other
            if line["state"] in ev.TERMINAL and signature not in known.get(run.id, {}):
                index.save(run.id, signature, line)
            lines.append(line)
        index.forget(set(known) - {run.id for run in runs})
    return lines


def _signature(run: Run) -> str:
    """Changes whenever the summary of an ended run may change."""
    parts = [FORM]
    patterns = ("jobs/train-*/events.jsonl", "jobs/train-*/job.json", "about.json")
    for path in sorted(path for pattern in patterns for path in run.path.glob(pattern)):
        stat = path.stat()
        parts.append(f"{path.name}:{stat.st_size}:{stat.st_mtime_ns}")
    return "|".join(parts)
