"""A file in, a table out: every column that the file has, and beside them what a model says to each row."""

from __future__ import annotations

import csv
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.data import forms, inspecting, intake, values

FORMATS = ("csv", "tsv", "xlsx", "jsonl")
BATCH = 64  # texts that are asked about at a time
MOST_EXCEL = 1_048_575  # rows of a sheet below its header
_NOT_IN_EXCEL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")


@contextmanager
def opened(path: Path, name: str | None = None, progress: intake.Progress | None = None) -> Iterator[tuple[pa.Table, dict]]:
    """(table, card) of a file of any format and encoding, read as a data set is, and forgotten afterwards. The card
    says format, encoding and what was noted while reading. `progress` is told the rows so far. Raises UserError."""
    with tempfile.TemporaryDirectory(prefix="ftui-") as folder:
        dataset = intake.import_file(path, Home(Path(folder)), name, progress)
        yield dataset.table(), dataset.card()


def named(columns: list[str], inputs: tuple[str, ...]) -> dict[str, str]:
    """{input: column} of what a command line says: INPUT=COLUMN, or the columns alone, in the order of the inputs.

    >>> named(["context=Text", "question=Frage"], ("question", "context")), named(["a=b"], ("text",))
    ({'context': 'Text', 'question': 'Frage'}, {'text': 'a=b'})
    """
    pairs = [column.partition("=") for column in columns]
    if all(role in inputs for role, _, _ in pairs):
        return {role: column for role, _, column in pairs}
    return dict(zip(inputs, columns, strict=False))


def find_columns(table: pa.Table, inputs: tuple[str, ...], wanted: dict[str, str], learned: dict[str, str], name: str) -> dict[str, str]:
    """A column for each input: the `wanted` one, else the one of the name that the model has `learned` from, else the
    one that is called or looks like it. Raises UserError."""
    there = ", ".join(table.column_names)
    found: dict[str, str] = {}
    for role in inputs:
        column = wanted.get(role)
        if column and column not in table.column_names:
            raise UserError("column_missing", name=name, column=column, columns=there)
        free = [other for other in table.column_names if other not in (*found.values(), *wanted.values())]
        column = column or next((other for other in (learned.get(role), role) if other in free), None)
        column = column or _looks_like(table.select(free), role) or (free[0] if len(free) == 1 else None)
        if column is None:
            raise UserError("column_not_guessed", name=name, role=role, columns=there)
        found[role] = column
    return found


def _looks_like(table: pa.Table, role: str) -> str | None:
    return forms.called(table, role) or inspecting.guess(table, "text-classification")["columns"].get("text")


def annotate(
    table: pa.Table, columns: dict[str, str], ask: Callable[[list[dict]], list[dict]], cell: Callable[[dict], tuple], at_once: int = BATCH
) -> Iterator[tuple[int, pa.Table | None]]:
    """Yields (rows done, None) after each `at_once`, and at the end (rows, the table with columns prediction and
    confidence, as the task's `cell` gives them). `columns` (input -> column) are handed to `ask` as dictionaries. Rows
    that lack one of them are not asked about; their prediction is empty. A column of the file that bears such a name
    keeps it; ours is prediction_2 then."""
    texts = {role: [values.text_of(value) or "" for value in table.column(column).to_pylist()] for role, column in columns.items()}
    rows = [dict(zip(texts, row, strict=True)) for row in zip(*texts.values(), strict=True)]
    told: list[tuple] = [(None, None)] * len(rows)
    asked = [i for i, row in enumerate(rows) if all(text.strip() for text in row.values())]
    for start in range(0, len(asked), at_once):
        chosen = asked[start : start + at_once]
        for i, answer in zip(chosen, ask([rows[i] for i in chosen]), strict=True):
            told[i] = cell(answer)
        yield chosen[-1] + 1, None
    columns = {"prediction": pa.array([p for p, _ in told], pa.string()), "confidence": pa.array([c for _, c in told], pa.float64())}
    for name, column_of in zip(values.unique_names([*table.column_names, *columns])[-2:], columns.values(), strict=True):
        table = table.append_column(name, column_of)
    yield len(rows), table


def write(table: pa.Table, path: Path, format: str) -> None:
    """The table as one of FORMATS. CSV begins with a byte order mark, so that Excel reads Chinese rightly."""
    if format == "jsonl":
        with path.open("w", encoding="utf-8") as file:
            for row in _rows(table):
                file.write(json.dumps(dict(zip(table.column_names, row, strict=True)), ensure_ascii=False, default=values.text_of) + "\n")
    elif format == "xlsx":
        _write_excel(table, path)
    else:
        with path.open("w", encoding="utf-8-sig" if format == "csv" else "utf-8", newline="") as file:
            writer = csv.writer(file, delimiter="," if format == "csv" else "\t", lineterminator="\n")
            writer.writerow(table.column_names)
            writer.writerows([values.text_of(value) for value in row] for row in _rows(table))


def _rows(table: pa.Table) -> Iterator[tuple]:
    """The rows; NaN, which pandas writes for no value and JSON does not know, is none."""
    for batch in table.to_batches(max_chunksize=4096):
        yield from zip(*([None if value != value else value for value in column.to_pylist()] for column in batch.columns), strict=True)


def _write_excel(table: pa.Table, path: Path) -> None:
    """One sheet. Texts stay texts: what begins with = is no formula."""
    import openpyxl
    from openpyxl.cell import WriteOnlyCell

    if table.num_rows > MOST_EXCEL:
        raise UserError("too_long_for_excel", rows=table.num_rows, most=MOST_EXCEL)
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet("predictions")

    def cell(value: object):
        if value is None or isinstance(value, (bool, int, float)):
            return value
        made = WriteOnlyCell(sheet, _NOT_IN_EXCEL.sub("", values.text_of(value) or "")[:32_767])
        made.data_type = "s"
        return made

    for row in itertools.chain([table.column_names], _rows(table)):
        sheet.append([cell(value) for value in row])
    book.save(path)


def format_of(path: Path, otherwise: str) -> str:
    """The format that a file's name asks for."""
    ending = path.suffix.lower().lstrip(".")
    if ending and ending not in FORMATS:
        raise UserError("output_format", name=path.name, known=", ".join("." + f for f in FORMATS))
    return ending or otherwise
