"""Small changes of one text as edits (start, end, what stands there then): words replaced, left out, swapped, mistyped.

`blocked` are places (start, end) that stay as they are, such as entities. `rng` decides; the same one gives the same.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import regex

from ftui.core.errors import UserError
from ftui.data import encodings
from ftui.data.rewriting import Edit, Span

Maker = Callable[[str, list[Span], np.random.Generator], list[Edit]]

_SINGLE = r"\p{Han}\p{Hiragana}\p{Katakana}"
_WORD = regex.compile(rf"(?V1)[{_SINGLE}]|[[\p{{L}}\p{{M}}\p{{N}}]--[{_SINGLE}]]+(?:['’-][[\p{{L}}\p{{N}}]--[{_SINGLE}]]+)*")
_CLAUSE = regex.compile(r"[^\p{P}\s](?:[^。！？!?；;，,、…\n]*[^\p{P}\s])?")
_HAN = regex.compile(r"\p{Han}")
_APART = regex.compile(r"[,，、;；|\t]")
LONGEST_SYNONYM = 40  # characters
LARGEST_FILE = 30_000_000  # bytes
_CILIN = regex.compile(r"[A-Z][a-z]\d{2}[A-Z]\d{2}([=#@])\s*")


def units(text: str, blocked: Sequence[Span] = ()) -> list[Span]:
    """Places of the words; in scripts written without blanks those of the characters.

    >>> [text[a:b] for text in ["I don't 喜欢它, ok?"] for a, b in units(text)]
    ['I', "don't", '喜', '欢', '它', 'ok']
    """
    return _free([match.span() for match in _WORD.finditer(text)], blocked)


_SIGN = regex.compile(r"[^\s]")


def pieces_of(text: str) -> list[Span]:
    """Places of words, and of all signs that belong to none, each alone: what can be chosen in a text.

    >>> [text[a:b] for text in ["$5, 喜欢!"] for a, b in pieces_of(text)]
    ['$', '5', ',', '喜', '欢', '!']
    """
    words = units(text)
    inside = np.zeros(len(text), bool)
    for a, b in words:
        inside[a:b] = True
    return sorted([*words, *(match.span() for match in _SIGN.finditer(text) if not inside[match.start()])])


def _free(found: list[Span], blocked: Sequence[Span]) -> list[Span]:
    return [(a, b) for a, b in found if all(b <= low or a >= high for low, high in blocked)]


def some(places: list[Span], rate: float, rng: np.random.Generator) -> list[Span]:
    """A share of the places, at least one of them, in order."""
    count = min(len(places), max(1, round(rate * len(places))))
    return [places[i] for i in sorted(rng.choice(len(places), count, replace=False))] if places else []


def delete(rate: float) -> Maker:
    """Words (or characters) are left out; one at least stays."""

    def edits(text: str, blocked: list[Span], rng: np.random.Generator) -> list[Edit]:
        places = units(text, blocked)
        chosen = some(places, rate, rng)
        if len(chosen) == len(places) and not blocked:
            chosen = chosen[1:]
        held = {low for low, _ in blocked}
        blank = [b < len(text) and text[b] == " " and b not in held and (a == 0 or text[a - 1] == " ") for a, b in chosen]
        return [(a, b + one, "") for (a, b), one in zip(chosen, blank, strict=True)]

    return edits


def swap(rate: float) -> Maker:
    """Neighbouring words are swapped; in Chinese neighbouring clauses where there are some, else characters."""

    def edits(text: str, blocked: list[Span], rng: np.random.Generator) -> list[Edit]:
        clauses = _free([match.span() for match in _CLAUSE.finditer(text)], blocked) if _HAN.search(text) else []
        places = clauses if len(clauses) > 1 else units(text, blocked)
        made, free_from = [], 0
        wanted = max(1, round(rate * len(places)))
        for i in sorted(rng.permutation(max(len(places) - 1, 0))[:wanted].tolist()):
            (a, b), (c, d) = places[i], places[i + 1]
            if a >= free_from and not any(b <= low < c for low, _ in blocked):
                made += [(a, b, text[c:d]), (c, d, text[a:b])]
                free_from = d
        return [edit for edit in made if text[edit[0] : edit[1]] != edit[2]]

    return edits


_KEYS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm")


@functools.cache
def _neighbours() -> dict[str, str]:
    """Key -> the keys beside it, above and below."""
    at = {key: (row, place) for row, keys in enumerate(_KEYS) for place, key in enumerate(keys)}
    close = ((0, -1), (0, 1), (-1, 0), (-1, 1), (1, 0), (1, -1))
    return {key: "".join(other for other, (r, p) in at.items() if (r - row, p - place) in close) for key, (row, place) in at.items()}


@functools.cache
def _homophones() -> dict[str, str]:
    """Common hanzi -> other common hanzi that sound alike, but perhaps for the tone."""
    from pypinyin import lazy_pinyin

    common = [bytes([high, low]).decode("gb2312") for high in range(0xB0, 0xD8) for low in range(0xA1, 0xFF if high < 0xD7 else 0xFA)]
    by_sound: defaultdict[str, list[str]] = defaultdict(list)
    for hanzi in common:
        by_sound[lazy_pinyin(hanzi)[0]].append(hanzi)
    return {hanzi: "".join(other for other in alike if other != hanzi) for alike in by_sound.values() for hanzi in alike}


def noise(rate: float) -> Maker:
    """Mistyped words: a neighbouring key, a letter doubled, left out or out of order; in Chinese a hanzi that sounds alike."""

    def edits(text: str, blocked: list[Span], rng: np.random.Generator) -> list[Edit]:
        places = [(a, b) for a, b in units(text, blocked) if b - a > 1 or text[a] in _homophones()]
        return [edit for a, b in some(places, rate, rng) if (edit := _mistyped(text, a, b, rng))]

    return edits


def _mistyped(text: str, a: int, b: int, rng: np.random.Generator) -> Edit | None:
    alike = _homophones().get(text[a]) if b - a == 1 else None
    if alike is not None:
        return (a, b, alike[rng.integers(len(alike))]) if alike else None
    i = a + int(rng.integers(b - a))
    near = _neighbours().get(text[i].lower(), "")
    kind = rng.integers(4)
    if kind == 0 and near:
        put = near[rng.integers(len(near))]
        return i, i + 1, put.upper() if text[i].isupper() else put
    if kind == 1:
        return i, i + 1, text[i] * 2
    if kind == 2 and i + 1 < b and text[i] != text[i + 1]:
        return i, i + 2, text[i + 1] + text[i]
    return i, i + 1, ""


# ---- synonyms


def synonyms(rate: float, path: Path | None) -> Maker:
    """Words are replaced by synonyms, from a file of the user's or from WordNet. Raises UserError."""
    known = read_synonyms(path) if path else None
    look = known.get if known is not None else _wordnet()
    longest = max(map(len, known), default=1) if known is not None else LONGEST_SYNONYM

    def edits(text: str, blocked: list[Span], rng: np.random.Generator) -> list[Edit]:
        found = _known(text, look, longest) if known is not None else [span for span in units(text) if look(text[slice(*span)].casefold())]
        count = max(1, round(rate * len(units(text))))
        places = _free(found, blocked)
        chosen = [places[i] for i in sorted(rng.permutation(len(places))[:count])]
        made = []
        for a, b in chosen:
            others = look(text[a:b].casefold())
            put = others[rng.integers(len(others))]
            made.append((a, b, put[:1].upper() + put[1:] if text[a].isupper() else put))
        return made

    return edits


