"""The plain script runs without ftui and comes out where the product does."""

import ast
import os
import shutil
import subprocess
import sys

import pytest

from ftui.artifacts import script
from ftui.core import recipe as recipes
from tests.conftest import cli

CARD = {"name": "reviews.csv", "format": "csv", "encoding": "utf-8", "delimiter": ","}
COLUMNS = {"text": "评论内容", "label": "情感标签"}


def write(recipe_for, toy_model, strategy: dict, **training) -> str:
    content = recipe_for(strategy, **training)
    content["data"] = {"path": "reviews.csv", "columns": COLUMNS}
    return script.write(recipes.build(content), CARD, content["training"]["learning_rate"], 2, str(toy_model))


STRATEGIES = [
    {"name": "full"},
    {"name": "full", "layer_decay": 0.9},
    {"name": "last_n", "n": 1},
    {"name": "frozen"},
    {"name": "bitfit"},
    {"name": "gradual"},
    {"name": "lora"},
    {"name": "lora", "load_in_4bit": True, "loraplus_lr_ratio": 8},
]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_it_is_python_and_knows_nothing_of_us(recipe_for, toy_model, strategy):
    text = write(recipe_for, toy_model, strategy)
    names = {n.split(".")[0] for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import) for n in [node.names[0].name]}
    assert "ftui" not in names
    assert "from ftui" not in text


@pytest.mark.parametrize("strategy", [{"name": "last_n", "n": 1}, {"name": "gradual", "layer_decay": 0.9}])
def test_it_runs_and_learns(recipe_for, toy_csv, toy_model, tmp_path, strategy):
    shutil.copy(toy_csv, tmp_path / "reviews.csv")
    (tmp_path / "train.py").write_text(write(recipe_for, toy_model, strategy), encoding="utf-8")
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "train.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    result = ast.literal_eval(done.stdout.strip().splitlines()[-1])
    assert result["test_accuracy"] > 0.9
    assert (tmp_path / "model" / "model.safetensors").exists()


def test_other_encodings_and_delimiters_are_in_it(recipe_for, toy_model):
    content = recipe_for()
    content["data"] = {"path": "x", "columns": COLUMNS}
    card = {**CARD, "encoding": "gb18030", "delimiter": "\t"}
    text = script.write(recipes.build(content), card, 1e-3, 3)
    assert "encoding='gb18030'" in text
    assert "sep='\\t'" in text


@pytest.mark.parametrize("name", ['x""" + boom() + """.csv', "x\\\\", 'x"', "{run}{0}%s", "x\'\'\'\\n", "é\\u2028\\nboom()"], ids=ascii)
def test_names_are_no_code(recipe_for, name):
    content = {**recipe_for(), "model": f"m{name}".replace("\\n", " ")}
    content["data"] = {"path": "x", "columns": {"text": f"t{name}", "label": f"l{name}"}}
    tree = ast.parse(script.write(recipes.build(content), {**CARD, "name": name}, 1e-3, 3))
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert "boom" not in called and "TrainingArguments" in called


def test_the_command_line_prints_it(trained):
    text = cli("script", trained["run"].id, home=trained["home"].path).stdout
    assert "get_peft_model" in text
    ast.parse(text)


def test_it_says_what_it_leaves_out(recipe_for, toy_model):
    content = recipe_for()
    content["data"] = {"path": "reviews.csv", "columns": COLUMNS, "clean": [{"name": "strip_html"}], "folds": 5}
    text = script.write(recipes.build(content), CARD, 1e-3, 2, str(toy_model))
    assert "does not do: strip_html" in text and "split by folds" in text
    ast.parse(text)
