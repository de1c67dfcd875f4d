"""Groups, dates and folds: disjoint, whole, reproducible, and nothing that belongs together on two sides."""

import doctest
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ftui.core.errors import UserError
from ftui.core.recipe import Data
from ftui.data import preparing, splitting
from ftui.data.preparing import Prepared, prepare

ROWS = st.lists(st.tuples(st.sampled_from("aaaabbc"), st.integers(0, 12)), min_size=1, max_size=80)


def split_any(way: str, labels: list[str], groups: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    n = len(labels)
    if way == "folds":
        return splitting.fold_rows(labels, n, 3, 1 + seed % 3, 0.1, seed, groups)
    if way == "dates":
        return splitting.dated_rows(np.arange(n) // 2, n, 0.2, 0.1, groups)
    return splitting.split_rows(labels, n, 0.2, 0.1, seed, groups)


@pytest.mark.parametrize("way", ["random", "folds", "dates"])
@settings(max_examples=150, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 5))
def test_every_row_is_once_in_one_split_and_groups_stay_whole(way, rows, seed) -> None:
    labels, groups = [label for label, _ in rows], np.array([group for _, group in rows])
    made = split_any(way, labels, groups, seed)
    again = split_any(way, labels, groups, seed)
    assert all(np.array_equal(made[name], again[name]) for name in made)
    assert sorted(np.concatenate(list(made.values())).tolist()) == list(range(len(rows)))
    sides = {name: set(groups[numbers].tolist()) for name, numbers in made.items()}
    fewer = len(set(groups.tolist())) < 3  # then nothing could be on another side
    assert not sides["test"] & (sides["train"] | sides["validation"]) or (way == "random" and fewer)
    fewer = fewer or len(sides["train"] | sides["validation"]) < 3
    assert not sides["train"] & sides["validation"] or (way != "dates" and fewer)


@pytest.mark.parametrize(("users", "each", "kinds"), [(10, 100, 3), (20, 50, 10), (5, 200, 2)])
def test_few_groups_with_all_labels_in_each_keep_the_shares(users, each, kinds) -> None:
    """People who write of everything: that most of a group's rows have one label says little there."""
    rng = np.random.default_rng(1)
    labels = [str(label) for label in rng.integers(0, kinds, users * each)]
    made = splitting.split_rows(labels, users * each, 0.2, 0.1, 42, np.repeat(np.arange(users), each))
    sizes = {name: len(rows) / len(labels) for name, rows in made.items()}
    assert sizes["test"] == pytest.approx(0.2, abs=0.05) and sizes["train"] >= 0.6
    assert {labels[row] for row in made["train"]} == set(labels)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1000))
def test_groups_are_stratified(seed) -> None:
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 500, 1000)
    labels = ["rare" if group % 10 == 0 else "often" for group in groups]
    made = splitting.split_rows(labels, 1000, 0.2, 0.1, seed, groups)
    whole = Counter(labels)
    for name, share in (("test", 0.2), ("validation", 0.08)):
        counts = Counter(labels[i] for i in made[name])
        assert all(abs(counts[label] - share * whole[label]) <= 0.02 * whole[label] + 5 for label in whole)


def test_in_k_folds_every_row_is_tested_once() -> None:
    labels, groups = ["a", "b", "b", "c"] * 25, np.arange(100) // 2
    tests = [splitting.fold_rows(labels, 100, 5, fold, 0.1, 7, groups)["test"] for fold in range(1, 6)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(100))
    assert all(abs(Counter(labels[i] for i in test)["b"] - 10) <= 2 for test in tests)


@pytest.fixture
def run(home, tmp_path: Path):
    def run(content: str, **settings_) -> Prepared:
        path = tmp_path / "data.csv"
        path.write_text(content, encoding="utf-8")
        return prepare(Data(path=str(path), columns={"text": "text", "label": "label"}, **settings_), home, ("text", "label"), "label")

    return run


def distinct(i: int) -> str:
    return "".join(chr(0x4E00 + (i * 7919 + 31 * k * k) % 20000) for k in range(12))


def rows_of(prepared: Prepared, split: str) -> set[int]:
    return set(prepared.splits[split]["row"].to_pylist())


def test_copies_and_near_copies_are_on_one_side(run) -> None:
    lines = [f"{distinct(i)}{end},{'pn'[i % 2]}\n" for i in range(100) for end in ("", "！", "，好")]
    prepared = run("text,label\n" + "".join(lines))
    for split in ("test", "validation"):
        assert rows_of(prepared, split) and {row // 3 for row in rows_of(prepared, split)}.isdisjoint(row // 3 for row in rows_of(prepared, "train"))
    torn = run("text,label\n" + "".join(lines), keep_together="none")
    assert not {row // 3 for row in rows_of(torn, "test")}.isdisjoint(row // 3 for row in rows_of(torn, "train"))


def test_by_group_and_by_date(run) -> None:
    content = "text,label,user,when\n" + "".join(f"{distinct(i)},{'pn'[i % 2]},u{i % 17},2024年{1 + i // 28}月{1 + i % 28}日\n" for i in range(200))
    grouped = run(content, group_column="user")
    assert {row % 17 for row in rows_of(grouped, "test")}.isdisjoint(row % 17 for row in rows_of(grouped, "train"))
    dated = run(content, date_column="when")
    assert (max(rows_of(dated, "train")), min(rows_of(dated, "test"))) == (143, 160)
    folds = [rows_of(run(content, folds=4, fold=fold), "test") for fold in (1, 2, 3, 4)]
    assert sorted(row for fold in folds for row in fold) == list(range(200))


@pytest.mark.parametrize("written", ["{d:02}/{m:02}/2024", "{d}.{m}.2024", "{m:02}/{d:02}/2024", "2024-{m:02}-{d:02}", "2024/{m}/{d} 12:01"])
def test_dates_are_read_in_the_order_of_their_column(run, written) -> None:
    assert doctest.testmod(preparing).failed == 0
    content = "text,label,when\n" + "".join(f"{distinct(i)},{'pn'[i % 2]},{written.format(m=1 + i // 28, d=1 + i % 28)}\n" for i in range(200))
    dated = run(content, date_column="when")
    assert (max(rows_of(dated, "train")), min(rows_of(dated, "test"))) == (143, 160)


@pytest.mark.parametrize(
    ("chosen", "code"),
    [({"group_column": "nobody"}, "split_column_missing"), ({"date_column": "user"}, "no_dates"), ({"group_column": "all"}, "too_few_groups")],
)
def test_a_column_that_will_not_do_is_one_sentence(run, chosen, code) -> None:
    content = "text,label,user,all\n" + "".join(f"{distinct(i)},{'pn'[i % 2]},u{i},x\n" for i in range(40))
    with pytest.raises(UserError) as error:
        run(content, **chosen)
    assert error.value.code == code


@pytest.mark.parametrize("rows", [["a"] * 30 + ["b"], ["a"] * 30 + ["b"] * 2, ["a", "b", "c"] * 3 + ["d"]])
def test_rare_classes_do_not_crash(run, rows) -> None:
    prepared = run("text,label\n" + "".join(f"{distinct(i // 2)},{label}\n" for i, label in enumerate(rows)))
    assert sum(table.num_rows for table in prepared.splits.values()) == len(rows)
