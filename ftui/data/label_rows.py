"""What is labelled by hand: the rows of a data set that wait for it, what stands in them, and the version made of them."""

from __future__ import annotations

import functools
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftui.core.errors import UserError
from ftui.core.home import Home, write_json
from ftui.data import (
    annotating,
    cleaning,
    forms,
    inspecting,
    intake,
    label_studio,
    labelling,
    several,
    similar,
    spans,
    values,
)
from ftui.data.labelling import Value
from ftui.data.splitting import label_text

ONE, SEVERAL, SPANS = "label", "labels", "spans"  # what is said of a row: roles of the tasks that can be labelled by hand
LOOKED_AT = 1000  # rows whose spans say which labels there are


@dataclass(frozen=True)
class Subject:
    """A data set as it is labelled. `columns`: role -> column, as far as there are some; `column`: the one that is filled,
    perhaps a new one; `kind`: what it holds, ONE, SEVERAL or SPANS."""

    table: pa.Table
    columns: dict[str, str]
    column: str
    kind: str

    @property
    def inputs(self) -> list[str]:
        """The columns that a person reads."""
        return [self.columns[role] for role in ("text", "tokens", "text_pair") if role in self.columns]

    @property
    def sources(self) -> list[str]:
        """The columns of the file that say it, in whatever form."""
        named = self.columns.get("ner_tags") or self.column
        found = forms.names("flags", self.columns["flags"]) if "flags" in self.columns else [named]
        return [name for name in found if name in self.table.column_names]

    def texts(self, row: int) -> list[str]:
        """What a person reads of one row."""
        part, found = self.table.slice(row, 1), []
        for name in self.inputs:
            cell = part.column(name)[0].as_py()
            found.append(spans.join(spans.listed(cell))[0] if name == self.columns.get("tokens") else values.text_of(cell) or "")
        return found

    def given(self, row: int) -> Value | None:
        """What the file says of a row: a label, labels or spans; None where it says nothing, or nothing that can be read."""
        if self.kind == SEVERAL:
            return self._several[row]
        if not self.sources:
            return None
        part = self.table.slice(row, 1)
        cell = part.column(self.sources[0])[0].as_py()
        if self.kind == ONE:
            return label_text(values.text_of(cell) if isinstance(cell, (list, dict)) else cell)
        if cell is None or cell == "":
            return None
        try:
            return forms.read(("text", "spans"), part, self.columns)[0]["spans"].to_pylist()[0]
        except UserError:
            return None

    @functools.cached_property
    def _several(self) -> list[list[str] | None]:
        """The labels of every row; None where the file says nothing."""
        nothing: list[list[str] | None] = [None] * self.table.num_rows
        if not self.sources:
            return nothing
        try:
            if "flags" in self.columns:
                found = several.flags({name: self.table.column(name) for name in self.sources}).to_pylist()
            else:
                found = several.labels(self.table.column(self.sources[0])).to_pylist()
        except UserError:
            return nothing
        return [labels if there else None for labels, there in zip(found, _filled(self, *self.sources).tolist(), strict=True)]

    def names(self) -> list[str]:
        """Labels that the file has, the most frequent first; of columns for each label these."""
        if self.kind == SEVERAL:
            flags = self.sources if "flags" in self.columns else []
            return flags or [name for name, _ in Counter(name for labels in self._several for name in labels or []).most_common()]
        if self.kind == ONE:
            return [name for name, _ in inspecting.label_counts(self.table, self.column)] if self.column in self.table.column_names else []
        rows = np.setdiff1d(everything(self), waiting(self))
        some = np.random.default_rng(0).choice(rows, min(len(rows), LOOKED_AT), replace=False).tolist()
        found = [span["label"] for row in some for span in self.given(row) or []]
        return sorted(set(found), key=lambda name: (-found.count(name), name))


def subject(folder: Path, columns: dict[str, str], kind: str = ONE) -> Subject | None:
    """What can be labelled of a data set that is read so; None where nobody knows which column is the text."""
    table = intake.open_dataset(folder).table()
    columns = {role: column for role, column in columns.items() if set(forms.names(role, column)) <= set(table.column_names)}
    if not {"text", "tokens"} & set(columns):
        return None
    return Subject(table, columns, columns.get(kind) or values.unique_names([*table.column_names, kind])[-1], kind)


# ---- which rows


def waiting(what: Subject) -> np.ndarray:
    """Numbers of the rows that have a text and neither labels nor spans."""
    return np.flatnonzero(_filled(what, what.inputs[0]) & ~_filled(what, *what.sources))


def everything(what: Subject) -> np.ndarray:
    """Numbers of all rows that have a text."""
    return np.flatnonzero(_filled(what, what.inputs[0]))


