"""Values: as text, as typed Arrow arrays, and what kind of thing a text is."""

import datetime
import json
import re
from collections.abc import Iterable

import pyarrow as pa

from ftui.core.errors import UserError

MOST_COLUMNS = 2000
MOST_CELLS = 2_000_000  # in one batch, those among them that stand nowhere in the file
MOST_NESTED = 40_000_000  # the same within nested columns
_FEW_LEAVES = 8  # so few keys fill little, and need not be counted

_MIXED = (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError, UnicodeEncodeError)

_NUMBER = r"[-+]?(\d[\d,]*\.?\d*|\.\d+)([eE][-+]?\d+)?%?"
_DATE = (
    r"\d{4}([-/.年]\d{1,2}){1,2}[月日]?(\d{1,2}日?)?([ T].*)?|\d{1,2}[/.]\d{1,2}[/.]\d{2,4}( .*)?|\d\d?:\d\d(:\d\d)?"
)
_LINK = r"(https?://|www\.|ftp://)\S+|\S+@\S+\.\w+"
_CODE = r"(?=\S*\d)[A-Za-z0-9][A-Za-z0-9_./:-]*"
_KINDS = [(n, re.compile(p)) for n, p in (("number", _NUMBER), ("date", _DATE), ("link", _LINK), ("code", _CODE))]


def kind(text: str) -> str:
    """What a short text is: number, date, link, code (letters and digits without spaces), or text.

    >>> kind("3.5"), kind("2024年3月1日"), kind("https://example.org/a"), kind("user_0042"), kind("很好")
    ('number', 'date', 'link', 'code', 'text')
    """
    if len(text) > 200:
        return "text"
    return next((name for name, pattern in _KINDS if pattern.fullmatch(text.strip())), "text")


def text_of(value: object) -> str | None:
    """A value of any type as a text: true, 12, 0.5, 2024-01-31, JSON for what is nested; None stays None."""
    if value is None:
        return None
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")  # lone surrogates
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return text_of(json.dumps(value, ensure_ascii=False, default=text_of))
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, datetime.datetime):
        return str(value.date() if value.time() == datetime.time() else value)
    return str(value)


def array(values: list, most: int = MOST_NESTED) -> pa.Array:
    """Arrow values of the type that all share; texts where they share none, or where nested objects have so many
    different keys that a table of all of them would hold more than `most` cells."""
    try:
        if not _is_sparse(values, most):
            return pa.array(values)
    except _MIXED:
        pass
    return pa.array([text_of(value) for value in values], pa.string())


def _is_sparse(values: list, most: int) -> bool:
    first = next((value for value in values if value is not None), None)
    if not isinstance(first, (dict, list)):
        return False
    leaves = _leaves(pa.infer_type(values))
    return leaves > _FEW_LEAVES and leaves * (len(values) + _objects(values)) > most


def _leaves(kind: pa.DataType) -> int:
    return sum(_leaves(kind.field(i).type) for i in range(kind.num_fields)) or 1


def _objects(value: object) -> int:
    """How many objects there are within lists and objects."""
    if isinstance(value, list):
        return sum(map(_objects, value))
    return 1 + sum(map(_objects, value.values())) if isinstance(value, dict) else 0


def plain(column: pa.Array) -> pa.Array:
    """Dictionaries as their values, large and viewed strings as strings, columns without any value as strings."""
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    odd = pa.types.is_large_string(kind) or pa.types.is_string_view(kind) or pa.types.is_null(kind)
    return column.cast(pa.string()) if odd else column


def strings(column: pa.Array) -> pa.Array:
    """The column with its values as texts."""
    if pa.types.is_string(column.type):
        return column
    return pa.array([text_of(value) for value in column.to_pylist()], pa.string())


def common_schema(a: pa.Schema | None, b: pa.Schema) -> pa.Schema:
    """The columns of both, in order of appearance, each with a type that can hold all: string where no other can."""
    types = {column.name: column.type for column in a or []}
    for column in b:
        types[column.name] = _common_type(types[column.name], column.type) if column.name in types else column.type
    return pa.schema(list(types.items()))


def _common_type(a: pa.DataType, b: pa.DataType) -> pa.DataType:
    if a == b:
        return a
    try:
        pair = [pa.schema([("x", a)]), pa.schema([("x", b)])]
        return pa.unify_schemas(pair, promote_options="permissive").field(0).type
    except pa.ArrowTypeError:
        return pa.string()


def settled(schema: pa.Schema) -> pa.Schema:
    """Columns that never had a value become strings."""
    return pa.schema([(c.name, pa.string() if pa.types.is_null(c.type) else c.type) for c in schema])


def fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """The batch with the columns and types of `schema`, which `common_schema` made of its own and others."""
    if batch.schema.equals(schema):
        return batch
    columns = []
    for wanted in schema:
        index = batch.schema.get_field_index(wanted.name)
        columns.append(pa.nulls(len(batch), wanted.type) if index < 0 else _cast(batch.column(index), wanted.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _cast(column: pa.Array, wanted: pa.DataType) -> pa.Array:
    if column.type == wanted:
        return column
    if pa.types.is_string(wanted):
        return strings(column)
    if pa.types.is_nested(wanted):
        return pa.array(column.to_pylist(), wanted)
    return column.cast(wanted, safe=False)


def check_columns(count: int, name: str) -> None:
    """Raise UserError for a file with more columns than any table of texts has."""
    if count > MOST_COLUMNS:
        raise UserError("too_many_columns", name=name, most=MOST_COLUMNS)


def unique_names(names: Iterable[object]) -> list[str]:
    """Column names: blanks become column_1, column_2 ..., a repeated name gets _2, _3 ...

    >>> unique_names(["text", "", "text", None])
    ['text', 'column_2', 'text_2', 'column_4']
    """
    found: dict[str, int] = {}  # each name, and the number up to which it has been given out
    for number, name in enumerate(names, 1):
        base = " ".join((text_of(name) or "").replace("\x00", " ").split()) or f"column_{number}"
        unique = base
        while unique in found:
            found[base] += 1
            unique = f"{base}_{found[base]}"
        found[unique] = 1
    return list(found)
