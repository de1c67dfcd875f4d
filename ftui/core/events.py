"""What happened: an append-only file of JSON lines for each job, written by the worker, read by everyone.

    {"time": 1795395600.1, "attempt": 1, "type": "state", "state": "running"}
    {..., "type": "log", "level": "info", "key": "loading_model", "params": {...}}     text in core/texts/log.yaml
    {..., "type": "progress", "step": 12, "max_steps": 90, "epoch": 0.4, "examples_per_second": 81.0, "eta": 44.0}
    {..., "type": "metric", "step": 12, "epoch": 0.4, "values": {"loss": 0.61, "learning_rate": 1e-4}}
    {..., "type": "layers", "step": 12, "epoch": 0.4, "learning_rate": {"embeddings": null, "1": 1e-4, "head": 1e-4}, "grad_norm": {...}}
    {..., "type": "trial", "number": 0, "state": "running", "settings": {"training.learning_rate": 1e-4}, "score": 0.8, ...}
    {..., "type": "error", "code": "...", "message": "...", "hint": "...", "details": "..."}

Each line is one write to a file opened for appending, so parent and child may both write. A reader may meet a
half-written last line and leaves it for its next visit; a line broken by a crash is skipped.
"""

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from ftui.core.redaction import redacted

QUEUED, STARTING, RUNNING, STOPPING = "queued", "starting", "running", "stopping"
FINISHED, FAILED, STOPPED, LOST = "finished", "failed", "stopped", "lost"
TERMINAL = {FINISHED, FAILED, STOPPED, LOST}
TRIED = ("complete", "pruned", "failed")  # how a trial of a search can end; else it is running, or was stopped with the job
STATES = {QUEUED, STARTING, RUNNING, STOPPING, *TERMINAL}


@dataclass(frozen=True)
class Writer:
    """Appends the events of one attempt to a job's file."""

    path: Path
    attempt: int

    def write(self, type: str, **fields: object) -> None:
        event = {"time": round(time.time(), 3), "attempt": self.attempt, "type": type, **fields}
        line = redacted(json.dumps(event, ensure_ascii=False, allow_nan=False, default=str)) + "\n"
        with open(self.path, "ab", buffering=0) as file:
            if file.tell() and not _ends_with_newline(self.path):
                line = "\n" + line  # a killed writer left half a line
            file.write(line.encode("utf-8"))

    def state(self, state: str, **fields: object) -> None:
        self.write("state", state=state, **fields)

    def log(self, key: str, level: str = "info", **params: object) -> None:
        self.write("log", level=level, key=key, params=params)

    def progress(self, **fields: object) -> None:
        self.write("progress", **fields)

    def metric(self, step: int, epoch: float, values: dict) -> None:
        finite = {k: v for k, v in values.items() if isinstance(v, (int, float)) and v - v == 0}
        self.write("metric", step=step, epoch=epoch, values=finite)

    def layers(self, step: int, epoch: float, learning_rate: dict[str, float | None], grad_norm: dict[str, float | None]) -> None:
        self.write("layers", step=step, epoch=epoch, learning_rate=learning_rate, grad_norm=grad_norm)

    def error(self, code: str, message: str, hint: str = "", details: str = "", **params: object) -> None:
        self.write("error", code=code, message=message, hint=hint, details=details[-20_000:], params=params)


def _ends_with_newline(path: Path) -> bool:
    with open(path, "rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def read(path: Path, offset: int = 0) -> tuple[list[dict], int]:
    """Whole events after byte `offset`, and the offset to go on from."""
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            data = file.read()
    except FileNotFoundError:
        return [], offset
    end = data.rfind(b"\n") + 1
    events = []
    for line in data[:end].splitlines():
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if _is_sound(event):
            events.append(event)
    return events, offset + end


# What readers rely on in events of each type; what they do not know at all they pass over.
_FIELDS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "state": {"state": str},
    "log": {"key": str, "params": dict},
    "progress": {},
    "metric": {"step": (int, float), "values": dict},
    "layers": {"step": (int, float), "epoch": (int, float), "learning_rate": dict, "grad_norm": dict},
    "trial": {"number": int, "state": str, "settings": dict, "scores": list},
    "error": {"code": str, "message": str},
}


def _is_sound(event: object) -> bool:
    """Whether a line is an event: a half-written or foreign one is to stop no reader."""
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return False
    wanted = {"time": (int, float), "attempt": int, **_FIELDS.get(event["type"], {})}
    sound = all(isinstance(event.get(name), kind) for name, kind in wanted.items())
    return sound and (event["type"] != "state" or event["state"] in STATES)


def last(events: list[dict], type: str) -> dict | None:
    """The newest event of a type, or None."""
    return next((event for event in reversed(events) if event["type"] == type), None)
