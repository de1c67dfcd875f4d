"""Who trains next. One file for each job that waits, one for each slot that is held; the order is that of the names,
but for the runs in first.json, which go before all others.

    <home>/queue/waiting-<created>-<run>    {"pid": ..., "start": ..., "job": ...}
    <home>/queue/slot-0
    <home>/queue/first.json                 [run, run ...]
    <home>/queue/slots.json                 how many trainings run at a time; $FTUI_SLOTS has the last word

Only the first living waiter tries to take a slot, so two never compete; an entry whose process is gone is removed by
whoever meets it.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ftui.core.home import Home, Job, Run, write_json
from ftui.jobs import processes


@dataclass
class Place:
    """A job's place in the queue, from waiting to holding a slot."""

    job: Path
    waiting: Path
    slot: Path | None = None

    def enter(self) -> None:
        """Write down that this process waits for the job."""
        write_json(self.waiting, {**processes.identity(os.getpid()), "job": str(self.job)})

    def take_slot(self) -> bool:
        """Move up if it is this job's turn and a slot is free."""
        if not self.waiting.exists():  # removed by hand, or on another host, or while this one had another name
            self.enter()
        if _waiting(self.waiting.parent)[:1] != [self.waiting]:
            return False
        for number in range(slots(self.waiting.parent)):
            slot = self.waiting.parent / f"slot-{number}"
            if slot in _living(self.waiting.parent, "slot-"):
                continue
            try:
                with open(slot, "x", encoding="utf-8") as file:
                    file.write(self.waiting.read_text(encoding="utf-8"))
            except FileExistsError:
                continue
            self.waiting.unlink()
            self.slot = slot
            return True
        return False

    def leave(self) -> None:
        (self.slot or self.waiting).unlink(missing_ok=True)


def slots(folder: Path) -> int:
    """How many trainings run at a time."""
    try:
        return int(os.environ.get("FTUI_SLOTS") or json.loads((folder / "slots.json").read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return 1


def set_slots(home: Home, number: int) -> None:
    """Let so many trainings run at a time, from 1 to 16; those that run go on."""
    home.queue.mkdir(parents=True, exist_ok=True)
    write_json(home.queue / "slots.json", min(16, max(1, number)))


def enter(job: Job) -> Place:
    """Queue up behind all jobs that were made earlier."""
    folder = job.run.home.queue
    folder.mkdir(parents=True, exist_ok=True)
    place = Place(job.path, folder / f"waiting-{job.card()['created']:020.6f}-{job.run.id}")
    place.enter()
    return place


def waiting(home: Home) -> list[str]:
    """Runs that wait for a slot, the next one first."""
    return [_run(path) for path in _waiting(home.queue)]


def working(home: Home) -> bool:
    """Whether a training holds a slot."""
    return bool(_living(home.queue, "slot-"))


def move(run: Run, place: int) -> None:
    """Let a waiting run be at this place (0: the next one). Does nothing where it waits no more."""
    order = waiting(run.home)
    if run.id not in order:
        return
    order.remove(run.id)
    order.insert(max(0, place), run.id)
    write_json(run.home.queue / "first.json", order)


def _waiting(folder: Path) -> list[Path]:
    first = _first(folder)
    return sorted(_living(folder, "waiting-"), key=lambda p: (first.index(_run(p)) if _run(p) in first else len(first)))


def _run(path: Path) -> str:
    return path.name.split("-", 2)[2]


def _first(folder: Path) -> list[str]:
    try:
        return json.loads((folder / "first.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []


def _living(folder: Path, prefix: str) -> list[Path]:
    """Entries whose process is alive, in order; the others are removed."""
    alive = []
    for path in sorted(folder.glob(f"{prefix}*")):
        try:
            entry = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            continue  # just left
        except ValueError:  # just being written, unless its writer was killed at it
            if time.time() - path.stat().st_mtime < 10:
                continue
            entry = {}
        if processes.alive(entry):
            alive.append(path)
        else:
            path.unlink(missing_ok=True)
    return alive
