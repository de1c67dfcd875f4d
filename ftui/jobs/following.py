"""Following a job's events. A process reads a file once, whoever asks; from then on only what is new in it."""

from __future__ import annotations

import bisect
import math
import threading
from array import array
from collections import OrderedDict
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ftui.core import events as ev
from ftui.core.home import Job

if TYPE_CHECKING:
    import numpy as np

KEPT = 64  # jobs whose events are remembered


@dataclass
class Series:
    """One metric over the steps, in their order."""

    steps: array = field(default_factory=lambda: array("d"))
    values: array = field(default_factory=lambda: array("d"))

    def put(self, step: float, value: float) -> None:
        """Add a point, or replace the one at this step."""
        if not self.steps or step > self.steps[-1]:
            self.steps.append(step)
            self.values.append(value)
            return
        at = bisect.bisect_left(self.steps, step)
        if self.steps[at] == step:
            self.values[at] = value
        else:
            self.steps.insert(at, step)
            self.values.insert(at, value)

    def cut(self, step: float) -> None:
        """Forget everything from this step on."""
        at = bisect.bisect_left(self.steps, step)
        del self.steps[at:], self.values[at:]


@dataclass
class Following:
    """What the events of one job have said so far.

    `attempt` is the newest one; `state`, `progress`, `error` and `ended` are its own. `values` has the newest value of
    each metric, `worked` the seconds that attempts before the present stretch of work have taken (see `seconds`).
    `trials` has the newest event of each trial of a search, by number. `points_seen` counts, so that a page can tell whether something is new to it.
    """

    offset: int = 0
    attempt: int = 1
    state: str | None = None
    progress: dict | None = None
    error: dict | None = None
    ended: float | None = None
    newest: float | None = None
    values: dict[str, float] = field(default_factory=dict)
    trials: dict[int, dict] = field(default_factory=dict)
    points_seen: int = 0
    worked: float = 0.0
    _since: float | None = None
    _series: dict[str, Series] = field(default_factory=dict)
    _layers: dict[tuple[str, str], Series] = field(default_factory=dict)  # what is measured, and of which layer
    _measured: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, path: Path) -> None:
        """Take in what has been written since the last time."""
        with self._lock:
            events, self.offset = ev.read(path, self.offset)
            for event in events:
                self._take(event)

    def curves(self) -> dict[str, np.ndarray]:
        """{metric: points of shape (n, 2), each step and value}. After a resume steps may appear twice: the last
        attempt's stay."""
        import numpy as np

        with self._lock:
            return {name: np.array([line.steps, line.values]).T for name, line in self._series.items() if line.steps}

    def layers(self) -> dict | None:
        """{"names" (from the bottom to the top), "epochs": (N,), "learning_rate": (L, N), "grad_norm": (L, N)}, NaN where a layer
        is frozen; None where nothing is known of layers."""
        import numpy as np

        with self._lock:
            if not self._layers:
                return None
            names = [name for kind, name in self._layers if kind == "learning_rate"]
            tables = {kind: np.array([self._layers[kind, name].values for name in names]) for kind in ("learning_rate", "grad_norm")}
            return {"names": names, "epochs": np.array(self._layers["epoch", ""].values), **tables}

    def seconds(self, now: float) -> float:
        """Seconds of work so far, over all attempts; waiting in the queue is none. `now` counts while it works."""
        return self.worked + (max(0.0, now - self._since) if self._since is not None else 0.0)

    def _take(self, event: dict) -> None:
        if event["attempt"] > self.attempt:  # a new attempt starts without the last one's end
            self._pause()
            self.attempt, self.state, self.progress, self.error, self.ended = event["attempt"], None, None, None, None
            self.trials = {number: told for number, told in self.trials.items() if told["state"] in ev.TRIED}
        self.newest = event["time"]
        kind = event["type"]
        if kind == "state":
            self.state = event["state"]
            self.ended = event["time"] if self.state in ev.TERMINAL else None
            if self.ended is not None:
                self._pause()
            elif self.state != ev.QUEUED and self._since is None:
                self._since = event["time"]
        elif kind == "progress":
            self.progress = event
        elif kind == "metric":
            self._measure(event)
        elif kind == "layers":
            self._look(event)
        elif kind == "trial":
            self.trials[event["number"]] = event
            self.points_seen += 1
        elif kind == "error":
            self.error = event

    def _measure(self, event: dict) -> None:
        self._begin(event)
        for name, value in event["values"].items():
            self._series.setdefault(name, Series()).put(event["step"], value)
        self.values |= event["values"]
        self.points_seen += 1

    def _look(self, event: dict) -> None:
        self._begin(event)
        self._layers.setdefault(("epoch", ""), Series()).put(event["step"], event["epoch"])
        for kind in ("learning_rate", "grad_norm"):
            for name in event["learning_rate"]:
                value = event[kind].get(name)
                self._layers.setdefault((kind, name), Series()).put(event["step"], math.nan if value is None else value)

    def _begin(self, event: dict) -> None:
        """What a new attempt does again is forgotten, also steps not yet reached."""
        if event["attempt"] > self._measured:
            self._measured = event["attempt"]
            for line in (*self._series.values(), *self._layers.values()):
                line.cut(event["step"])

    def _pause(self) -> None:
        """A stretch of work has ended, at the newest event."""
        if self._since is not None and self.newest is not None:
            self.worked += max(0.0, self.newest - self._since)
        self._since = None


_followed: OrderedDict[Path, Following] = OrderedDict()
_lock = threading.Lock()


def follow(job: Job) -> Following:
    """All that is known of a job by now."""
    with _lock:
        following = _followed.pop(job.path, None)
        if following is None or following.offset > _size(job.events):  # the file is another one
            following = Following()
        _followed[job.path] = following
        while len(_followed) > KEPT:
            _followed.popitem(last=False)
    following.read(job.events)
    return following


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
