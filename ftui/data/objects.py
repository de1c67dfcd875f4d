"""JSON and JSON lines to Arrow batches."""

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa

from ftui.core.errors import UserError
from ftui.data import answers, label_studio, values

BATCH_ROWS = 16_384
BATCH_CHARACTERS = 16_000_000


def batches(objects: Iterable[tuple[dict, int]], name: str) -> Iterator[pa.RecordBatch]:
    """Arrow batches of objects of the file `name`, each with its size in characters; a batch has the columns and types of
    its own rows."""
    part: list[dict] = []
    names: dict[str, None] = {}
    characters = 0
    for record, size in objects:
        part.append(record)
        names |= dict.fromkeys(record)
        values.check_columns(len(names), name)
        characters += size
        full = len(part) >= BATCH_ROWS or len(part) * len(names) >= values.MOST_CELLS
        if full or characters >= BATCH_CHARACTERS:
            yield _batch(part, names)
            part, names, characters = [], {}, 0
    if part:
        yield _batch(part, names)


def _batch(part: list[dict], names: dict[str, None]) -> pa.RecordBatch:
    most = values.MOST_NESTED // max(1, len(names))
    return pa.RecordBatch.from_arrays(
        [values.array([record.get(name) for record in part], most) for name in names], list(names)
    )


def lines(text: Iterable[str], name: str) -> Iterator[tuple[dict, int]]:
    """The objects of a JSON lines file, without blank lines; the first broken line is an error that says its number."""
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        value = _parse(line, name, number)
        if not isinstance(value, dict):
            raise UserError("json_line_not_object", name=name, line=number)
        yield value, len(line)


def document(text: str, name: str) -> Iterator[tuple[dict, int]]:
    """The objects of a JSON document: a list of objects, an object that holds one such list, or columns."""
    rows = _rows(_parse(text, name))
    if rows is None:
        raise UserError("json_shape", name=name)
    if answers.is_squad(rows):
        rows = list(answers.squad(rows))
    elif label_studio.is_tasks(rows):
        rows = list(label_studio.rows(rows))
    return ((row, len(text) // max(1, len(rows))) for row in rows)


def _parse(text: str, name: str, line: int | None = None) -> object:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            "json_broken", name=name, line=line or error.lineno, column=error.colno, problem=error.msg
        ) from None
    except (ValueError, RecursionError) as error:  # a number of 5,000 digits; 10,000 brackets
        raise UserError("json_broken", name=name, line=line or 1, column=1, problem=str(error)[:80]) from None


def _rows(content: object) -> list[dict] | None:
    if _is_rows(content):
        return content
    if not isinstance(content, dict) or not content:
        return None
    inner = [value for value in content.values() if value and _is_rows(value)]
    if len(inner) == 1:
        return inner[0]
    columns = list(content.values())
    if all(isinstance(column, list) for column in columns) and len({len(column) for column in columns}) == 1:
        return [dict(zip(content, row, strict=True)) for row in zip(*columns, strict=True)]
    if all(isinstance(column, dict) for column in columns) and len({tuple(column) for column in columns}) == 1:
        if all(key.isdigit() for key in content):  # pandas, orient="index": {"0": {"text": ...}}
            return columns
        return [{key: content[key][row] for key in content} for row in columns[0]]  # {"text": {"0": ...}}
    return None


def _is_rows(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)
