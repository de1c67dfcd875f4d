"""Splits: disjoint, complete, of the sizes asked for, fair to small classes, the same for the same seed."""

import decimal
import math
import random

import numpy as np
import pytest

from ftui.data.splitting import SPLITS, label_text, split_rows


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("正面", "正面"),
        ("  a b \t\n", "a b"),
        ("\u3000好\u3000", "好"),
        (True, "true"),
        (False, "false"),
        (np.bool_(True), "true"),
        (0, "0"),
        (-3, "-3"),
        (2**70, str(2**70)),
        (1.0, "1"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (np.float32(2.0), "2"),
        (1e300, str(int(1e300))),
        (math.inf, "inf"),
        ("1.0", "1.0"),
        ("True", "True"),
        ("nan", "nan"),
        (decimal.Decimal("1.50"), "1.50"),
        (None, None),
        (math.nan, None),
        (np.float64("nan"), None),
        ("", None),
        (" \n", None),
    ],
)
def test_label_text(value: object, text: str | None) -> None:
    assert label_text(value) == text


def cases() -> list[tuple[list[str] | None, int, float, float, int]]:
    """Many shapes: no labels, balanced, skewed, many tiny classes, hardly any rows."""
    rng = random.Random(0)
    made = []
    for seed in range(300):
        n = rng.choice([0, 1, 2, 3, 4, 5, 7, 10, 33, 100, 257, 1000])
        classes = rng.choice([1, 2, 3, 10, 50, max(n, 1)])
        weights = [rng.random() ** 4 + 0.001 for _ in range(classes)]
        labels = None if rng.random() < 0.3 else [f"c{k}" for k in rng.choices(range(classes), weights, k=n)]
        made.append((labels, n, rng.choice([0, 0.01, 0.2, 0.5, 0.9]), rng.choice([0, 0.1, 0.33, 0.9]), seed))
    return made


def test_disjoint_complete_sorted_and_of_the_sizes_asked_for() -> None:
    for labels, n, test_size, validation_size, seed in cases():
        case = (labels, n, test_size, validation_size, seed)
        parts = split_rows(labels, n, test_size, validation_size, seed)
        assert tuple(parts) == SPLITS
        assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(n)), case
        assert all((np.diff(rows) > 0).all() and rows.dtype.kind == "i" for rows in parts.values()), case
        test, validation = (len(parts[name]) for name in ("test", "validation"))
        classes = len(set(labels)) if labels else 1
        kept = 2 if test_size > 0.5 else 1  # rows of each class that must stay where nearly all are asked for
        assert abs(test - n * test_size) <= kept * classes + 0.5, case
        assert abs(validation - (n - test) * validation_size) <= classes + 0.5, case
        assert not (test_size == 0 and test), case
        assert not (validation_size == 0 and validation), case


def test_each_class_has_its_share() -> None:
    for labels, n, test_size, validation_size, seed in cases():
        parts = split_rows(labels, n, test_size, validation_size, seed)
        labels = labels or ["all"] * n
        for label in set(labels):
            count = labels.count(label)
            train, validation, test = (sum(labels[i] == label for i in parts[name]) for name in SPLITS)
            case = (label, count, train, validation, test, test_size, validation_size)
            assert train >= 1, case
            if count == 2 and test_size:
                assert (train, test) == (1, 1), case
            if count == 2 and validation_size and not test_size:
                assert (train, validation) == (1, 1), case
            if count >= 3:
                assert test >= (test_size > 0), case
                assert validation >= (validation_size > 0), case
            if count >= 3:  # never more than one row beside the share, but for the row that must stay or come
                assert abs(test - count * test_size) <= 1 or test in (1, count - 1, count - 2), case


def test_sizes_are_exact_where_classes_are_large() -> None:
    labels = ["a"] * 6001 + ["b"] * 3003 + ["c"] * 996
    parts = split_rows(labels, 10_000, 0.2, 0.1, 0)
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 7200, "validation": 800, "test": 2000}
    found = [np.unique(np.array(labels)[parts[name]], return_counts=True)[1].tolist() for name in SPLITS]
    assert found == [[4321, 2162, 717], [480, 240, 80], [1200, 601, 199]]


def test_seeds() -> None:
    labels = ["a", "b"] * 100
    first, same, other = (split_rows(labels, 200, 0.2, 0.1, seed) for seed in (1, 1, 2))
    assert all((first[name] == same[name]).all() for name in SPLITS)
    assert any(first[name].tolist() != other[name].tolist() for name in SPLITS)


def test_rows_are_drawn_from_everywhere() -> None:
    parts = split_rows(None, 10_000, 0.2, 0.1, 0)
    for rows in parts.values():
        assert abs(rows.mean() - 5000) < 300


@pytest.mark.parametrize(
    ("labels", "n", "sizes"),
    [
        (None, 0, (0, 0, 0)),
        (None, 1, (1, 0, 0)),
        (None, 2, (1, 0, 1)),
        (None, 3, (1, 1, 1)),
        (["a"], 1, (1, 0, 0)),
        (["a", "b"], 2, (2, 0, 0)),
        (["a", "a"], 2, (1, 0, 1)),
        (["a", "a", "a", "b"], 4, (2, 1, 1)),
    ],
)
def test_hardly_any_rows(labels: list[str] | None, n: int, sizes: tuple) -> None:
    assert tuple(len(rows) for rows in split_rows(labels, n, 0.2, 0.1, 42).values()) == sizes


def test_ten_thousand_classes() -> None:
    labels = [f"c{i % 10_000}" for i in range(200_000)]
    parts = split_rows(labels, len(labels), 0.2, 0.1, 0)
    assert {name: len(rows) for name, rows in parts.items()} == {"train": 144_000, "validation": 16_000, "test": 40_000}
    assert all(len({labels[i] for i in rows}) == 10_000 for rows in parts.values())
