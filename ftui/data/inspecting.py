"""What a page shows of a table, and what its columns seem to be."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ftui.data import forms, roles, values
from ftui.data.splitting import label_text

SAMPLE = 4000
SENTENCE = 12  # characters: values that are longer on average are no names of users, dates or ids
BINS = 30
_CUT = 50_000  # characters of one text that are tokenised; the rest is reckoned from them


@dataclass(frozen=True)
class Column:
    """What the rows of a sample say about one column."""

    name: str
    filled: int  # rows that have a value
    share: float  # of the rows that have one
    distinct: int
    length: float  # mean number of characters
    kind: str  # of nine tenths of the values: number, date, link, code, else text


def guess(table: pa.Table, task: str | None = None) -> dict:
    """The task (unless it is said), and for each of its roles the column that fits best; a role for which none fits is
    left out. Where texts are all there is, a model can get to know their field."""
    special = forms.recognise(table) if task is None else None
    if special and special["task"] not in forms.YIELDING:
        return special
    wanted = next((roles for roles, name in forms.TASKS.items() if name == task), None)
    if task and wanted:
        return {"task": task, "columns": forms.suggest(forms.choose(wanted, table, {}), table)}
    looked_at, _ = sample(table, SAMPLE)
    columns = [_look(name, looked_at.column(name)) for name in looked_at.column_names]
    columns = [column for column in columns if column is not None]
    found = {}
    label = _best(columns, _label_score)
    if special and not _labelled_besides(special["columns"], label):
        return special
    text = _best([column for column in columns if column.name != label], _text_score)
    if text and (task == forms.PLAIN or (task is None and table.column_names == [text])):
        return {"task": forms.PLAIN, "columns": {"text": text}}
    if text:
        found["text"] = text
    if label:
        found["label"] = label
    pair = roles.pair(table.column_names)
    if pair and label not in pair and {column.name for column in columns if column.kind == "text"} >= set(pair):
        found["text"], found["text_pair"] = pair
    return {"task": "text-classification", "columns": found}


def _labelled_besides(special: dict[str, str], label: str | None) -> bool:
    """Whether a file has a column of labels besides the columns that were recognised."""
    if label is None or label in special.values():
        return False
    return roles.strength(label, roles.LABEL) == 3 or label not in forms.names("flags", special.get("flags", ""))


def _best(columns: list[Column], score) -> str | None:
    scored = [(score(column), -i, column.name) for i, column in enumerate(columns)]
    best = max(scored, default=(0.0, 0, None))
    return best[2] if best[0] > 0 else None


def _look(name: str, column: pa.ChunkedArray) -> Column | None:
    """None where there is nothing to learn from: no values, or nested ones."""
    if pa.types.is_nested(column.type) or pa.types.is_binary(column.type):
        return None
    found = [text for text in map(label_text, column.to_pylist()) if text is not None]
    if not found:
        return None
    kind, number = Counter(map(values.kind, found)).most_common(1)[0]
    length = sum(map(len, found)) / len(found)
    kind = kind if number >= 0.9 * len(found) else "text"
    return Column(name, len(found), len(found) / len(column), len(set(found)), length, kind)


def _text_score(column: Column) -> float:
    hint = roles.strength(column.name, roles.TEXT)
    neither = roles.is_neither(column.name) and not hint
    if column.kind != "text" or (neither and column.length < SENTENCE):
        return 0.0
    varied = column.distinct / column.filled
    if not hint and (varied < 0.1 or column.length < 3):
        return 0.0
    return (hint + min(column.length, 60) / 60 + varied) * column.share * (0.5 if neither else 1)  # 用户说了啥: sentences all the same


def _label_score(column: Column) -> float:
    hint = roles.strength(column.name, roles.LABEL)
    if hint == 3.0:
        return 4.0
    neither = roles.is_neither(column.name)
    if column.kind in ("date", "link") or neither and not hint:
        return 0.0
    if column.filled > 3 and column.distinct > max(0.5 * column.filled, 2) or column.length > 60:
        return 0.0
    if hint:
        return 0.4 * hint if neither else hint + 1 / column.distinct  # 用户情感, Class Index: labels, where nothing else is
    few = column.distinct >= 2 and column.distinct <= min(0.2 * column.filled + 1, 200)
    if not few or column.length > 30 or (column.kind == "number" and column.distinct > 10):
        return 0.0
    return 0.5 + 0.5 / column.distinct


def sample(table: pa.Table, count: int, seed: int = 0) -> tuple[pa.Table, np.ndarray]:
    """So many rows, drawn at random and in their order, and their numbers; all where there are fewer."""
    if len(table) <= count:
        return table, np.arange(len(table))
    numbers = np.sort(np.random.default_rng(seed).choice(len(table), count, replace=False))
    return pick(table, numbers), numbers


def pick(table: pa.Table, numbers: np.ndarray) -> pa.Table:
    """Rows by their sorted numbers, batch by batch: a memory-mapped table is not gathered whole."""
    parts, start = [], 0
    for batch in table.to_batches():
        low, high = np.searchsorted(numbers, (start, start + len(batch)))
        if high > low:
            parts.append(batch.take(pa.array(numbers[low:high] - start)))
        start += len(batch)
    return pa.Table.from_batches(parts, table.schema)


def label_counts(table: pa.Table, column: str) -> list[tuple[str, int]]:
    """Labels and how many rows have them, most frequent first; rows without a label are left out."""
    counts: Counter[str] = Counter()
    for value, count in _value_counts(table.column(column)):
        label = label_text(value)
        if label is not None:
            counts[label] += count
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _value_counts(column: pa.ChunkedArray) -> list[tuple[object, int]]:
    if pa.types.is_nested(column.type):
        return list(Counter(map(values.text_of, column.to_pylist())).items())
    counted = pc.value_counts(column)
    return list(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))


def missing(table: pa.Table, column: str) -> int:
    """Number of rows whose value is null, NaN, or blank."""
    return sum(_missing(chunk) for chunk in table.column(column).chunks)


def _missing(chunk: pa.Array) -> int:
    if pa.types.is_string(chunk.type):
        blank = pc.equal(pc.binary_length(pc.utf8_trim_whitespace(chunk)), 0)
        return chunk.null_count + (pc.sum(blank).as_py() or 0)
    return pc.sum(pc.is_null(chunk, nan_is_null=pa.types.is_floating(chunk.type))).as_py() or 0


def lengths(table: pa.Table, column: str, tokenizer_json: Path | None) -> dict:
    """How long the texts of a column are, in tokens of this tokenizer, else in characters.

    Beyond 4,000 rows a random sample is measured. `edges` are evenly spaced, one more than `counts`; the last bin also
    holds all that is longer (`max` says how long).
    """
    values_ = sample(table.select([column]), SAMPLE)[0].column(0).to_pylist()
    texts = [text for text in map(values.text_of, values_) if text and text.strip()]
    found = tokens(texts, tokenizer_json) if tokenizer_json else np.array([len(text) for text in texts], np.int64)
    edges, counts = _histogram(found)
    p50, p95 = (int(np.ceil(np.percentile(found, q))) for q in (50, 95)) if len(found) else (0, 0)
    return {
        "unit": "tokens" if tokenizer_json else "characters",
        "edges": edges, "counts": counts, "p50": p50, "p95": p95, "max": int(found.max(initial=0)),
        "rows": len(found), "sampled": len(table) > SAMPLE,
    }  # fmt: skip


def tokens(texts: list[str], tokenizer_json: Path) -> np.ndarray:
    """Numbers of tokens, [CLS] and [SEP] among them."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_json))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    counts = [len(encoded.ids) for encoded in tokenizer.encode_batch_fast([text[:_CUT] for text in texts])]
    scale = [max(1.0, len(text) / _CUT) for text in texts]
    return np.array([round(count * s) for count, s in zip(counts, scale, strict=True)], np.int64)


