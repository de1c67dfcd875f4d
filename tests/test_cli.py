"""The command line as a user meets it."""

import json
import socket
import subprocess
import sys

import pytest
import yaml

from ftui.core import events as ev
from ftui.core.home import Home
from tests.conftest import REPO, cli, reviews, write_csv


def test_train_ends_with_one_line_of_json_and_a_model_that_transformers_loads(trained):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    line = trained["line"]
    assert line["status"] == "finished"
    assert line["metrics"]["test_accuracy"] > 0.9
    model = AutoModelForSequenceClassification.from_pretrained(line["model"])
    tokenizer = AutoTokenizer.from_pretrained(line["model"])
    answer = model(**tokenizer("这个 东西 很好 喜欢", return_tensors="pt")).logits.argmax(-1).item()
    assert model.config.id2label[answer] == "正面"
    assert "Traceback" not in trained["stderr"]
    assert "24 validation rows are too few to choose a checkpoint by" in trained["stderr"]


def test_nothing_is_pickled_into_the_model(trained):
    names = {p.name for p in trained["run"].model.rglob("*") if p.is_file()}
    assert "model.safetensors" in names
    assert not [n for n in names if n.endswith((".bin", ".pt", ".pkl"))]


def test_report_and_predictions_agree(trained):
    import pyarrow.parquet as pq

    report = json.loads(trained["run"].report.read_text())
    rows = pq.read_table(trained["run"].predictions).to_pylist()
    test = [r for r in rows if r["split"] == "test"]
    right = sum(r["label"] == r["prediction"] for r in test)
    assert report["splits"]["test"]["rows"] == len(test) == 60
    assert report["splits"]["test"]["metrics"]["accuracy"] == pytest.approx(right / len(test))
    assert sum(map(sum, report["splits"]["test"]["confusion"])) == len(test)
    assert trained["line"]["metrics"]["test_accuracy"] == pytest.approx(right / len(test))


def test_runs_list_and_show(trained):
    home = trained["home"].path
    listed = json.loads(cli("runs", "list", "--json", home=home).stdout)["runs"]
    assert [r["id"] for r in listed] == [trained["run"].id]
    shown = json.loads(cli("runs", "show", trained["run"].id[-4:], "--json", home=home).stdout)
    assert shown["metrics"]["test"]["accuracy"] == trained["line"]["metrics"]["test_accuracy"]
    assert trained["run"].id in cli("runs", "list", home=home).stdout


def test_predict_evaluate_export(trained, tmp_path):
    home, run = trained["home"].path, trained["run"]
    answers = json.loads(cli("predict", run.id, "很好 喜欢", "很差 讨厌", "--json", home=home).stdout)["results"]
    assert [a["label"] for a in answers] == ["正面", "负面"]
    assert sum(answers[0]["scores"].values()) == pytest.approx(1)

    more = write_csv(tmp_path / "more.csv", reviews(40, seed=9), header="text,label")
    scored = json.loads(cli("evaluate", run.id, more, home=home).stdout)
    assert scored["rows"] == 40
    assert scored["metrics"]["accuracy"] > 0.9

    for form, file in [("safetensors", "model.safetensors"), ("adapter", "adapter_model.safetensors")]:
        made = json.loads(cli("export", run.id, "--format", form, home=home).stdout)
        assert (run.exports / form / file).exists()
        assert made["path"] == str(run.exports / form)


def test_a_place_that_is_not_there_is_told_before_the_work(trained, tmp_path):
    home, run = trained["home"].path, trained["run"]
    rows = write_csv(tmp_path / "rows.csv", reviews(4), header="text,label")
    for arguments in (("predict", run.id, "--file", rows), ("bundle", run.id)):
        done = cli(*arguments, "--out", tmp_path / "none" / "x.csv", home=home, check=2)
        assert str(tmp_path / "none") in done.stderr and len(done.stderr.strip().splitlines()) == 1
    assert "is a folder" in cli("predict", run.id, "--file", rows, "--out", tmp_path, home=home, check=2).stderr


def test_a_run_without_a_job_cannot_be_stopped(tmp_path):
    run = Home(tmp_path).new_run()
    assert run.id in cli("runs", "stop", run.id, home=tmp_path, check=2).stderr


@pytest.mark.parametrize("command", [["predict", "a text"], ["export"], ["bundle"]])
def test_a_run_without_a_model_is_told_with_its_state(tmp_path, command):
    run = Home(tmp_path).new_run()
    run.recipe.write_text("{version: 1, task: text-classification, model: x, data: {path: a.csv}, strategy: {name: full}}")
    ev.Writer(run.new_job("train", {}).events, 1).state(ev.STOPPED)
    said = cli(command[0], run.id, *command[1:], home=tmp_path, check=2, FTUI_LANG="zh")
    assert "还没有训练好的模型（状态：已停止）" in said.stderr


