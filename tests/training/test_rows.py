"""The rows that are learned from: the train split, grown as the recipe says."""

from collections import Counter

import pyarrow as pa
import pytest

from ftui import tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.training import rows

TRAIN = pa.table({"row": list(range(9)), "text": [f"text {i}" for i in range(9)], "label": ["b" if i % 3 else "a" for i in range(9)]})


def build(task: str = "text-classification", data: dict | None = None, **training) -> recipes.Recipe:
    return recipes.build({"task": task, "data": {"path": "x.csv", **(data or {})}, "training": training})


def test_balanced_rows_are_learned_and_told(tmp_path) -> None:
    task, events = tasks.get("text-classification"), ev.Writer(tmp_path / "events.jsonl", 1)
    learned = rows.to_learn(build(data={"balance": "oversample"}), task, TRAIN, events)
    assert Counter(learned["label"].to_pylist()) == {"a": 6, "b": 6}
    assert ev.last(ev.read(events.path)[0], "log")["params"] == {"before": 9, "after": 12}
    assert rows.to_learn(build(), task, TRAIN, events) is TRAIN


def test_weights_go_into_the_loss() -> None:
    options = rows.loss_options(build(class_weights="balanced"), tasks.get("text-classification"), TRAIN, ["a", "b"])
    assert options["weights"] == pytest.approx([1.5, 0.75])
    assert "weights" not in rows.loss_options(build(), tasks.get("text-classification"), TRAIN, ["a", "b"])


@pytest.mark.parametrize(("recipe", "code"), [
    (build("token-classification", {"balance": "oversample"}), "balance_without_classes"),
    (build("question-answering", class_weights="balanced"), "weights_without_classes"),
])  # fmt: skip
def test_what_has_no_classes_is_refused_in_words(recipe, code) -> None:
    with pytest.raises(UserError) as caught:
        rows.check(recipe, tasks.get(recipe.task), TRAIN)
    assert caught.value.code == code
