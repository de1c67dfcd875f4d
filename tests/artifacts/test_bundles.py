"""A model with all that it needs elsewhere: what is in the bundles, and that they answer as the model does."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml

from ftui.artifacts import bundles, model_card
from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError
from ftui.ui import export_tab
from tests.conftest import cli

TEXT = "excellent 很好 the thing"


def test_the_card_tells_data_results_limits_and_no_path(trained):
    card = model_card.write(trained["run"], "model")
    head = yaml.safe_load(card.split("---")[1])
    assert head["pipeline_tag"] == "text-classification" and "license" not in head
    report = json.loads(trained["run"].report.read_text(encoding="utf-8"))
    assert f"| accuracy | {report['splits']['test']['metrics']['accuracy']:.4f} |" in card
    assert "## Limits" in card and "## 局限" in card and "reviews.csv" in card and "toy-bert" in card
    assert str(trained["home"].path) not in card and "/toy-bert" not in card
    recipe = yaml.safe_load(card.split("```yaml")[1].split("```")[0])
    assert recipe["strategy"]["name"] == "lora" and recipe["data"]["path"] == "reviews.csv"


def test_a_zip_is_a_copy_outside_the_home_with_the_card(trained):
    path = export_tab.pack(trained["home"], "en", trained["run"].id, "model", "zip")
    with zipfile.ZipFile(path) as archive:
        assert {"README.md", "config.json", "ftui.json", "model.safetensors", "tokenizer.json"} <= set(archive.namelist())
        assert archive.read("README.md").decode("utf-8") == model_card.write(trained["run"], "model")
    assert not path.startswith(str(trained["home"].path))


def test_a_space_answers_as_the_model_does(trained, tmp_path):
    line = json.loads(cli("bundle", trained["run"].id, "--kind", "space", "--out", tmp_path / "space", home=trained["home"].path).stdout)
    folder = Path(line["path"])
    head = yaml.safe_load((folder / "README.md").read_text(encoding="utf-8").split("---")[1])
    pins = (folder / "requirements.txt").read_text(encoding="utf-8")
    assert head["sdk"] == "gradio" and head["app_file"] == "app.py" and "transformers==" in pins and "torch==" in pins
    code = f"import app, json; print(json.dumps(app.ask({TEXT!r})))"
    without_ours = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], cwd=folder, env=without_ours, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == pytest.approx(Predictor(trained["run"].model).predict([{"text": TEXT}])[0]["scores"], abs=1e-4)


def test_a_container_has_all_that_its_recipes_copy(trained, tmp_path):
    bundles.fill(trained["run"], "model", "docker", tmp_path)
    services = yaml.safe_load((tmp_path / "compose.yaml").read_text(encoding="utf-8"))["services"]
    for service in services.values():
        lines = (tmp_path / service["build"]["dockerfile"]).read_text(encoding="utf-8").splitlines()
        copied = [line.split()[1] for line in lines if line.startswith("COPY ")]
        assert copied == ["requirements.txt", "ftui", "model"] and all((tmp_path / name).exists() for name in copied)
        assert service["environment"] == ["FTUI_API_KEY"]
    helped = subprocess.run([sys.executable, "-m", "ftui.serve", "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert helped.returncode == 0 and "--root-path" in helped.stdout, helped.stderr


def test_what_cannot_be_bundled_is_said(trained, tmp_path):
    with pytest.raises(UserError, match="no bundle"):
        bundles.fill(trained["run"], "model", "tar", tmp_path)
    (tmp_path / "there").mkdir()
    done = cli("bundle", trained["run"].id, "--kind", "docker", "--out", tmp_path / "there", home=trained["home"].path, check=2)
    assert "already there" in done.stderr
