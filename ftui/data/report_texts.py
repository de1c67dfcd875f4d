"""Findings about the texts themselves: damage, markup, addresses, width, language, length."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ftui.data import characters, mojibake, patterns

if TYPE_CHECKING:
    from ftui.data.report import Finding, Sheet

MOST_TOKENISED = 10_000
TOKENISED_AT_ONCE = 1000
_HAN = ((0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF))
_SCRIPTS = {  # Japanese has hanzi as well, so its own letters count more; a Latin word is worth about as much as a hanzi
    "han": (_HAN, 1),
    "kana": (((0x3040, 0x30FF),), 4),
    "hangul": (((0xAC00, 0xD7AF),), 1),
    "cyrillic": (((0x0400, 0x04FF),), 1),
    "arabic": (((0x0600, 0x06FF),), 1),
    "latin": (((0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x24F)), 0.25),
}


def _finding(kind: str, level: str, rows: np.ndarray, cure: str | None = None, **params: object) -> Finding:
    from ftui.data.report import Finding

    return Finding(kind, level, len(rows), rows, params, {"name": cure} if cure else None)


def damaged(sheet: Sheet) -> Iterator[Finding]:
    mendable = [mojibake.mend(text) != text for text in sheet.texts]
    yield _finding("mojibake", "warn", sheet.matching(np.array(mendable, bool)), "fix_mojibake")
    yield _finding("lost_characters", "warn", sheet.matching(map(mojibake.is_lost, sheet.texts)))


def markup(sheet: Sheet) -> Iterator[Finding]:
    yield _finding("markup", "warn", sheet.matching(map(patterns.has_markup, sheet.texts)), "strip_html")


def addresses(sheet: Sheet) -> Iterator[Finding]:
    for kind, pattern, may in (
        ("urls", patterns.URL, lambda text: "://" in text or "www." in text.lower()),
        ("emails", patterns.EMAIL, lambda text: "@" in text),
        ("phones", patterns.PHONE, patterns.MANY_DIGITS.search),
    ):
        rows = sheet.matching(bool(may(text)) and pattern.search(text) is not None for text in sheet.texts)
        yield _finding(kind, "info", rows, f"mask_{kind}")


def white_space(sheet: Sheet) -> Iterator[Finding]:
    odd = re.compile(f"{patterns.SPACES.pattern}|{patterns.INVISIBLE.pattern}")
    rows = sheet.matching(text != text.strip() or odd.search(text) is not None for text in sheet.texts)
    yield _finding("white_space", "info", rows, "whitespace")


def width(sheet: Sheet) -> Iterator[Finding]:
    """Letters and digits in full width, and marks in half width within Chinese: the same written in two ways."""
    rows = sheet.matching(patterns.FULL_WIDTH.search(text) is not None for text in sheet.texts)
    yield replace(_finding("full_width", "info", rows), cure={"name": "nfkc", "only_letters": True})
    odd = [patterns.HALF_AFTER_FULL.search(text) is not None for text in sheet.texts]
    half = sheet.matching(np.array(odd, bool))
    full = sum(any(mark in text for mark in patterns.FULL.values()) for text in sheet.texts)
    if full:
        yield _finding("mixed_punctuation", "info", half, "punctuation", full=full)


def scripts(sheet: Sheet) -> Iterator[Finding]:
    """Languages, told by their script, where there is more than one."""
    names = list(_SCRIPTS)
    weight = characters.counts(sheet.texts, [characters.table(*ranges) for ranges, _ in _SCRIPTS.values()]) * [share for _, share in _SCRIPTS.values()]
    best, there = weight.argmax(axis=1), weight.any(axis=1)
    numbers = np.bincount(best[there], minlength=len(names))
    if (numbers > 0).sum() < 2:
        return
    main = int(numbers.argmax())
    other = there & (best != main)
    if other.sum() >= 0.005 * len(other):
        params = {f"n_{name}": int(n) for name, n in zip(names, numbers, strict=True)}
        yield _finding("languages_han" if names[main] == "han" else "languages", "info", sheet.matching(other), **params)


def traditional(sheet: Sheet) -> Iterator[Finding]:
    """Rows with traditional characters among rows with simplified ones."""
    hanzi, only = characters.counts(sheet.texts, [characters.table(*_HAN), _traditional_only()]).T
    mine = (hanzi > 0) & (only >= np.maximum(1, 0.1 * hanzi))
    if 0 < mine.sum() < 0.7 * (hanzi > 0).sum():
        yield _finding("traditional", "info", sheet.matching(mine), "simplify_chinese")


@functools.cache
def _traditional_only() -> np.ndarray:
    import opencc

    every = "".join(map(chr, range(0x4E00, 0xA000)))
    converted = opencc.OpenCC("t2s").convert("\n".join(every)).split("\n")
    return characters.table(*((ord(before), ord(before)) for before, after in zip(every, converted, strict=True) if before != after))


def tokens(sheet: Sheet) -> Iterator[Finding]:
    """Texts that are cut, and texts that the tokenizer does not know."""
    if sheet.tokenizer is None or not sheet.texts:
        return
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(sheet.tokenizer))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    unknown = next((i for i in map(tokenizer.token_to_id, ("[UNK]", "<unk>")) if i is not None), None)
    count = min(len(sheet.texts), MOST_TOKENISED)
    chosen = np.linspace(0, len(sheet.texts) - 1, count).astype(np.int64)
    lengths, strange = np.zeros(count, np.int64), np.zeros(count, bool)
    for start in range(0, count, TOKENISED_AT_ONCE):
        some = chosen[start : start + TOKENISED_AT_ONCE]
        for i, one in enumerate(tokenizer.encode_batch_fast([sheet.texts[j][:50_000] for j in some]), start):
            ids = one.ids
            lengths[i] = len(ids)
            strange[i] = unknown is not None and ids.count(unknown) > 0.5 * max(len(ids) - 2, 1)
    long = sheet.rows[chosen[lengths > sheet.max_length]]
    share = f"{len(long) / count:.1%}"
    params = {"share": share, "limit": sheet.max_length, "p95": int(np.ceil(np.percentile(lengths, 95))), "looked_at": count}
    yield _finding("truncated", "info", long, **params)
    yield _finding("unknown_tokens", "warn", sheet.rows[chosen[strange]], looked_at=count)


def short(sheet: Sheet) -> Iterator[Finding]:
    lone = [len(key) < 2 for key in sheet.keys]
    yield _finding("too_short", "info", sheet.matching(np.array(lone, bool)), "drop_length")


FINDERS = [damaged, markup, addresses, white_space, width, scripts, traditional, tokens, short]