def test_an_adapter_on_its_base_is_the_merged_model(trained, toy_model):
    import peft
    import torch
    from transformers import AutoModelForSequenceClassification

    from ftui.training.models import load  # noqa: F401  (the same libraries as the product)

    merged = AutoModelForSequenceClassification.from_pretrained(trained["run"].model)
    base = AutoModelForSequenceClassification.from_pretrained(toy_model, num_labels=2)
    adapted = peft.PeftModel.from_pretrained(base, trained["run"].model / "adapter")
    ids = torch.tensor([[2, 5, 6, 13, 3]])
    torch.testing.assert_close(merged.eval()(ids).logits, adapted.eval()(ids).logits, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"data": {"path": "none.csv"}}, "none.csv"),
        ({"training": {"num_train_epochs": -1}}, "training.num_train_epochs"),
        ({"training": {"metric_for_best_model": "beauty"}}, "beauty"),
        ({"training": {"early_stopping_patience": 2}, "data": {"validation_size": 0}}, "validation"),
        ({"data": {"columns": {"text": "nowhere"}}}, "nowhere"),
        ({"nonsense": 1}, "nonsense"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(recipe_for, tmp_path, change, named):
    recipe = recipe_for()
    for key, value in change.items():
        recipe[key] = {**recipe[key], **value} if isinstance(value, dict) else value
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(recipe, allow_unicode=True))
    done = cli("train", path, home=tmp_path / "home", check=2)
    assert named in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
    assert not (tmp_path / "home" / "runs").exists()
    chinese = cli("train", path, home=tmp_path / "home", check=2, FTUI_LANG="zh")
    assert named in chinese.stderr
    assert any("\u4e00" <= c <= "\u9fff" for c in chinese.stderr)


@pytest.mark.parametrize("model", ["starter-nothing", "/no/such/folder", "../../etc", "a b", "x/y/z", "💥"])
def test_a_model_that_cannot_be(recipe_for, tmp_path, model):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe_for(), "model": model}))
    done = cli("train", path, home=tmp_path / "home", check=2)
    assert model in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "home" / "runs").exists()


def test_no_network_is_one_clear_sentence(recipe_for, tmp_path):
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe_for(), "model": "nobody/nothing-here"}))
    done = cli("train", path, home=tmp_path / "home", check=2)
    error = json.loads(done.stdout)["error"]
    assert error["code"] == "model_no_network"
    assert "nobody/nothing-here" in error["message"]
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [["runs", "show", "../.."], ["runs", "resume", "x"], ["predict", "x", "text"], ["fly"], ["train"]])
def test_wrong_arguments(tmp_path, arguments):
    done = cli(*arguments, home=tmp_path, check=2)
    assert "Traceback" not in done.stderr


def test_json_errors(tmp_path):
    done = cli("runs", "show", "x", "--json", home=tmp_path, check=2)
    error = json.loads(done.stdout)["error"]
    assert set(error) == {"code", "message", "hint"}
    assert error["code"] == "run_unknown"


def test_pins_agree_with_the_space():
    head = (REPO / "README.md").read_text(encoding="utf-8").split("---")[1]
    pins = dict(line.split("==") for line in (REPO / "requirements.txt").read_text().splitlines() if "==" in line)
    assert yaml.safe_load(head)["sdk_version"] == pins["gradio"]


def test_a_run_without_a_model_is_told_so(trained, tmp_path):
    run = Home(tmp_path / "home").new_run()
    run.recipe.write_text(trained["run"].recipe.read_text(encoding="utf-8"), encoding="utf-8")
    run.new_job("train")
    for arguments in (("export", run.id), ("bundle", run.id, "--out", tmp_path / "x.zip"), ("predict", run.id, "好")):
        done = cli(*arguments, "--json" if arguments[0] == "export" else "--artefact=model", home=tmp_path / "home", check=2)
        assert f"Run {run.id} has no finished model" in done.stdout + done.stderr and "Traceback" not in done.stderr


def test_what_goes_wrong_in_a_job_is_a_document_too(trained, tmp_path):
    """And a port that is taken is the user's to mend, like all that has its sentence."""
    home, run = trained["home"].path, trained["run"].id
    other = write_csv(tmp_path / "other.csv", [("很好", "其他"), ("很差", "其他")], header="text,label")
    done = cli("evaluate", run, other, "--json", home=home, check=2)
    assert json.loads(done.stdout)["error"]["code"] == "labels_unknown"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = cli("serve", run, "--port", taken.getsockname()[1], home=home, check=2)
    assert "Traceback" not in done.stderr


def test_the_predictions_of_two_files_do_not_share_a_name(trained, tmp_path):
    for name in ("rows.2023.csv", "rows.2024.csv"):
        write_csv(tmp_path / name, reviews(4), header="text,label")
        done = cli("predict", trained["run"].id, "--file", tmp_path / name, home=trained["home"].path)
        assert json.loads(done.stdout)["out"] == str(tmp_path / name.replace(".csv", "-predictions.csv"))


def test_a_race_that_nobody_finishes_has_not_succeeded(recipe_for, tmp_path):
    import torch

    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump({**recipe_for(), "device": "mps" if torch.cuda.is_available() else "cuda"}))
    done = cli("race", path, "--strategies", "frozen,full", home=tmp_path / "home", check=2)
    assert {run["state"] for run in json.loads(done.stdout)["runs"]} == {"failed"} and "device" in done.stderr


@pytest.mark.parametrize("arguments", [[], ["runs"], ["data"]])
def test_nothing_asked_for_gives_the_help_alone(arguments):
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "ftui", *arguments], cwd=REPO, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "Usage" in done.stdout and done.stderr == ""


def test_resuming_prints_json_as_the_others_do(tmp_path):
    assert json.loads(cli("runs", "resume", "x", "--json", home=tmp_path, check=2).stdout)["error"]["code"] == "run_unknown"


@pytest.mark.parametrize(("arguments", "told"), [(["none"], "not a model"), (["--device", "abacus", "."], "abacus"), (["."], "not a model")])
def test_a_server_without_a_home_says_what_is_wrong(tmp_path, arguments, told):
    done = subprocess.run([sys.executable, "-W", "ignore", "-m", "ftui.serve", *arguments], cwd=REPO, capture_output=True, text=True, timeout=120)
    assert done.returncode == 2 and told in done.stderr and "Traceback" not in done.stderr
