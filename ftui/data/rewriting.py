"""Steps that rewrite texts: what each does to one text, and where spans of the text go by it.

A step is a row of passes, run until nothing changes any more. A pass says what it does as edits, (start, end, what
stands there then), so that a span of the text can be followed through it.
"""

import functools
import html
import time
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from re import Match, Pattern
from typing import Any

import regex

from ftui.core.errors import UserError
from ftui.core.part import Part
from ftui.data import mojibake, patterns

Edit = tuple[int, int, str]
Span = tuple[int, int]
MOST_ROUNDS = 20
PATTERN_SECONDS = 30.0  # for a pattern of the user's on a whole column
PATTERN_SECONDS_TEXT = 1.0  # and on one text

_CLUSTERS = regex.compile(r"\X")


@dataclass(frozen=True)
class Found:
    """A pass that replaces what a pattern finds."""

    pattern: Pattern
    replacement: str | Callable[[Match], str]

    def __call__(self, text: str) -> str:
        return self.pattern.sub(self.replacement, text)

    def edits(self, text: str) -> list[Edit]:
        put = self.replacement if callable(self.replacement) else lambda _: self.replacement
        made = [(m.start(), m.end(), put(m)) for m in self.pattern.finditer(text)]
        return [edit for edit in made if text[edit[0] : edit[1]] != edit[2]]


@dataclass(frozen=True)
class Spans:
    """A pass that replaces the spans which a function finds."""

    find: Callable[[str], Iterable[Span]]
    replacement: str

    def __call__(self, text: str) -> str:
        return edited(text, self.edits(text))

    def edits(self, text: str) -> list[Edit]:
        return [(start, end, self.replacement) for start, end in self.find(text) if text[start:end] != self.replacement]


@dataclass(frozen=True)
class Each:
    """A pass that rewrites character by character, as far as that gives the same as the whole."""

    function: Callable[[str], str]

    def __call__(self, text: str) -> str:
        return self.function(text)

    def edits(self, text: str) -> list[Edit]:
        whole = self.function(text)
        if whole == text:
            return []
        pieces = [(m.start(), m.end(), self.function(m.group())) for m in _CLUSTERS.finditer(text)]
        if "".join(piece for *_, piece in pieces) == whole:
            return [edit for edit in pieces if text[edit[0] : edit[1]] != edit[2]]
        return [_middle(text, whole)]


def _middle(before: str, after: str) -> Edit:
    """The one edit that lies between what both texts begin and end with."""
    least = min(len(before), len(after))
    head = next((i for i in range(least) if before[i] != after[i]), least)
    tail = next((i for i in range(least - head) if before[-1 - i] != after[-1 - i]), least - head)
    return head, len(before) - tail, after[head : len(after) - tail]


Pass = Found | Spans | Each


def _entity(match: Match) -> str:
    return html.unescape(match.group())


def _repeated(match: Match) -> str:
    mark = match.group()
    if mark[0] not in ".。…":
        return mark[0]
    chinese = patterns.HANZI.search(match.string)
    if len(mark.replace("…", "...")) < 3:
        return mark[0] if len(set(mark)) == 1 else "。"
    return "…" if chinese else "..."


def _straight(match: Match) -> str:
    return match.group() if patterns.HANZI.search(match.string) else patterns.STRAIGHT[match.group()]


@functools.cache
def _opencc() -> Any:
    import opencc

    return opencc.OpenCC("t2s")


def _simplified(text: str) -> str:
    """Traditional as simplified Chinese; Japanese, where kana are a fifth of its letters or more, as it is."""
    hanzi, kana = len(patterns.HANZI.findall(text)), len(patterns.KANA.findall(text))
    return _opencc().convert(text) if hanzi > 4 * kana else text


