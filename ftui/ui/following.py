"""Following a job's events for as long as somebody watches. A file is read once by this process, whoever watches; then only what is new."""

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path

from ftui.core import events as ev
from ftui.core.home import Job

LINES = 2000  # log lines that a page can show; the file keeps them all
KEPT = 32  # jobs whose events are remembered


@dataclass
class Following:
    """What the events of one job have said so far. `lines_seen` and `points_seen` count, so that pages can tell what is new to them."""

    offset: int = 0
    attempt: int = 1
    lines: deque = field(default_factory=lambda: deque(maxlen=LINES))
    metrics: list = field(default_factory=list)
    progress: dict | None = None
    error: dict | None = None
    started: float | None = None
    ended: float | None = None
    lines_seen: int = 0
    points_seen: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, path: Path) -> None:
        """Take in what has been written since the last time."""
        with self.lock:
            events, self.offset = ev.read(path, self.offset)
            for event in events:
                self._take(event)

    def curves(self) -> dict[str, list[tuple[float, float]]]:
        """{metric: [(step, value)]}"""
        with self.lock:
            return ev.curves(self.metrics)

    def shown_lines(self, levels: set[str]) -> list[dict]:
        """Log and error events of these levels, oldest first."""
        with self.lock:
            return [line for line in self.lines if line.get("level", "error") in levels]

    def _take(self, event: dict) -> None:
        if event["attempt"] > self.attempt:  # a new attempt starts without the last one's end
            self.attempt, self.progress, self.error, self.ended = event["attempt"], None, None, None
        kind = event["type"]
        if kind == "state":
            self.started = self.started or event["time"]
            self.ended = event["time"] if event["state"] in ev.TERMINAL else None
        elif kind == "progress":
            self.progress = event
        elif kind == "metric":
            self.metrics.append(event)
            self.points_seen += 1
        elif kind in ("log", "error"):
            self.lines.append(event)
            self.lines_seen += 1
            if kind == "error":
                self.error = event


_followed: OrderedDict[Path, Following] = OrderedDict()
_lock = threading.Lock()


def follow(job: Job) -> Following:
    """All that is known of a job by now."""
    with _lock:
        following = _followed.pop(job.path, None) or Following()
        _followed[job.path] = following
        while len(_followed) > KEPT:
            _followed.popitem(last=False)
    following.read(job.events)
    return following
