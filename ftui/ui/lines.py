"""The lines of a training's log as a reader wants them: of one level, with some words in them, in one language.

A file is read once for each such wish; then only what is new in it. Pages ask for what comes after the lines they have.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from dataclasses import dataclass, field
from pathlib import Path

from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import told_by
from ftui.core.home import Job
from ftui.ui import charts

LEVELS = {"all": {"info", "point", "warning", "error"}, "warnings": {"warning", "error"}, "errors": {"error"}}
KEPT = 1000  # newest lines that a page gets; searching looks at all of them, and the download has them all
READERS = 32


@dataclass
class Lines:
    """What matches, numbered from 0 in the order of writing; `count` of them so far, the newest kept."""

    lang: str
    level: str = "all"
    find: str = ""
    offset: int = 0
    count: int = 0
    newest: deque = field(default_factory=lambda: deque(maxlen=KEPT))
    lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, path: Path) -> None:
        """Take in what has been written since the last time."""
        wanted = LEVELS[self.level]
        with self.lock:
            events, self.offset = ev.read(path, self.offset)
            for event in events:
                level = level_of(event)
                if level not in wanted:
                    continue
                said = sentence(event, self.lang)
                if said and self.find in said.casefold():
                    self.newest.append((event["time"], level, said))
                    self.count += 1

    def after(self, number: int) -> tuple[int, list[tuple[float, str, str]]]:
        """(number of the first, lines): all from `number` on that are kept, each time, level and sentence."""
        with self.lock:
            first = max(number if number <= self.count else 0, self.count - len(self.newest))
            return first, list(self.newest)[first - self.count + len(self.newest) :]


_readers: OrderedDict[tuple, Lines] = OrderedDict()
_lock = threading.Lock()


def lines(job: Job, lang: str, level: str = "all", find: str = "") -> Lines:
    """The lines of a job by now. `level` is one of LEVELS, `find` words that a line must have, in any case."""
    key = (job.path, lang, level, find.strip().casefold())
    size = job.events.stat().st_size if job.events.exists() else 0
    with _lock:
        found = _readers.pop(key, None)
        if found is None or found.offset > size:  # the file is another one
            found = Lines(lang, level, key[3])
        _readers[key] = found
        while len(_readers) > READERS:
            _readers.popitem(last=False)
    found.read(job.events)
    return found


def level_of(event: dict) -> str:
    """The level of an event's line: info, point (a measured one), warning, error; "" for what is no line."""
    kind = event["type"]
    if kind == "log":
        return event.get("level", "info")
    return {"error": "error", "state": "info", "metric": "point"}.get(kind, "")


def _in_words(params: dict, lang: str) -> dict:
    """A line's values with metrics and cleaning steps as the pages call them: events name them as recipes do."""
    told = dict(params)
    if isinstance(told.get("metric"), str):
        told["metric"] = charts.metric_name(told["metric"], lang)
    if isinstance(told.get("metrics"), str):  # "f1_macro 0.5123, loss 0.6"
        pairs = (part.rpartition(" ") for part in told["metrics"].split(", "))
        told["metrics"] = ", ".join(f"{charts.metric_name(name, lang)} {value}" for name, _, value in pairs)
    if told.get("step") in languages.catalogue("steps"):
        told["step"] = languages.step(told["step"], lang)[0]
    return told


def sentence(event: dict, lang: str) -> str:
    """An event in the reader's language, "" where its line would say nothing new."""
    kind = event["type"]
    if kind == "error":
        return told_by(event, lang)[0]
    if kind == "metric":
        shown = {k: v for k, v in event["values"].items() if not k.startswith("validation_")}  # those have a line of words
        values = ", ".join(f"{charts.metric_name(name.removeprefix('test_'), lang)} {v:.4g}" for name, v in shown.items())
        key = "test_line" if any(name.startswith("test_") for name in shown) else "point_line"
        return languages.text(key, lang, step=event["step"], values=values) if shown else ""
    try:
        if kind == "state":
            return f"[{languages.log('state_' + event['state'], lang)}]"
        return languages.log(event["key"], lang, **_in_words(event.get("params", {}), lang))
    except (KeyError, IndexError):  # written by another version
        return f"{event.get('key') or event.get('state')} {event.get('params', '')}"
