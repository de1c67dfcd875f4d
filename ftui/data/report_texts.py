"""Findings about the texts themselves: damage, markup, addresses, width, language, length."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ftui.data import mojibake, patterns

if TYPE_CHECKING:
    from ftui.data.report import Finding, Sheet

MOST_TOKENISED = 20_000
_SCRIPTS = {
    "han": patterns.HANZI.pattern,
    "kana": "[\u3040-\u30ff]",
    "hangul": "[\uac00-\ud7af]",
    "cyrillic": "[\u0400-\u04ff]",
    "arabic": "[\u0600-\u06ff]",
    "latin": "[A-Za-z\u00c0-\u024f]",
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
    for kind, pattern in (("urls", patterns.URL), ("emails", patterns.EMAIL), ("phones", patterns.PHONE)):
        rows = sheet.matching(pattern.search(text) is not None for text in sheet.texts)
        yield _finding(kind, "info", rows, f"mask_{kind}")


def white_space(sheet: Sheet) -> Iterator[Finding]:
    odd = (patterns.ENDS, patterns.SPACES, patterns.INVISIBLE)
    rows = sheet.matching(any(p.search(text) for p in odd) for text in sheet.texts)
    yield _finding("white_space", "info", rows, "whitespace")


def width(sheet: Sheet) -> Iterator[Finding]:
    """Letters and digits in full width, and marks in half width within Chinese: the same written in two ways."""
    rows = sheet.matching(patterns.FULL_WIDTH.search(text) is not None for text in sheet.texts)
    yield _finding("full_width", "info", rows, "nfkc")
    odd = [patterns.HALF_AFTER_FULL.search(text) is not None for text in sheet.texts]
    half = sheet.matching(np.array(odd, bool))
    full = sum(any(mark in text for mark in patterns.FULL.values()) for text in sheet.texts)
    if full:
        yield _finding("mixed_punctuation", "info", half, "punctuation", full=full)


def scripts(sheet: Sheet) -> Iterator[Finding]:
    """Languages, told by their script, where there is more than one."""
    found = [_script(text) for text in sheet.texts]
    counts = Counter(script for script in found if script)
    if len(counts) < 2:
        return
    main = counts.most_common(1)[0][0]
    other = [script is not None and script != main for script in found]
    if sum(other) >= 0.005 * len(found):
        params = {f"n_{script}": counts[script] for script in _SCRIPTS}
        yield _finding("languages_han" if main == "han" else "languages", "info", sheet.matching(np.array(other, bool)), **params)


def _script(text: str) -> str | None:
    counts = {name: len(pattern.findall(text)) for name, pattern in _script_patterns().items()}
    counts["kana"] *= 4  # Japanese has hanzi as well
    counts["latin"] /= 4  # a word is worth about as much as a hanzi
    best = max(counts, key=counts.__getitem__)
    return best if counts[best] else None


@functools.cache
def _script_patterns() -> dict:
    import re

    return {name: re.compile(pattern) for name, pattern in _SCRIPTS.items()}


def traditional(sheet: Sheet) -> Iterator[Finding]:
    """Rows with traditional characters among rows with simplified ones."""
    only = _traditional_only()
    hanzi = [len(patterns.HANZI.findall(text)) for text in sheet.texts]
    mine = [n > 0 and sum(c in only for c in text) >= max(1, 0.1 * n) for n, text in zip(hanzi, sheet.texts, strict=True)]
    if 0 < sum(mine) < 0.7 * sum(n > 0 for n in hanzi):
        yield _finding("traditional", "info", sheet.matching(np.array(mine, bool)), "simplify_chinese")


@functools.cache
def _traditional_only() -> frozenset[str]:
    import opencc

    every = "".join(map(chr, range(0x4E00, 0xA000)))
    converted = opencc.OpenCC("t2s").convert("\n".join(every)).split("\n")
    return frozenset(before for before, after in zip(every, converted, strict=True) if before != after)


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
    encoded = tokenizer.encode_batch_fast([sheet.texts[i][:50_000] for i in chosen])
    lengths = np.array([len(one.ids) for one in encoded])
    long = sheet.rows[chosen[lengths > sheet.max_length]]
    share = f"{len(long) / count:.1%}"
    params = {"share": share, "limit": sheet.max_length, "p95": int(np.ceil(np.percentile(lengths, 95))), "looked_at": count}
    yield _finding("truncated", "info", long, **params)
    if unknown is not None:
        strange = [one.ids.count(unknown) > 0.5 * max(len(one.ids) - 2, 1) for one in encoded]
        yield _finding("unknown_tokens", "warn", sheet.rows[chosen[np.array(strange, bool)]], looked_at=count)


def short(sheet: Sheet) -> Iterator[Finding]:
    lone = [len(key) < 2 for key in sheet.keys]
    yield _finding("too_short", "info", sheet.matching(np.array(lone, bool)), "drop_length")


FINDERS = [damaged, markup, addresses, white_space, width, scripts, traditional, tokens, short]
