"""What takes up the disk, part by part, and what of it can go."""

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from ftui.core import events as ev
from ftui.core.errors import UserError
from ftui.core.home import Home, disk_use
from ftui.data import labelling, versions
from ftui.jobs.summaries import state

# What can be removed -> whether it goes without being asked for by name: nothing that anybody could want back.
PARTS = {
    "cache": True,  # made again when needed
    "leftovers": True,  # uploads and folders that were never finished
    "finished_checkpoints": True,  # of runs that have their model
    "stopped_checkpoints": False,  # of runs that could still go on
    "unused_datasets": False,  # data sets that no run has learned from and nobody has labelled by hand
}
ABANDONED = 3600.0  # seconds after which half-made folders belong to nobody


def use(home: Home) -> dict[str, int]:
    """Bytes of each kind, disjoint: datasets, checkpoints, models, exports, logs (all else of the runs), cache,
    leftovers; then their `total`, and what is `free` on that disk."""
    runs = home.all_runs()
    found = {
        "datasets": sum(disk_use(path) for path in _folders(home.datasets)),
        "checkpoints": sum(disk_use(run.checkpoints) for run in runs),
        "models": sum(disk_use(run.model) for run in runs),
        "exports": sum(disk_use(run.exports) for run in runs),
    }
    whole = sum(disk_use(run.path) for run in runs)
    found["logs"] = whole - found["checkpoints"] - found["models"] - found["exports"]
    found["cache"] = disk_use(home.cache)
    found["leftovers"] = sum(disk_use(path) for path in _leftovers(home, 0.0))
    place = next(path for path in (home.path, *home.path.parents) if path.exists())
    return {**found, "total": sum(found.values()), "free": shutil.disk_usage(place).free}


def removable(home: Home) -> dict[str, int]:
    """Bytes that `clean` would remove, by part (see PARTS)."""
    return {part: sum(_size(path) for path in _paths(home, part)) for part in PARTS}


def clean(home: Home, parts: list[str]) -> dict[str, int]:
    """Remove these parts; bytes removed by part. Raises UserError for a part that does not exist."""
    unknown = next((part for part in parts if part not in PARTS), None)
    if unknown is not None:
        raise UserError("disk_part_unknown", part=unknown, known=", ".join(PARTS))
    removed = {}
    for part in parts:
        paths = list(_paths(home, part))
        removed[part] = sum(_size(path) for path in paths)
        for path in paths:
            shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
    return removed


def _paths(home: Home, part: str) -> Iterator[Path]:
    if part == "cache":
        yield from home.cache.glob("*")
    elif part == "leftovers":
        yield from _leftovers(home, ABANDONED)
    elif part == "unused_datasets":
        used = versions.used(home)
        yield from (path for path in _folders(home.datasets) if path.name not in used and not (path / labelling.FILE).exists())
    else:
        wanted = {ev.FINISHED} if part == "finished_checkpoints" else ev.TERMINAL - {ev.FINISHED}
        for run in home.all_runs():
            job = run.training()
            if run.checkpoints.exists() and job is not None and state(job) in wanted:
                yield run.checkpoints


def _folders(folder: Path) -> list[Path]:
    """Whole ones; what is being made has a name with a dot in front."""
    return [path for path in folder.glob("*") if not path.name.startswith(".")]


def _leftovers(home: Home, age: float) -> Iterator[Path]:
    """Half-made and half-removed things in which nothing has happened for `age` seconds."""
    patterns = ("datasets/.*", "runs/.*", "runs/*/.*", "runs/*/exports/.*")
    for path in (path for pattern in patterns for path in home.path.glob(pattern)):
        try:
            newest = max(p.stat().st_mtime for p in (path, *path.rglob("*")))
        except OSError:
            continue  # just removed
        if time.time() - newest >= age:
            yield path


def _size(path: Path) -> int:
    return disk_use(path) if path.is_dir() else path.stat().st_size
