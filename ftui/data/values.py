"""Values: as text, as typed Arrow arrays, and what kind of thing a text is."""

import datetime
import json
import re
from collections.abc import Iterable

import pyarrow as pa

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


def array(values: list) -> pa.Array:
    """Arrow values of the type that all share; texts where they share none."""
    try:
        return pa.array(values)
    except _MIXED:
        return pa.array([text_of(value) for value in values], pa.string())


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
