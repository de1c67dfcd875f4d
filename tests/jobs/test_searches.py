"""A search from the command line: queued, worked off and listed as a run, and what it prints."""

import json

import pytest
import yaml

from ftui import jobs
from ftui.core import recipe
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.jobs import searches
from tests.conftest import cli

NAMES = ["training.learning_rate", "training.weight_decay"]


def test_the_command_line_searches_and_tells_how_to_train(recipe_for, tmp_path):
    file = tmp_path / "recipe.yaml"
    file.write_text(yaml.safe_dump(recipe_for({"name": "frozen"}, num_train_epochs=1), allow_unicode=True), encoding="utf-8")
    options = ("--minutes", 5, "--trials", 2, "--vary", "learning_rate, weight_decay", "--set", "training.per_device_train_batch_size=54")
    done = cli("search", file, *options, home=tmp_path / "home")
    line = json.loads(done.stdout)
    assert (line["status"], line["metric"], line["trials"]) == ("finished", "validation_f1_macro", 2)
    assert sorted(line["settings"]) == NAMES and line["value"] >= line["own"] > 0
    assert f"python -m ftui train {file} --set training.per_device_train_batch_size=54 --set training.learning_rate=" in done.stderr
    run = Home(tmp_path / "home").run(line["run"])
    told = jobs.summary(run)
    assert (told["state"], told["search"], told["metric"], told["value"]) == ("finished", True, "validation_f1_macro", line["value"])
    assert told["name"].endswith(" · search") and not run.model.exists()


@pytest.mark.parametrize(
    ("changes", "asked", "code"),
    [
        ({}, {"vary": ["r"]}, "search_vary"),
        ({"data.validation_size": 0}, {}, "search_needs_validation"),
        ({}, {"vary": ["seed"]}, "recipe_bad_value"),
        ({}, {"minutes": -1}, "recipe_bad_value"),
        ({"launcher": "torchrun"}, {}, "recipe_bad_value"),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_starts(recipe_for, tmp_path, changes, asked, code):
    made = recipe.changed(recipe.build(recipe_for({"name": "frozen"})), [f"{name}={value}" for name, value in changes.items()])
    with pytest.raises(UserError) as caught:
        jobs.start_training(searches.asked(made, **asked), Home(tmp_path))
    assert caught.value.code == code and not Home(tmp_path).all_runs()
