"""Entities as spans of characters: what tags of tokens, cells of JSON and files of Label Studio come down to.

A span is {"start", "end", "label"}: characters of its row's text, `end` excluded. The spans of a row are sorted and do
not overlap.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence

import pyarrow as pa

from ftui.core.errors import UserError

TYPE = pa.list_(pa.struct([("start", pa.int64()), ("end", pa.int64()), ("label", pa.string())]))

_TAG = re.compile(r"(?P<place>[BIOMESUL])[-_](?P<label>.+)|(?P<label_first>.+)[-_](?P<place_last>[BIES])")
_CJK = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\uff00-\uff60]")
_OPENS, _CLOSES = ("B", "S", "U"), ("E", "S", "U", "L")


def of_tags(tags: Sequence[str]) -> tuple[list[tuple[int, int, str]], int]:
    """([(first token, token after the last, label)], how many tags had to be mended) of one row's tags.

    BIO, IOB, BIOES, BMES, BILOU and plain labels are understood as they come. A continuation that continues nothing
    starts an entity of its own, as seqeval and conlleval read it.

    >>> of_tags(["B-PER", "I-PER", "O", "I-LOC", "S-ORG", "LOC"])
    ([(0, 2, 'PER'), (3, 4, 'LOC'), (4, 5, 'ORG'), (5, 6, 'LOC')], 1)
    """
    found: list[list] = []
    mended = 0
    open_ = False  # whether the last entity may go on
    for number, tag in enumerate(tags):
        place, label = split_tag(tag)
        if label is None:
            open_ = False
            continue
        goes_on = open_ and place not in _OPENS and found[-1][2] == label
        if goes_on:
            found[-1][1] = number + 1
        else:
            mended += place in ("I", "M", "E", "L")
            found.append([number, number + 1, label])
        open_ = place not in _CLOSES
    return [(first, after, label) for first, after, label in found], mended


def split_tag(tag: str | None) -> tuple[str, str | None]:
    """(place, label) of a tag; ("O", None) outside. A tag without a place goes on for as long as it is repeated.

    >>> split_tag("B-PER"), split_tag("E_组织"), split_tag("O"), split_tag("LOC")
    (('B', 'PER'), ('E', '组织'), ('O', None), ('', 'LOC'))
    """
    tag = (tag or "").strip()
    if tag in ("", "O", "o", "0", "_"):
        return "O", None
    found = _TAG.fullmatch(tag)
    if not found:
        return "", tag
    return found["place"] or found["place_last"], found["label"] or found["label_first"]


def join(tokens: Sequence[str]) -> tuple[str, list[tuple[int, int]]]:
    """(text, where each token stands in it): a blank between tokens unless one side of it is written without.

    >>> join(["Tim", "住", "在", "New", "York", "。"])
    ('Tim住在New York。', [(0, 3), (3, 4), (4, 5), (5, 8), (9, 13), (13, 14)])
    """
    text, places = "", []
    for token in tokens:
        if text and token and not _CJK.match(text[-1]) and not _CJK.match(token[0]):
            text += " "
        places.append((len(text), len(text) + len(token)))
        text += token
    return text, places


def from_tags(tokens: pa.ChunkedArray, tags: pa.ChunkedArray, column: str) -> tuple[pa.Array, pa.Array, dict[str, int]]:
    """(texts, spans, what had to be mended) of columns of tokens and tags: lists, or cells with blanks between.

    Raises UserError where a row has more of the one than of the other, or where tags are numbers without names.
    """
    texts, spans = [], []
    mended: Counter[str] = Counter()
    for row, (words, row_tags) in enumerate(zip(tokens.to_pylist(), tags.to_pylist(), strict=True), 1):
        words, row_tags = listed(words), listed(row_tags)
        if len(words) != len(row_tags):
            raise UserError("tags_do_not_fit", row=row, tokens=len(words), tags=len(row_tags))
        if any(tag.isdecimal() and tag != "0" for tag in row_tags):
            raise UserError("tags_are_numbers", column=column)
        text, places = join(words)
        named, wrong = of_tags(row_tags)
        mended["mended_tags"] += wrong
        texts.append(text or None)
        spans.append([{"start": places[a][0], "end": places[b - 1][1], "label": label} for a, b, label in named])
    return pa.array(texts, pa.string()), pa.array(spans, TYPE), dict(mended)


def listed(value: object) -> list[str]:
    """A cell as a list of texts: a list, JSON, or words with blanks between."""
    if value is None:
        return []
    if isinstance(value, str):
        parsed = _json(value)
        value = parsed if isinstance(parsed, list) else value.split()
    return [str(item) for item in value]


def from_cells(texts: Sequence[str | None], cells: pa.ChunkedArray, column: str) -> tuple[pa.Array, dict[str, int]]:
    """(spans, what had to be mended) of cells with a list of entities: {"start", "end", "label"}, [start, end, label], or
    Label Studio's and doccano's results; as values, or as JSON in a text. An empty cell is a row without entities.

    Entities that lie outside their text or overlap an earlier one are left out and counted.
    """
    found = []
    mended: Counter[str] = Counter()
    for row, (text, cell) in enumerate(zip(texts, cells.to_pylist(), strict=True), 1):
        marked = entities(cell)
        if marked is None:
            raise UserError("spans_unreadable", column=column, row=row, got=str(cell)[:80])
        kept: list[dict] = []
        for span in sorted(marked, key=lambda s: (s["start"], -s["end"])):
            if not 0 <= span["start"] < span["end"] <= len(text or ""):
                mended["spans_outside"] += 1
            elif kept and span["start"] < kept[-1]["end"]:
                mended["spans_overlap"] += 1
            else:
                kept.append(span)
        found.append(kept)
    return pa.array(found, TYPE), dict(mended)


def entities(cell: object) -> list[dict] | None:
    """The spans that a cell names; None where it is nothing of the kind."""
    if isinstance(cell, str):
        cell = _json(cell) if cell.strip() else []
        if cell is None:
            return None
    if cell is None or cell == []:
        return []
    if isinstance(cell, dict):  # {"entities": [...]}, or one span alone
        inner = next((cell[name] for name in ("entities", "spans", "result", "label") if isinstance(cell.get(name), list)), None)
        cell = inner if inner is not None else [cell]
    if not isinstance(cell, list):
        return None
    found = [_entity(item) for item in cell]
    return None if None in found else found  # type: ignore[return-value]


def _entity(item: object) -> dict | None:
    if isinstance(item, dict):
        item = {**item, **item["value"]} if isinstance(item.get("value"), dict) else item  # Label Studio
        start, end, label = (_first(item, names) for names in _KEYS)
    elif isinstance(item, (list, tuple)) and len(item) == 3:
        start, end, label = item
    else:
        return None
    label = label[0] if isinstance(label, list) and label else label
    if isinstance(start, bool) or not isinstance(start, (int, float)) or not isinstance(end, (int, float)) or not label:
        return None
    return {"start": int(start), "end": int(end), "label": str(label).strip()}


_KEYS = (
    ("start", "start_offset", "begin", "start_idx"),
    ("end", "end_offset", "stop", "end_idx"),
    ("label", "labels", "entity", "entity_group", "type", "tag"),
)


def _first(item: dict, names: tuple[str, ...]) -> object:
    return next((item[name] for name in names if item.get(name) is not None), None)


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def tags(spans: Sequence[dict], places: Sequence[tuple[int, int]]) -> list[str]:
    """BIO tags of tokens that stand at these places of the text; a token belongs to the first span that it touches. Where
    the tokens begin inside of a span (a window of a long text) they continue it.

    >>> tags([{"start": 3, "end": 8, "label": "LOC"}], [(0, 2), (3, 6), (6, 8), (9, 10)])
    ['O', 'B-LOC', 'I-LOC', 'O']
    """
    found, at, before, begun = [], 0, -1, False
    for start, end in places:
        while at < len(spans) and spans[at]["end"] <= start:
            at += 1
        inside = at < len(spans) and start < end and end > spans[at]["start"]
        goes_on = at == before or not begun and inside and start > spans[at]["start"]
        found.append(("I-" if goes_on else "B-") + spans[at]["label"] if inside else "O")
        before = at if inside else before
        begun = begun or start < end
    return found
