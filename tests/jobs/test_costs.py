"""What a training will cost: measured by a short one, and by every one that has ended."""

import json

import pytest
import transformers

from ftui import tasks
from ftui.core import estimate, recipe
from ftui.core.errors import UserError
from ftui.core.home import Home, starter_models, write_json
from ftui.data import preparing
from ftui.jobs import costs, processes
from ftui.training.timing import fitted
from tests.conftest import write_csv


@pytest.fixture
def made(recipe_for):
    return recipe.build(recipe_for(num_train_epochs=5))


def test_a_short_training_is_measured_and_leaves_nothing_else(made, tmp_path, monkeypatch):
    home = Home(tmp_path)
    monkeypatch.setenv("FTUI_QUEUE", str(home.queue))  # as the page does
    guessed = costs.of(made, home)
    costs.measure(made, home)
    measured = costs.of(made, home)
    assert (guessed.source, measured.source) == ("guess", "same")
    (speed,) = estimate.known(home).values()
    assert 0 < speed.step + 128 * speed.token < 1 and speed.start > 1 and speed.answered > 0
    assert costs.of(made.model_copy(update={"strategy": recipe.Lora()}), home).source == "strategy"
    assert not home.all_runs() and len(list(home.datasets.iterdir())) == 1


def test_not_beside_a_training(made, tmp_path):
    import os

    home = Home(tmp_path)
    home.queue.mkdir(parents=True)
    write_json(home.queue / "slot-0", processes.identity(os.getpid()))
    with pytest.raises(UserError, match="training is going on"):
        costs.measure(made, home)


def test_what_goes_wrong_is_said(made, tmp_path):
    data = made.data.model_copy(update={"path": str(write_csv(tmp_path / "one.csv", [(f"good {i}", "a") for i in range(50)]))})
    with pytest.raises(UserError, match="did not come to its end.*All rows have the same label"):
        costs.measure(made.model_copy(update={"data": data}), Home(tmp_path))


def test_rows_of_each_split(made, tmp_path):
    home = Home(tmp_path)
    rows = costs.rows_of(made, home, costs.base_models.find(made.model))
    assert (rows.train, rows.validation, rows.test) == (216, 24, 60)
    assert 5 < sum(rows.tokens) / len(rows.tokens) < 15  # 4 to 12 words, one or two tokens each, and two marks


def test_long_texts_are_read_in_windows(tmp_path):
    home, path = Home(tmp_path / "home"), tmp_path / "q.jsonl"
    rows = [{"question": "who?", "context": "word " * 2000, "answer": "word"} for _ in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    build = {"task": "question-answering", "model": "starter-encoder", "data": {"path": str(path)}}
    asked = recipe.build({**build, "training": {"max_length": 256}})
    found = costs.rows_of(asked, home, costs.base_models.find("starter-encoder"))
    table = preparing.prepare(asked.data, home, (task := tasks.get(asked.task)).ROLES, task.STRATIFY).splits["train"]
    windows = task.encode(table, transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-encoder"), 256, ["answer"])
    assert found.train == pytest.approx(len(windows), rel=0.15) and found.longest(asked) == 256
    whole = tmp_path / "t.txt"
    whole.write_text("\n".join("word " * 700 for _ in range(40)), encoding="utf-8")
    for name, times in (("fill-mask", 3), ("text-generation", 3)):
        made = recipe.build({"task": name, "data": {"path": str(whole)}, "training": {"max_length": 256}})
        assert costs.rows_of(made, home, costs.base_models.find("starter-encoder")).train == pytest.approx(times * 29, rel=0.1), name


def test_a_run_leaves_its_speed(trained):
    (speed,) = estimate.known(trained["home"]).values()
    assert speed.token > 0 and speed.saved > 0 and speed.over
    assert "Estimate" in trained["stderr"] and "memory" in trained["stderr"]


@pytest.mark.parametrize(("steps", "expected"), [
    ([(100, 2.0), (200, 3.0)], (1.0, 0.01)),
    ([(100, 2.0), (100, 3.0)], (0.0, 0.025)),  # no telling: the tokens are what costs
    ([(0, 2.0), (0, 3.0)], (2.5, 0.0)),
    ([(100, 3.0), (200, 2.0)], (1.75, 0.005)),  # more tokens are not quicker
    ([(100, 1.0), (200, 4.0)], (0.0, 2.5 / 150)),  # and no step takes less than no time
])  # fmt: skip
def test_seconds_of_steps_and_tokens(steps, expected):
    assert fitted(steps) == pytest.approx(expected)
