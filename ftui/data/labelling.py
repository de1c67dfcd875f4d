"""Labels that people give: lines of `labels.jsonl` in a data set's folder, written at each keystroke and never changed.

A line is one act: {"row", "column", "by", "time"} and what was said of the row, either "value" (a label, a list of labels
or of spans) or "skipped"; "undoes" is the number of the line that it takes back.
`column` is the one that is being filled, so that two columns of one file can be labelled. The last act on a row holds.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from pathlib import Path
from threading import RLock

from filelock import FileLock

from ftui.core.errors import UserError

FILE = "labels.jsonl"
LONGEST_NAME = 200
MOST_SPANS = 1000  # of one row
CLAIM = 120.0  # seconds for which a row that somebody is shown is not given to others

Value = str | list[dict] | list[str]


@dataclass(frozen=True)
class Act:
    """One line: `number` counts from 1; without a value the row is open again, or left for later where it was `skipped`."""

    number: int
    row: int
    by: str
    value: Value | None = None
    done: bool = False  # lists: whether the row is ready
    skipped: bool = False
    undoes: int | None = None


@dataclass
class Book:
    """The acts on one column of a data set, as far as its file has been read."""

    folder: Path
    column: str
    acts: dict[int, list[Act]] = field(default_factory=dict)  # of each row, oldest first
    order: list[Act] = field(default_factory=list)
    names: list[str] = field(default_factory=list)  # that were made up by hand
    claims: dict[int, tuple[str, float]] = field(default_factory=dict)  # row -> who is shown it, since when
    _offset: int = 0
    _lines: int = 0
    lock: RLock = field(default_factory=RLock)

    @property
    def path(self) -> Path:
        return self.folder / FILE

    def read(self) -> Book:
        """Take in what has been written since the last time, by anybody."""
        with self.lock:
            if not self.path.exists() or self.path.stat().st_size <= self._offset:
                return self
            with self.path.open("rb") as file:
                file.seek(self._offset)
                content = file.read()
            whole = content[: content.rfind(b"\n") + 1]  # the last line may be half-written
            self._offset += len(whole)
            for line in whole.splitlines():
                self._lines += 1
                self._take(self._lines, line)
        return self

    def _take(self, number: int, line: bytes) -> None:
        try:
            said = json.loads(line)
            if said["column"] != self.column:
                return
            act = Act(number, said["row"], said["by"], said.get("value"), bool(said.get("done")), bool(said.get("skipped")), said.get("undoes"))
        except (ValueError, KeyError, TypeError):
            return  # spoilt: the others still hold
        self.acts.setdefault(act.row, []).append(act)
        self.order.append(act)
        for part in [act.value] if isinstance(act.value, str) else act.value or []:
            self._name(part if isinstance(part, str) else part["label"])

    def _name(self, name: str) -> None:
        if name not in self.names:
            self.names.append(name)

    # ---- what holds

    def last(self, row: int) -> Act | None:
        """The act that holds for a row."""
        return self.acts[row][-1] if row in self.acts else None

    def is_done(self, row: int) -> bool:
        """Whether a row has its label, or its labels or spans and the word that they are all."""
        act = self.last(row)
        return act is not None and act.value is not None and (isinstance(act.value, str) or act.done)

    def values(self) -> dict[int, Value]:
        """What has been said of each row that is ready."""
        return {row: acts[-1].value for row, acts in self.acts.items() if self.is_done(row)}  # type: ignore[misc]

    def is_over(self, row: int, by: str, seen: int) -> bool:
        """Whether this person has dealt with the row since their page saw it: a second key at once, or another tab, is late."""
        act = self.last(row)
        return act is not None and act.by == by and act.number != seen and (self.is_done(row) or act.skipped)

    def version(self, row: int) -> int:
        """Number of the last line on a row, 0 where there is none: what a page has seen of it."""
        act = self.last(row)
        return act.number if act else 0

    # ---- acts

    def say(self, row: int, by: str, seen: int, **said: object) -> Act | None:
        """Write an act down at once. `seen`: the row's version on the page of who acts; where somebody else has changed the
        row since, nothing is written and their act comes back."""
        with self.lock, FileLock(self.folder / ".labels.lock"):
            self.read()
            last = self.last(row)
            if last is not None and last.number != seen and last.by != by:
                return last
            self._write({"row": row, "column": self.column, "by": by, "time": round(time.time(), 3), **said})
        return None

    def _write(self, line: dict) -> None:
        cut = self.path.exists() and self.path.stat().st_size > self._offset  # half a line: the disk was full, or its writer killed
        with self.path.open("ab") as file:
            file.write((b"\n" if cut else b"") + json.dumps(line, ensure_ascii=False).encode() + b"\n")
            file.flush()
        self.read()

    def undo(self, by: str) -> int | None:
        """Take back the last act of this person that still holds; the row it was on, None where there is none."""
        self.read()
        taken = {act.undoes for act in self.order}
        for act in reversed(self.order):
            if act.by != by or act.undoes is not None or act.number in taken:
                continue
            last = self.acts[act.row][-1]
            *earlier, held = (other for other in self.acts[act.row] if other.undoes is None and other.number not in taken)
            if held is not act or last.by != by:
                return None  # others have gone on from it
            before = earlier[-1] if earlier else None
            said = {"value": before.value, "done": before.done, "skipped": before.skipped} if before else {}
            kept = {k: v for k, v in said.items() if v or k == "value" and v == []}
            return act.row if self.say(act.row, by, last.number, undoes=act.number, **kept) is None else None
        return None

    def before(self, by: str, row: int) -> int | None:
        """The row on which this person worked before this one; the last one where they have not been on it."""
        rows = list(dict.fromkeys(act.row for act in reversed(self.order) if act.by == by and act.undoes is None))
        at = rows.index(row) + 1 if row in rows else 0
        return rows[at] if at < len(rows) else None

    # ---- who is on which row

    def next(self, rows: list[int], by: str, after: int | None = None) -> int | None:
        """The first of these rows that is not ready and nobody else is on, and claims it; those that were skipped come last.
        `after`: a row that is not given again where there is another."""
        now = time.monotonic()
        with self.lock:
            taken = {row for row, (who, since) in self.claims.items() if who != by and now - since < CLAIM}
            later: list[int] = []
            chosen = None
            for row in rows:
                act = self.last(row)
                if row in taken or self.is_done(row):
                    continue
                if row == after or act is not None and act.skipped:
                    later.append(row)
                    continue
                chosen = row
                break
            if chosen is None and later:
                later.sort(key=lambda row: (row == after, self.version(row)))
                chosen = later[0]
            self.claim(chosen, by)
        return chosen

    def claim(self, row: int | None, by: str) -> None:
        """Say that this person is on a row, and on no other."""
        self.claims = {r: c for r, c in self.claims.items() if c[0] != by}
        if row is not None:
            self.claims[row] = (by, time.monotonic())


def checked(name: str) -> str:
    """A label's name on one line. Raises UserError for an empty or an endless one."""
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise UserError("label_name", most=LONGEST_NAME)
    return name


def checked_labels(names: list[str]) -> list[str]:
    """Names of labels, each once and in order. Raises UserError."""
    return list(dict.fromkeys(map(checked, names)))


def checked_spans(spans: list[dict], length: int) -> list[dict]:
    """Spans in order, inside of a text of this length and without overlap. Raises UserError."""
    made = sorted(({"start": int(s["start"]), "end": int(s["end"]), "label": checked(str(s["label"]))} for s in spans), key=lambda s: s["start"])
    ends = [0, *(span["end"] for span in made)]
    if len(made) > MOST_SPANS or any(not end <= s["start"] < s["end"] <= length for s, end in zip(made, ends, strict=False)):
        raise UserError("spans_unfit")
    return made


_books: dict[tuple[Path, str], Book] = {}
_lock = RLock()


def book(folder: Path, column: str) -> Book:
    """The acts on a column of the data set in this folder, up to now. One for all pages of this process."""
    with _lock:
        known = _books.get((folder, column))
        if known is None or known._offset and not known.path.exists():  # the data set is gone and came anew
            known = _books[folder, column] = Book(folder, column)
    return known.read()
