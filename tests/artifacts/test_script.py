"""The plain script runs without ftui and comes out where the product does."""

import ast
import json
import os
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from ftui import jobs
from ftui.artifacts import script
from ftui.core import recipe as recipes
from ftui.core.home import Home
from ftui.data import intake
from ftui.tasks.text_classification import METRICS
from tests.conftest import cli, reviews, write_csv

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


@pytest.mark.parametrize(("format", "more"), [("csv", []), ("xlsx", ["openpyxl"]), ("xlsx.gz", ["openpyxl"])])
def test_it_names_what_has_to_be_installed(recipe_for, format, more):
    """Neither brings the other along: a Trainer needs accelerate, a sheet openpyxl."""
    content = {**recipe_for(), "data": {"path": "a", "columns": COLUMNS}}
    line = next(one for one in script.write(recipes.build(content), {**CARD, "format": format}, 1e-3, 2).splitlines() if "pip install" in one)
    assert line.split()[2:] == ["torch", "transformers", "datasets", "scikit-learn", "pandas", "accelerate", *more]


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
    assert "by ftui: clean the rows: strip_html" in text and "by ftui with folds, keep_together: near" in text
    ast.parse(text)


def run(text: str, folder: Path, monkeypatch) -> dict:
    """The script's names after it ran in `folder`."""
    monkeypatch.chdir(folder)
    names = {"__name__": "train"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(compile(text, "train.py", "exec"), names)
    return names


def made(recipe_for, toy_model, data: dict | None = None, own: dict | None = None, **training) -> str:
    content = recipe_for(**{"num_train_epochs": 1, "max_steps": 2, **training})
    content["data"] = {"path": "reviews.csv", "columns": COLUMNS, **(data or {})}
    return script.write(recipes.build(content), CARD, 1e-3, 1, str(toy_model), own)


def test_own_files_are_read_and_nothing_else_is_split_off(recipe_for, toy_model, tmp_path, monkeypatch):
    write_csv(tmp_path / "reviews.csv", reviews(40))
    write_csv(tmp_path / "test.csv", [*reviews(10), ("new 很好", "of another kind")])
    (tmp_path / "dev.tsv").write_text("评论内容\t情感标签\n很好 the\t正面\n很差 the\t负面\n", encoding="utf-16")
    own = {"validation": CARD | {"name": "dev.tsv", "format": "tsv", "encoding": "utf-16", "delimiter": "\t"}, "test": CARD | {"name": "test.csv"}}
    names = run(made(recipe_for, toy_model, {"test_path": "t", "validation_path": "v"}, own), tmp_path, monkeypatch)
    assert [len(names[split]) for split in ("train", "validation", "test")] == [40, 2, 10]
    assert "split_off" not in names and names["trainer"].args.load_best_model_at_end is False
    one = run(made(recipe_for, toy_model, {"test_path": "t"}, {"test": own["test"]}), tmp_path, monkeypatch)
    assert [len(one[split]) for split in ("train", "validation", "test")] == [36, 4, 10]


def test_nothing_is_split_off_where_nothing_is_wanted(recipe_for, toy_csv, toy_model, tmp_path, monkeypatch, capsys):
    shutil.copy(toy_csv, tmp_path / "reviews.csv")
    names = run(made(recipe_for, toy_model, {"test_size": 0, "validation_size": 0}), tmp_path, monkeypatch)
    assert len(names["train"]) == 300 and "test" not in names and "validation" not in names
    assert "eval_loss" not in capsys.readouterr().out and (tmp_path / "model" / "model.safetensors").exists()
    names = run(made(recipe_for, toy_model, {"validation_size": 0}), tmp_path, monkeypatch)
    assert len(names["test"]) == 60 and "test_mcc" in capsys.readouterr().out


def test_rare_labels_and_those_that_look_like_nothing_are_labels(recipe_for, toy_model, tmp_path, monkeypatch):
    rows = [*[(text, "None") for text, _ in reviews(9)], *[(text, "NA") for text, _ in reviews(2)], ("只有 一个", "rare"), (" ", "NA"), ("很好", " ")]
    write_csv(tmp_path / "reviews.csv", rows)
    names = run(made(recipe_for, toy_model), tmp_path, monkeypatch)
    assert names["labels"] == ["NA", "None", "rare"] and len(names["train"]) + len(names["validation"]) + len(names["test"]) == 12
    assert "rare" in set(names["train"]["情感标签"]) and set(names["test"]["情感标签"]) == {"NA", "None"}


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_choose_and_stop(recipe_for, toy_csv, toy_model, tmp_path, monkeypatch, metric):
    shutil.copy(toy_csv, tmp_path / "reviews.csv")
    best = {"metric_for_best_model": f"validation_{metric}", "early_stopping_patience": 1}
    steps = {"eval_strategy": "steps", "eval_steps": 1, "logging_steps": 1, "max_steps": 8, "learning_rate": 1e-9}
    names = run(made(recipe_for, toy_model, **best, **steps).replace("learning_rate=0.001", "learning_rate=1e-12"), tmp_path, monkeypatch)
    state = names["trainer"].state
    assert state.best_metric is not None and state.global_step == 2 and names["trainer"].args.load_best_model_at_end


def test_few_validation_rows_do_not_choose_but_the_last_step_stays(recipe_for, toy_csv, toy_model, tmp_path, monkeypatch):
    shutil.copy(toy_csv, tmp_path / "reviews.csv")
    for size, chooses in ((0.1, False), (0.5, True)):
        names = run(made(recipe_for, toy_model, {"validation_size": size}), tmp_path, monkeypatch)
        assert names["trainer"].args.load_best_model_at_end is chooses


def test_the_heads_dropout_is_the_recipes(recipe_for, toy_csv, toy_model, tmp_path, monkeypatch):
    shutil.copy(toy_csv, tmp_path / "reviews.csv")
    assert run(made(recipe_for, toy_model, classifier_dropout=0.3), tmp_path, monkeypatch)["model"].dropout.p == 0.3


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_accumulated_batches_are_learned_from_as_one(recipe_for, toy_model, tmp_path, monkeypatch, smoothing):
    write_csv(tmp_path / "reviews.csv", reviews(16))
    steady = shutil.copytree(toy_model, tmp_path / "steady")
    config = json.loads((steady / "config.json").read_text(encoding="utf-8"))
    (steady / "config.json").write_text(json.dumps(config | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}), encoding="utf-8")
    norms = []
    for size, accumulated in ((16, 1), (4, 4)):
        steps = {"per_device_train_batch_size": size, "gradient_accumulation_steps": accumulated, "max_steps": 1, "logging_steps": 1}
        names = run(made(recipe_for, steady, {"test_size": 0, "validation_size": 0}, label_smoothing_factor=smoothing, **steps), tmp_path, monkeypatch)
        norms.append(names["trainer"].state.log_history[0]["grad_norm"])
    assert norms[0] == pytest.approx(norms[1], rel=1e-3)


