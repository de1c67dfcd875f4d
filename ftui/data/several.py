"""Columns with several labels for a row, and columns of numbers, as files have them."""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Sequence

import pyarrow as pa

from ftui.core.errors import UserError
from ftui.data.splitting import label_text

LABELS = pa.list_(pa.string())
SEPARATORS = ("|", ";；", "、", ",，", "\n")  # the first of them that a column has anywhere stands between its labels
_YES = {"1", "1.0", "true", "yes", "y", "t", "是", "对", "有"}
_NO = {"0", "0.0", "false", "no", "n", "f", "否", "错", "无", ""}
_GROUPED = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")


def labels(column: pa.ChunkedArray) -> pa.Array:
    """Lists of labels, each once and in its order: of lists, of JSON or Python lists in a text, or of a text with one of
    SEPARATORS between. An empty cell is a row to which no label applies."""
    cells = column.to_pylist()
    separator = separator_of(cells)
    return pa.array([list(dict.fromkeys(_split(cell, separator))) for cell in cells], LABELS)


def separator_of(cells: Sequence[object]) -> str:
    """The characters that stand between the labels of a column; none where each cell is one label or a list.

    >>> separator_of(["a, b|c", "d"]), separator_of(["a；b", None]), separator_of(["a", '["b", "c"]'])
    ('|', ';；', '')
    """
    texts = [cell for cell in cells if isinstance(cell, str) and _listed(cell) is None]
    return next((signs for signs in SEPARATORS if any(sign in text for text in texts for sign in signs)), "")


def _split(cell: object, separator: str) -> list[str]:
    if isinstance(cell, str):
        found = _listed(cell)
        parts: list = found if found is not None else re.split(f"[{re.escape(separator)}]", cell) if separator else [cell]
    else:
        parts = cell if isinstance(cell, list) else [cell]
    return [name for part in parts if (name := label_text(part)) is not None]


def _listed(cell: str) -> list | None:
    """A list that is written out in a text, as JSON or as Python prints it."""
    text = cell.strip()
    if not (text.startswith("[") and text.endswith("]")):
        return None
    for read in (json.loads, ast.literal_eval):
        try:
            found = read(text)
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        return found if isinstance(found, list) else None
    return None


def flags(columns: dict[str, pa.ChunkedArray]) -> pa.Array:
    """Lists of labels of columns that each say of one label whether it applies. Raises UserError for other values."""
    found: list[list[str]] = [[] for _ in range(len(next(iter(columns.values()))))]
    for name, column in columns.items():
        for row, value in enumerate(column.to_pylist()):
            said = flag(value)
            if said is None:
                raise UserError("no_flag", column=name, row=row + 1, got=str(value)[:40])
            if said:
                found[row].append(name)
    return pa.array(found, LABELS)


def flag(value: object) -> bool | None:
    """Whether a cell says that something applies; None where it says something else.

    >>> flag(1), flag("否"), flag(None), flag("3")
    (True, False, False, None)
    """
    text = "" if value is None else str(value).strip().lower()
    return True if text in _YES else False if text in _NO else None


def numbers(column: pa.ChunkedArray, name: str) -> pa.Array:
    """Numbers, null where a cell has none. Raises UserError where most cells that say something say no number."""
    cells = column.to_pylist()
    found = [number(cell) for cell in cells]
    wrong = [cell for cell, value in zip(cells, found, strict=True) if value is None and cell is not None and str(cell).strip()]
    if 2 * len(wrong) > len(cells):
        raise UserError("no_numbers", column=name, example=str(wrong[0])[:40])
    return pa.array(found, pa.float64())


def number(cell: object) -> float | None:
    """The number that a cell says; a thousand may be written 1,000 and a share 12%.

    >>> number("1,234.5"), number(" 12 % "), number("0,5"), number("n/a"), number(True), number("nan")
    (1234.5, 0.12, 0.5, None, None, None)
    """
    if isinstance(cell, bool) or cell is None:
        return None
    text = str(cell).strip().replace("％", "%").replace("−", "-")
    share = text.endswith("%")
    text = text.removesuffix("%").strip()
    text = text.replace(",", "") if _GROUPED.fullmatch(text) else text.replace(",", ".") if text.count(",") == 1 else text
    try:
        value = float(text)
    except ValueError:
        return None
    return (value / 100 if share else value) if math.isfinite(value) else None
