"""Rows of cells to Arrow batches: which row is the header, how wide the table is, what to do with ragged rows."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain, islice
from statistics import median

import pyarrow as pa

from ftui.data import roles, values

BATCH_ROWS = 16_384
BATCH_CHARACTERS = 16_000_000
SAMPLE_ROWS = 200


@dataclass
class Report:
    """What had to be done to read a file. A note is a code of `errors_data.yaml` and what fills its blanks."""

    skipped_rows: int = 0
    notes: dict[str, dict] = field(default_factory=dict)

    def skip(self, row: int) -> None:
        """A row that does not fit was left out; `row` counts the file's records from 1, the header among them."""
        self.skipped_rows += 1
        first = self.notes.get("note_skipped_rows", {}).get("first", row)
        self.notes["note_skipped_rows"] = {"count": self.skipped_rows, "first": first}

    def count(self, code: str) -> None:
        """One more of what this note tells."""
        self.notes[code] = {"count": self.notes.get(code, {}).get("count", 0) + 1}


@dataclass(frozen=True)
class Header:
    """Column names, and how many rows at the beginning are no data: the header, and a title above it."""

    names: list[str]
    rows: int


def batches(rows: Iterable[list], report: Report, name: str, texts: bool, prose: bool = False) -> Iterator[pa.RecordBatch]:
    """Arrow batches of rows of cells (None or "" where empty) of the file `name`. `texts`: all cells are strings.
    `prose`: the file has no columns at all, so that only a well-known name in its first line is a header.

    Short rows are filled with nulls; of longer rows empty cells at the end are cut off, other rows are left out and
    counted: what is too much cannot be told from what belongs there. Rows without any value are passed over.
    """
    rows = iter(rows)
    sample = list(islice(rows, SAMPLE_ROWS + 1))
    if not sample:
        return
    found = header(sample, name, prose)
    if not found.rows and not prose:
        report.notes["note_no_header"] = {}
    body = _even(chain(sample[found.rows :], rows), len(found.names), found.rows + 1, report)
    for part in _parts(body, texts):
        columns = [[None if value == "" else value for value in column] for column in zip(*part, strict=True)]
        arrays = [pa.array(column, pa.string()) if texts else values.array(column) for column in columns]
        yield pa.RecordBatch.from_arrays(arrays, found.names)


def _even(rows: Iterable[list], width: int, first: int, report: Report) -> Iterator[list]:
    """The rows that have any value, all of the same width; `first` is the number of the first one."""
    for number, row in enumerate(rows, first):
        if len(row) < width:
            row = [*row, *[""] * (width - len(row))]
        elif len(row) > width:
            if any(cell not in (None, "") for cell in row[width:]):
                report.skip(number)
                continue
            row = row[:width]
        if any(row) or any(cell not in (None, "") for cell in row):  # the first is quick, the second sees 0 and False
            yield row


def _parts(rows: Iterable[list], texts: bool) -> Iterator[list[list]]:
    """Lists of at most BATCH_ROWS rows, values.MOST_CELLS cells and about BATCH_CHARACTERS characters."""
    part: list[list] = []
    characters = 0
    for row in rows:
        part.append(row)
        characters += sum(map(len, row if texts else (cell for cell in row if isinstance(cell, str))))
        full = len(part) >= BATCH_ROWS or len(part) * len(row) >= values.MOST_CELLS
        if full or characters >= BATCH_CHARACTERS:
            yield part
            part, characters = [], 0
    if part:
        yield part


def header(sample: list[list], name: str, prose: bool = False) -> Header:
    """The column names: the first of these rows, or column_1, column_2 ... if it is a row of data like the others."""
    rows = [_trimmed(row) for row in sample]
    usual = Counter(len(row) for row in rows if row).most_common(1)
    usual = usual[0][0] if usual else 0
    titles = 0
    while usual > 1 and len(rows[titles]) < 2 and titles + 1 < len(rows):
        titles += 1
    first, body = rows[titles], rows[titles + 1 :]
    width = max(len(first), usual)
    values.check_columns(width, name)
    if not (roles.is_name(first[0] if first else "") if prose else _is_header(first, body)):
        return Header(values.unique_names([""] * width), titles)
    if width == len(sample[titles]) + 1 and _are_row_names(body, width):
        first = ["", *first]
    return Header(values.unique_names(first + [""] * (width - len(first))), titles + 1)


def _are_row_names(body: list[list[str]], width: int) -> bool:
    """Whether the first column has no name because it holds those of the rows, as R writes them."""
    names = [row[0] for row in body if len(row) == width]
    return len(names) > 0.9 * len(body) and len(set(names)) == len(names)


def _trimmed(row: list) -> list[str]:
    """Cells as texts, without empty ones at the end."""
    cells = [(values.text_of(cell) or "").strip() for cell in row]
    return cells[: max((i for i, cell in enumerate(cells, 1) if cell), default=0)]


def _is_header(first: list[str], body: list[list[str]]) -> bool:
    """Whether a row names the columns of those below: the evidence of all columns added up, yes where there is none."""
    columns = [[row[i] for row in body if i < len(row) and row[i]] for i in range(len(first))]
    return sum(_evidence(name, column) for name, column in zip(first, columns, strict=True)) >= 0


def _evidence(name: str, column: list[str]) -> float:
    """How much `name` looks like a name (> 0) or like one more value (< 0) of the column below it."""
    counts = Counter(column)
    if counts[name]:
        return -5.0 if len(counts) <= 0.5 * len(column) else -3.0
    if roles.is_name(name):
        return 5.0
    if not column or not name:
        return 0.0
    kinds = Counter(map(values.kind, column))
    usual, count = kinds.most_common(1)[0]
    if count >= 0.9 * len(column) and usual != "text":
        return 2.0 if values.kind(name) != usual else -2.0
    if values.kind(name) != "text":
        return 0.5
    length = median(map(len, column))
    if length > 12:
        return 1.0 if 3 * len(name) < length else -1.0
    return 0.0