# What the steps do whose name says all.
PASSES: dict[str, list[Pass]] = {
    "strip_html": [
        Spans(patterns.scripts, " "),
        Found(patterns.BLOCK, " "),
        Found(patterns.INLINE, ""),
        Found(patterns.ENTITY, _entity),
    ],
    "fix_mojibake": [Each(mojibake.mend)],
    "nfkc": [Each(functools.partial(unicodedata.normalize, "NFKC"))],
    "whitespace": [Found(patterns.INVISIBLE, ""), Spans(patterns.ends, ""), Found(patterns.SPACES, " ")],
    "punctuation": [
        Found(patterns.CURLY, _straight),
        Found(patterns.REPEATED, _repeated),
        Found(patterns.HALF_AFTER_FULL, lambda match: patterns.FULL[match.group()]),
    ],
    "lowercase": [Each(str.lower)],
    "simplify_chinese": [Each(_simplified)],
}
MASKED = {"mask_urls": patterns.URL, "mask_emails": patterns.EMAIL, "mask_phones": patterns.PHONE}
NAMES = frozenset([*PASSES, *MASKED, "replace"])


def passes(step: Part) -> list[Pass]:
    """The passes of a step (one of NAMES, but not `replace`, which has a time limit; see `rewriter`)."""
    name = step.name
    if name == "nfkc" and step.only_letters:
        return [Found(patterns.FULL_WIDTH, lambda match: unicodedata.normalize("NFKC", match.group()))]
    return [Found(MASKED[name], lambda _: step.text)] if name in MASKED else PASSES[name]


def rewriter(step: Part) -> Callable[[str], str]:
    """What a step does to one text, as a function for a whole column. Raises UserError when a pattern takes too long."""
    if step.name == "replace":
        return _replacer(step)
    return functools.partial(_until_stable, passes(step))


def rewrite(text: str, steps: Iterable[Part]) -> str:
    """A text as these steps leave it; those that are not about single texts are passed over."""
    for step in steps:
        if step.name in NAMES:
            text = rewriter(step)(text)
    return text


def _until_stable(made: list[Pass], text: str) -> str:
    for _ in range(MOST_ROUNDS):
        before = text
        for each in made:
            text = each(text)
        if text == before:
            break
    return text


def _replacer(step: Part) -> Callable[[str], str]:
    compiled = regex.compile(step.pattern, regex.IGNORECASE if step.ignore_case else 0)
    end = time.monotonic() + PATTERN_SECONDS

    def replace(text: str) -> str:
        try:
            left = end - time.monotonic()
            return compiled.sub(step.replacement, text, timeout=max(min(left, PATTERN_SECONDS_TEXT), 0.001))
        except TimeoutError as error:
            raise UserError("pattern_too_slow", pattern=step.pattern[:80], text=text[:40]) from error

    return replace


def follow(text: str, step: Part, spans: list[Span]) -> tuple[str, list[Span | None]]:
    """What a step makes of a text, and where spans of it (start, end) are then; None for one of which nothing is left.

    A span that only in part lies in what was replaced takes in all of what stands there instead. Not for `replace`.
    """
    moved: list[Span | None] = list(spans)
    for _ in range(MOST_ROUNDS):
        before = text
        for each in passes(step):
            edits = each.edits(text)
            moved = [span and moved_by(span, edits) for span in moved]
            text = edited(text, edits)
        if text == before:
            break
    return text, moved


def edited(text: str, edits: list[Edit]) -> str:
    """The text after these edits, which are in order and do not overlap."""
    parts, place = [], 0
    for start, end, put in edits:
        parts += [text[place:start], put]
        place = end
    return "".join([*parts, text[place:]])


def moved_by(span: Span, edits: list[Edit]) -> Span | None:
    """Where a span is after these edits; None where nothing of it is left."""
    start, end = span
    new_start, new_end = start, end
    for low, high, put in edits:
        longer = len(put) - (high - low)
        if high <= start:
            new_start += longer
        elif low < start:  # begins within
            new_start += low - start
        if high <= end:
            new_end += longer
        elif low < end:  # ends within
            new_end += low - end + len(put)
    return (new_start, new_end) if new_start < new_end else None
