"""What is counted or compared for all texts at once is what it would be for each alone."""

import unicodedata

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.data import characters, mojibake, patterns, similar

TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=30), max_size=8)


@given(TEXTS)
@settings(deadline=None)
def test_counts(texts) -> None:
    tables = [characters.table((0x4E00, 0x9FFF)), characters.table((0x30, 0x39), (0x1F600, 0x1F64F))]
    found = characters.counts(texts, tables)
    expected = [[sum(0x4E00 <= ord(c) <= 0x9FFF for c in t), sum(0x30 <= ord(c) <= 0x39 or 0x1F600 <= ord(c) <= 0x1F64F for c in t)] for t in texts]
    assert found.tolist() == expected


def test_counts_of_many_parts(monkeypatch) -> None:
    monkeypatch.setattr(characters, "_AT_ONCE", 3)
    texts = ["a1", "", "2222", "b", "3"]
    assert characters.counts(texts, [characters.table((0x30, 0x39))]).tolist() == [[1], [0], [4], [0], [1]]


JOINING = "e\u0301\u1100\u1161\u11a8각\uff76\uff9e\u3099か\u09c7\u09be\u0378\ud800ß™…\ufe0f👍🏽"  # marks, jamo, half width, surrogates


@given(st.lists(st.text(st.one_of(st.characters(exclude_categories=[]), st.sampled_from(JOINING + "aＡ。 好\u3000")), max_size=12), max_size=8))
@settings(deadline=None)
def test_keys(texts) -> None:
    assert similar.keys(texts) == list(map(similar.key, texts))


def test_characters_that_stand_alone_join_none_before_them() -> None:
    pairs = (unicodedata.decomposition(chr(code)).split() for code in range(0x110000))
    second = {int(pair[1], 16) for pair in pairs if len(pair) == 2 and pair[0][0] != "<"} | {*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)}
    settled = {code for first, last in similar._SETTLED for code in range(first, last + 1)}
    assert not second & settled and not any(unicodedata.combining(chr(code)) for code in settled)


def test_hashes_are_the_same_in_parts_of_any_size(monkeypatch) -> None:
    texts = [f"{n} 很好 {n * n}" for n in range(50)]
    whole = similar._signatures(texts)
    monkeypatch.setattr(similar, "_CACHED", 20)
    assert (similar._signatures(texts) == whole).all()


@given(st.lists(st.text("abc好", min_size=3, max_size=12), min_size=2, max_size=6))
@settings(deadline=None)
def test_shares_are_those_of_the_sets_of_pieces(texts) -> None:
    pairs = np.array([(a, b) for a in range(len(texts)) for b in range(a + 1, len(texts))])
    pieces = [{t[i : i + 3] for i in range(len(t) - 2)} for t in texts]
    expected = [len(pieces[a] & pieces[b]) / len(pieces[a] | pieces[b]) for a, b in pairs]
    assert np.allclose(similar._shares(texts, pairs), expected)


@given(st.text("aZ9 ,.!?\u00b7\u2013\u2014\u2015\u2026\u2018\u2019\u201c\u201d\u201e\u2022好，。！", max_size=20))
def test_what_ftfy_need_not_look_at(text) -> None:
    assert mojibake._ODD.search(text) is None and not mojibake._ftfy()[1](text)


NUMBERS = ("13812345678", "+86 138-1234-5678", "(010) 12345678", "0571-1234567", "400 123 4567", "+1 (2) 34 56", "(212) 555-0123", "212.555.0123")


def test_every_phone_number_passes_the_first_look() -> None:
    for number in NUMBERS:
        assert patterns.PHONE.search(number) and patterns.MANY_DIGITS.search(number), number
