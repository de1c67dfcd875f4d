"""Pieces of pages: whatever users bring is escaped."""

import doctest

import pytest

from ftui.core.errors import UserError
from ftui.ui import pieces

EVIL = "<img src=x onerror=alert(1)>\"'"


@pytest.mark.parametrize(
    "piece",
    [
        pieces.cell(EVIL),
        pieces.notice(EVIL, EVIL, "bad", EVIL, EVIL),
        pieces.facts(EVIL, [EVIL]),
        pieces.tiles([(EVIL, EVIL, EVIL)]),
        pieces.heading(EVIL, EVIL),
        pieces.empty("◎", EVIL, EVIL),
        pieces.probabilities({EVIL: 0.9, "b": 0.1}),
        pieces.error(UserError("run_unknown", run=EVIL), "en"),
        pieces.table(["a"], [], none=EVIL),
    ],
)
def test_what_users_bring_is_text(piece):
    assert "<img" not in piece
    assert "&lt;img" in piece


def test_a_long_cell_is_cut():
    assert len(pieces.cell("字" * 10_000_000)) < 800
    assert pieces.cell(None) == ""


def test_the_likeliest_label_comes_first():
    bars = pieces.probabilities({"a": 0.1, "b": 0.7, "c": 0.2})
    assert bars.index(">b<") < bars.index(">c<") < bars.index(">a<")


def test_a_split_bar_says_numbers_and_shares():
    bar = pieces.split_bar({"train": 1440, "validation": 160, "test": 400}, "zh")
    assert "训练 <b>1,440</b> (72%)" in bar


@pytest.mark.parametrize(
    ("seconds", "en", "zh"),
    [(41.6, "42 s", "42 秒"), (185, "3 min 05 s", "3 分 05 秒"), (7810, "2 h 10 min", "2 小时 10 分")],
)
def test_time_spans(seconds, en, zh):
    assert (pieces.duration(seconds, "en"), pieces.duration(seconds, "zh")) == (en, zh)


def test_examples_in_docstrings():
    assert doctest.testmod(pieces).failed == 0


@pytest.mark.parametrize(
    ("bytes", "shown"), [(0, "0 B"), (999, "999 B"), (1_200_000, "1.2 MB"), (431_000_000_000, "431 GB")]
)
def test_sizes(bytes, shown):
    assert pieces.size(bytes) == shown
