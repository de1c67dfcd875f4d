"""What the tasks have in common that read a text, or a text and another one beside it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

ROLES = ("text", "text_pair")
SLICE = 5000
HANZI = r"\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uac00-\ud7af"
PIECES = re.compile(rf"[{HANZI}]|(?:(?![{HANZI}])[^\W_])+")  # hanzi singly, else words


def encode(table: pa.Table, tokenizer: Any, max_length: int) -> dict[str, pa.ChunkedArray]:
    """input_ids, attention_mask (and token_type_ids where the model has them) of each row; no padding yet. Of two texts the
    longer one is cut first. SLICE rows at a time, for as lists of Python they take ten times the memory of the columns."""
    import pyarrow as pa

    given, made = [table[role] for role in there(table)], {}
    for start in range(0, len(table), SLICE):
        some = (column.slice(start, SLICE).to_pylist() for column in given)
        for name, rows in tokenizer(*some, truncation=True, max_length=max_length).items():
            made.setdefault(name, []).append(pa.array(rows, pa.list_(pa.int32() if name == "input_ids" else pa.int8())))
    return {name: pa.chunked_array(parts) for name, parts in made.items()}


def there(table: pa.Table) -> list[str]:
    """Which of ROLES the rows have."""
    return [role for role in ROLES if role in table.column_names]


def together(table: pa.Table) -> list[str]:
    """One text for each row."""
    return list(map("\n".join, zip(*(table[role].to_pylist() for role in there(table)), strict=True)))


def columns(table: pa.Table) -> dict[str, list]:
    """The first columns of predictions.parquet: row, and the texts."""
    return {name: table[name].to_pylist() for name in ("row", *there(table))}


def collator(tokenizer: Any) -> Any:
    """Pads each batch to its own longest text."""
    from transformers import DataCollatorWithPadding

    return DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)