def _known(text: str, look: Callable, longest: int) -> list[Span]:
    """Places of what `look` knows, the longest first come; words written with blanks only as a whole."""
    lowered, found, i = text.casefold(), [], 0
    if len(lowered) != len(text):  # ß and the like
        lowered = text.lower() if len(text.lower()) == len(text) else text
    whole = [_letter(c) for c in text]
    while i < len(text):
        if i and whole[i] and whole[i - 1]:
            i += 1
            continue
        for end in range(min(i + longest, len(text)), i, -1):
            if not (whole[end - 1] and end < len(text) and whole[end]) and look(lowered[i:end]):
                found.append((i, end))
                i = end - 1
                break
        i += 1
    return found


def _letter(character: str) -> bool:
    return character.isalnum() and ord(character) < 0x2E80


def read_synonyms(path: Path) -> dict[str, list[str]]:
    """{word, small letters: its synonyms} of a text file, any encoding. A line is a group of words that stand for each other
    (with commas, tabs or blanks between), or `word = synonym, synonym`; Cilin's lines are understood. Raises UserError."""
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise UserError("synonyms_unreadable", name=path.name)
        name = encodings.detect(lambda: path.open("rb")).name
        lines = path.read_text(encoding=name, errors="replace").splitlines()
    except OSError as error:
        raise UserError("synonyms_unreadable", name=path.name) from error
    known: defaultdict[str, list[str]] = defaultdict(list)
    for line in lines:
        cilin = _CILIN.match(line)
        if line.startswith("#") or (cilin and cilin[1] != "="):
            continue
        left, sign, right = line[cilin.end() if cilin else 0 :].replace("＝", "=").partition("=")
        words = _listed(right) if sign else _listed(left) if _APART.search(left) else left.split()
        for word in _listed(left) if sign else words:
            known[word.casefold()] += [other for other in words if other.casefold() != word.casefold()]
    found = {word: list(dict.fromkeys(others)) for word, others in known.items() if others and len(word) <= LONGEST_SYNONYM}
    if not found:
        raise UserError("synonyms_empty", name=path.name)
    return found


def _listed(text: str) -> list[str]:
    return [word for part in _APART.split(text) if (word := part.strip())]


def _wordnet() -> Callable[[str], list[str]]:
    """A function from an English word to its synonyms in WordNet, most usual sense first. Raises UserError where it is not
    on this machine; nothing is downloaded."""
    try:
        import nltk
        from nltk.corpus import wordnet

        nltk.data.find("corpora/wordnet")
    except LookupError:
        try:
            nltk.data.find("corpora/wordnet.zip")
        except LookupError as error:
            raise UserError("wordnet_missing") from error
    except ImportError as error:
        raise UserError("wordnet_missing") from error

    @functools.lru_cache(maxsize=50_000)
    def look(word: str) -> list[str]:
        senses = wordnet.synsets(word)[:2] if word.isalpha() and len(word) > 2 else []
        names = [name.replace("_", " ") for sense in senses for name in sense.lemma_names()]
        return [name for name in dict.fromkeys(names) if name.casefold() != word]

    return look
