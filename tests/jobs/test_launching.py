"""Several processes that train one model: as one would, stopped together, an error told once. Real torchrun, with gloo."""

import json
import shutil

import pytest

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.access import Access
from ftui.core.errors import UserError
from ftui.core.home import Home
from tests.conftest import wait_for


@pytest.fixture
def made(recipe_for, toy_model, tmp_path):
    """A recipe by its launcher, of a model without dropout, so that the processes draw nothing of their own."""
    folder = tmp_path / "calm"
    shutil.copytree(toy_model, folder)
    config = json.loads((folder / "config.json").read_text()) | {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (folder / "config.json").write_text(json.dumps(config))

    def make(launcher, **training):
        content = recipe_for(**{"num_train_epochs": 2, "logging_steps": 1, **training})
        return recipes.build(content | {"model": str(folder), "launcher": launcher})

    return make


def ended(run) -> str:
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL, timeout=200)
    return jobs.state(run.training())


@pytest.mark.slow
def test_two_processes_learn_as_one(made, tmp_path):
    curves = {}
    for launcher in ("local", "torchrun"):
        run = jobs.start_training(made(launcher), Home(tmp_path / launcher))
        assert ended(run) == ev.FINISHED, run.training().log.read_text()
        events = ev.read(run.training().events)[0]
        curves[launcher] = [e["values"] for e in events if e["type"] == "metric"]
        assert len([e for e in events if e["type"] == "log" and e["key"] == "finished"]) == 1
        assert json.loads(run.report.read_text())["splits"]["test"]["rows"] == 60
    assert len(curves["local"]) == len(curves["torchrun"]) > 20
    for one, other in zip(*curves.values(), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-4)


@pytest.mark.slow
def test_they_stop_together_and_go_on(made, tmp_path):
    run = jobs.start_training(made("torchrun", num_train_epochs=300), Home(tmp_path))
    job = run.training()
    wait_for(lambda: (ev.last(ev.read(job.events)[0], "progress") or {}).get("step") or 0 > 5, timeout=100)
    jobs.stop(job)
    assert ended(run) == ev.STOPPED
    assert list(run.checkpoints.glob("checkpoint-*/trainer_state.json"))


@pytest.mark.slow
def test_an_error_of_all_is_told_once(made, tmp_path):
    run = jobs.start_training(made("torchrun", per_device_train_batch_size=15), Home(tmp_path))
    assert ended(run) == ev.FAILED
    errors = [e["code"] for e in ev.read(run.training().events)[0] if e["type"] == "error"]
    assert errors == ["processes_rows"]
    assert run.training().exit_code.read_text() == "2"


def test_a_demo_starts_no_processes(recipe_for, tmp_path):
    home = Home(tmp_path)
    content = recipe_for() | {"model": "starter-encoder", "launcher": "torchrun"}
    content["data"] = {"path": str(home.datasets / "mine.csv")}
    with pytest.raises(UserError) as caught:
        Access("demo").check(recipes.build(content), home, 10)
    assert caught.value.code == "demo_processes"