@pytest.mark.parametrize("model", ["run:20260101-000000-abcd", "starter-encoder"])
def test_a_model_that_is_not_on_the_hub_is_told_as_a_folder(recipe_for, model):
    content = {**recipe_for(), "model": model, "data": {"path": "x", "columns": COLUMNS}}
    [line] = [line for line in script.write(recipes.build(content), CARD, 1e-3, 1).splitlines() if line.startswith("MODEL = ")]
    assert line.startswith(f"MODEL = {model.removeprefix('run:')!r}  # a folder: ")


@pytest.mark.parametrize("name", ["r.csv", "r.csv.gz", "r.tsv", "r.json", "r.jsonl", "r.parquet", "r.xlsx"])
def test_every_kind_of_file_gives_the_same_rows(recipe_for, toy_model, tmp_path, monkeypatch, name):
    import pandas as pd

    rows = [(f"NA {text}", i % 2) for i, (text, _) in enumerate(reviews(20))]
    table = pd.DataFrame([*rows, ("empty label", None), (None, 1)], columns=list(COLUMNS.values())).convert_dtypes()
    write = {"json": table.to_json, "jsonl": table.to_json, "parquet": table.to_parquet, "xlsx": table.to_excel}
    kind = name.removesuffix(".gz").rsplit(".", 1)[1]
    options = {"json": {"orient": "records"}, "jsonl": {"orient": "records", "lines": True}, "parquet": {}, "xlsx": {"index": False}}
    write.get(kind, table.to_csv)(tmp_path / name, **options.get(kind, {"index": False, "sep": "\t" if kind == "tsv" else ","}))
    card = {"name": name, "format": kind, "encoding": None, "delimiter": "\t" if kind == "tsv" else None}
    content = recipe_for() | {"data": {"path": "x", "columns": COLUMNS}}
    text = script.write(recipes.build(content), card, 1e-3, 1, str(toy_model)).split("\ntrain, test")[0]
    train = run(text, tmp_path, monkeypatch)["train"]
    assert list(train.itertuples(index=False, name=None)) == [(text, str(label)) for text, label in rows]


@pytest.mark.parametrize("imported", [True, False])
def test_own_files_of_a_recipe_are_named_as_the_user_knows_them(recipe_for, toy_csv, tmp_path, imported):
    home, own = Home(tmp_path / "home"), write_csv(tmp_path / "later.csv", reviews(20))
    path = intake.import_file(own, home).path if imported else own
    content = recipe_for()
    content["data"] = {"path": "x", "columns": COLUMNS, "test_path": str(path)}
    text = jobs.script_of(recipes.build(content), intake.import_file(toy_csv, home).path)
    assert f"test = usable(pd.read_csv({'later.csv' if imported else str(own)!r}, dtype=str" in text and "train, test" not in text
