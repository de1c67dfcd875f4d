"""Answers inside of a text: SQuAD's files and whatever else names them, as lists of {"start", "text"}."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence

import pyarrow as pa

from ftui.core.errors import UserError

TYPE = pa.list_(pa.struct([("start", pa.int64()), ("text", pa.string())]))


def squad(articles: list[dict]) -> Iterator[dict]:
    """{"id", "title", "context", "question", "answers": [{"start", "text"}]} for each question of SQuAD's "data"."""
    for article in articles:
        for paragraph in article["paragraphs"]:
            for asked in paragraph.get("qas", []):
                found = [] if asked.get("is_impossible") else asked.get("answers") or []
                yield {
                    "id": str(asked.get("id", "")),
                    "title": str(article.get("title", "")),
                    "context": paragraph["context"],
                    "question": asked["question"],
                    "answers": [{"start": int(a["answer_start"]), "text": a["text"]} for a in found],
                }


def is_squad(rows: list[dict]) -> bool:
    """Whether these are articles of a SQuAD file."""
    first = rows[0].get("paragraphs") if rows else None
    return isinstance(first, list) and bool(first) and isinstance(first[0], dict) and {"context", "qas"} <= set(first[0])


def from_cells(contexts: Sequence[str | None], cells: pa.ChunkedArray, column: str) -> tuple[pa.Array, dict[str, int]]:
    """(answers, what had to be mended) of cells with SQuAD's {"text": [...], "answer_start": [...]}, a list of answers, or
    the answer's words alone; as values, or as JSON in a text. An empty cell is a question without an answer.

    Words are looked for where they are said to be, else anywhere in the context; answers that are nowhere are left out
    and counted.
    """
    found = []
    mended: Counter[str] = Counter()
    for row, (context, cell) in enumerate(zip(contexts, cells.to_pylist(), strict=True), 1):
        said = named(cell)
        if said is None:
            raise UserError("answers_unreadable", column=column, row=row, got=str(cell)[:80])
        kept = []
        for text, start in said:
            at = start if start is not None and (context or "").startswith(text, start) else (context or "").find(text)
            if at < 0:
                mended["answers_missing"] += 1
                continue
            mended["answers_moved"] += start is not None and at != start
            kept.append({"start": at, "text": text})
        found.append(kept if kept or not said else None)  # a question whose answer is lost is no question without one
    return pa.array(found, TYPE), dict(mended)


def named(cell: object) -> list[tuple[str, int | None]] | None:
    """[(words, where they are said to start)] of a cell; None where it is nothing of the kind.

    >>> named({"text": ["Paris"], "answer_start": [4]}), named('["Paris"]'), named("Paris"), named("")
    ([('Paris', 4)], [('Paris', None)], [('Paris', None)], [])
    """
    if isinstance(cell, str) and cell.strip()[:1] in ("[", "{"):
        try:
            cell = json.loads(cell)
        except (ValueError, RecursionError):
            pass
    if cell is None or cell == "" or isinstance(cell, str) and not cell.strip():
        return []
    if isinstance(cell, str):
        return [(cell.strip(), None)]
    if isinstance(cell, dict):
        texts, starts = cell.get("text"), cell.get("answer_start", cell.get("start"))
        if isinstance(texts, str):
            texts, starts = [texts], [starts]
        if not isinstance(texts, list):
            return None
        starts = starts if isinstance(starts, list) else [None] * len(texts)
        return [(str(text), _number(start)) for text, start in zip(texts, starts, strict=False) if text]
    if isinstance(cell, list):
        inner = [named(item) for item in cell]
        return None if None in inner else [pair for pairs in inner for pair in pairs or []]
    return None


def _number(value: object) -> int | None:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0 else None