def contradictory(what: Subject) -> np.ndarray:
    """Numbers of the rows whose text stands elsewhere with another label, those that belong together side by side."""
    if what.kind != ONE or what.column not in what.table.column_names:
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(_filled(what, what.inputs[0]) & _filled(what, what.column))
    columns = [values.strings(what.table.column(name).combine_chunks()).take(pa.array(rows)).to_pylist() for name in what.inputs]
    keys = similar.keys([" ".join(cells) for cells in zip(*columns, strict=True)])
    labels = [label_text(value) or "" for value in what.table.column(what.column).take(pa.array(rows)).to_pylist()]
    both = np.flatnonzero(cleaning.contradicted(keys, labels))
    return rows[np.array(sorted(both, key=lambda i: keys[i]), np.int64)]


def _filled(what: Subject, *columns: str) -> np.ndarray:
    """(N,) whether one of these cells has something in it."""
    filled = np.zeros(what.table.num_rows, bool)
    for column in columns:
        found = [np.zeros(0, bool)]
        for chunk in what.table.column(column).chunks:
            if pa.types.is_string(chunk.type):
                there = pc.greater(pc.binary_length(pc.utf8_trim_whitespace(chunk)), 0)
            else:
                there = pc.invert(pc.is_null(chunk, nan_is_null=pa.types.is_floating(chunk.type)))
            found.append(there.fill_null(False).to_numpy(zero_copy_only=False))
        filled |= np.concatenate(found)
    return filled


# ---- what comes of it


def labelled(what: Subject, said: dict[int, Value]) -> tuple[pa.Table, dict[str, str]]:
    """(the table with what was said in its column, role -> column). Rows that nobody has labelled keep what they have; of
    lists they are left out where they have nothing: an empty list says that no label applies, that there is nothing to find."""
    if what.kind != ONE:
        return _listed(what, said)
    count = what.table.num_rows
    before = what.table.column(what.column).to_pylist() if what.column in what.table.column_names else [None] * count
    column = pa.array([said.get(row, label_text(values.text_of(b) if isinstance(b, (list, dict)) else b)) for row, b in enumerate(before)], pa.string())
    table = _set(what.table, what.column, column)
    return table, {role: name for role, name in what.columns.items() if role != "label"} | {"label": what.column}


def _listed(what: Subject, said: dict[int, Value]) -> tuple[pa.Table, dict[str, str]]:
    rows = sorted({*said, *np.setdiff1d(everything(what), waiting(what)).tolist()})
    found = [said[row] if row in said else what.given(row) or [] for row in rows]
    table = what.table.take(pa.array(rows, pa.int64()))
    columns = {role: column for role, column in what.columns.items() if role in ("text", "text_pair")}
    if "tokens" in what.columns:  # spans are places of a text; the words and tags would say something else then
        texts = [what.texts(row)[0] for row in rows]
        table = table.drop_columns([what.columns[role] for role in ("tokens", "ner_tags") if role in what.columns])
        table, columns = _set(table, "text", pa.array(texts, pa.string())), {"text": "text"}
    if "flags" in what.columns:
        table = table.drop_columns(what.sources)
    type_ = spans.TYPE if what.kind == SPANS else several.LABELS
    return _set(table, what.column, pa.array(found, type_)), columns | {what.kind: what.column}


def _set(table: pa.Table, name: str, column: pa.Array) -> pa.Table:
    made = pa.chunked_array([column])
    return table.set_column(table.column_names.index(name), name, made) if name in table.column_names else table.append_column(name, made)


def finish(folder: Path, what: Subject, home: Home, progress: Callable[[int], None] | None = None) -> tuple[intake.Dataset, dict[str, str]]:
    """(the new version of the data set, role -> column), with all that has been said so far; the old one stays. The same
    labels give the same version. Raises UserError where nothing has been labelled."""
    said = labelling.book(folder, what.column).values()
    if not said:
        raise UserError("nothing_labelled")
    old = intake.open_dataset(folder).card()
    table, columns = labelled(what, said)
    with tempfile.TemporaryDirectory(prefix="ftui-") as place:
        path = Path(place) / "labelled.jsonl"
        annotating.write(table, path, "jsonl")
        stem = old["name"].removesuffix(".gz").rpartition(".")[0] or old["name"]
        made = intake.import_file(path, home, f"{stem.removesuffix('-labelled')}-labelled.jsonl", progress)
    write_json(made.path / "card.json", {**made.card(), "made_from": {"dataset": old["id"], "labelled": len(said)}})
    return made, columns


FORMATS = ("csv", "jsonl", "label-studio")


def export(folder: Path, what: Subject, format: str, path: Path) -> None:
    """All that is labelled, by hand or in the file, as one of FORMATS; Label Studio also gets the rows that wait."""
    said = labelling.book(folder, what.column).values()
    if format == "label-studio":
        label_studio.write(path, _tasks(what, said), what.kind == SPANS)
        return
    table, _ = labelled(what, said)
    if what.kind == ONE:
        table = table.filter(table.column(what.column).is_valid())
    annotating.write(table, path, format)


def _tasks(what: Subject, said: dict[int, Value]):
    for row in everything(what).tolist():
        names = ["text" if "tokens" in what.columns else name for name in what.inputs]
        yield row + 1, dict(zip(names, what.texts(row), strict=True)), said.get(row, what.given(row))