def _histogram(found: np.ndarray) -> tuple[list[int], list[int]]:
    """About 30 bins of whole numbers. A few very long texts do not press all others into one bin."""
    if not len(found):
        return [0, 1], [0]
    low = int(found.min())
    top = min(int(found.max()), int(3 * np.percentile(found, 95)))
    width = max(1, -(-(top - low + 1) // BINS))
    edges = np.arange(low, top + width + 1, width)
    counts, _ = np.histogram(np.minimum(found, edges[-1] - 1), edges)
    return edges.tolist(), counts.tolist()


def rows(table: pa.Table, start: int, count: int, search: str = "") -> tuple[list[str], list[list], int]:
    """Column names; `count` rows from `start` on, of those that contain `search` in any cell (upper and lower case
    alike); and how many these are in all. Nested values are shown as JSON, dates as text."""
    if not search.strip():
        found, total = table.slice(start, count), len(table)
    else:
        matches = _matches(table, search.strip())
        found, total = pick(table, matches[start : start + count]), len(matches)
    columns = [[_shown(value) for value in column.to_pylist()] for column in found.columns]
    return table.column_names, [list(row) for row in zip(*columns, strict=True)], total


def _matches(table: pa.Table, search: str) -> np.ndarray:
    """Numbers of the rows that contain a text."""
    found, start = [], 0
    for batch in table.to_batches():
        mask = np.zeros(len(batch), bool)
        for column in batch.columns:
            hit = pc.match_substring(values.strings(column), search, ignore_case=True)
            mask |= hit.fill_null(False).to_numpy(zero_copy_only=False)
        found.append(np.flatnonzero(mask) + start)
        start += len(batch)
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _shown(value: object) -> object:
    if isinstance(value, float) and value != value:
        return None
    return value if isinstance(value, (str, bool, int, float)) else values.text_of(value)
