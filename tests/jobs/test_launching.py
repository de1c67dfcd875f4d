"""Several processes that train one model: as one would, stopped together, an error told once. Real torchrun, with gloo."""

import contextlib
import json
import os
import shutil
import sys

import psutil
import pytest
import yaml

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.access import Access
from ftui.core.errors import UserError
from ftui.core.home import Home, Job
from ftui.jobs import launching, worker
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
        config = configured(tmp_path, use_cpu=True) if launcher == "accelerate" else None
        return recipes.build(content | {"model": str(folder), "launcher": launcher, "accelerate_config": config})

    return make


def configured(folder, **settings) -> str:
    """The path of a configuration of accelerate: two processes, each with the whole model, as torchrun starts them."""
    path = folder / "how.yaml"
    path.write_text(yaml.safe_dump({"distributed_type": "MULTI_GPU", "num_processes": 2, "mixed_precision": "no", **settings}))
    return str(path)


def rank_of(process) -> str | None:
    with contextlib.suppress(psutil.Error):
        return process.environ().get("RANK")


def ended(run) -> str:
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL, timeout=200)
    return jobs.state(run.training())


@pytest.mark.slow
def test_two_processes_learn_as_one(made, tmp_path):
    curves, layers = {}, {}
    for launcher in ("local", "torchrun", "accelerate"):
        run = jobs.start_training(made(launcher), Home(tmp_path / launcher))
        assert ended(run) == ev.FINISHED, run.training().log.read_text()
        events = ev.read(run.training().events)[0]
        curves[launcher] = [e["values"] for e in events if e["type"] == "metric"]
        layers[launcher] = [[*e["grad_norm"].values(), *e["learning_rate"].values()] for e in events if e["type"] == "layers"]
        assert len([e for e in events if e["type"] == "log" and e["key"] == "finished"]) == 1
        assert json.loads(run.report.read_text())["splits"]["test"]["rows"] == 60
    assert len(curves["local"]) > len(layers["local"]) > 20
    for told in (curves, layers):
        for one, *others in zip(*told.values(), strict=True):
            assert all(one == pytest.approx(other, rel=1e-3, abs=1e-4) for other in others)


@pytest.mark.slow
def test_accelerate_with_one_process(made, tmp_path):
    recipe = made("accelerate", max_steps=2)
    configured(tmp_path, distributed_type="NO", num_processes=1)
    run = jobs.start_training(recipe, Home(tmp_path / "home"))
    assert ended(run) == ev.FINISHED, run.training().log.read_text()
    assert [e["step"] for e in ev.read(run.training().events)[0] if e["type"] == "layers"] == [1, 2]


@pytest.mark.slow
def test_one_that_dies_ends_all_with_the_last_lines(made, tmp_path):
    run = jobs.start_training(made("accelerate", num_train_epochs=300), Home(tmp_path))
    job = run.training()
    wait_for(lambda: (ev.last(ev.read(job.events)[0], "progress") or {}).get("step"), timeout=100)
    ranks = {rank_of(process): process for process in psutil.Process(job.card()["pid"]).children(recursive=True)}
    ranks["1"].kill()
    assert ended(run) == ev.FAILED
    error = ev.last(ev.read(job.events)[0], "error")
    assert error["code"] == "worker_crashed" and "Signal 9" in error["details"]
    assert psutil.wait_procs([ranks["0"], ranks["1"]], timeout=60)[1] == []


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


@pytest.mark.parametrize(
    ("settings", "code", "named"),
    [
        ({"distributed_type": False, "num_processes": 2}, "accelerate_processes", "2"),  # what YAML makes of NO
        ({"distributed_type": "MULTI_CPU", "num_processes": 4}, "accelerate_processes", "MULTI_CPU"),
        ({"distributed_type": "TPU"}, "accelerate_config", "TPU"),
        ({"num_processes": 0}, "accelerate_config", "0"),
        ({"num_machines": 2}, "accelerate_config", "num_machines"),
        ({"compute_environment": "AMAZON_SAGEMAKER"}, "accelerate_config", "AMAZON"),
        ({"num_processes": 3}, "processes_rows", "16"),
        ({"distributed_type": "DEEPSPEED"}, "sharded_package", "DeepSpeed"),
    ],
)
def test_what_accelerate_cannot_do_is_said_at_once(made, tmp_path, settings, code, named):
    recipe = made("accelerate")
    configured(tmp_path, **settings)
    with pytest.raises(UserError) as caught:
        jobs.start_training(recipe, Home(tmp_path / "home"))
    assert caught.value.code == code and named in caught.value.message() and caught.value.message("zh")
    assert not Home(tmp_path / "home").all_runs()


@pytest.mark.parametrize("text", [None, "- a list", "a: [", "\x00"])
def test_a_configuration_that_is_none(made, tmp_path, text):
    recipe = made("accelerate")
    (tmp_path / "how.yaml").unlink() if text is None else (tmp_path / "how.yaml").write_text(text)
    with pytest.raises(UserError) as caught:
        launching.check(recipe)
    assert caught.value.code == "accelerate_config" and "how.yaml" in caught.value.message()


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"strategy": {"name": "gradual"}}, "gradual"),
        ({"strategy": {"name": "full", "layer_decay": 0.9}}, "layer_decay"),
        ({"strategy": {"name": "lora", "loraplus_lr_ratio": 4}}, "loraplus_lr_ratio"),
        ({"strategy": {"name": "lora", "load_in_4bit": True}}, "load_in_4bit"),
        ({"prune": {"layers": 1}}, "prune"),
        ({"task": "preference-tuning"}, "preference"),
        ({}, None),
    ],
)
def test_what_a_model_in_pieces_cannot_do(made, tmp_path, part, named):
    recipe = recipes.build(made("accelerate").model_dump(mode="json") | part)
    configured(tmp_path, distributed_type="FSDP")
    if named is None:
        launching.check(recipe)
        return
    with pytest.raises(UserError) as caught:
        launching.check(recipe)
    assert caught.value.code == "sharded_alone" and named in caught.value.message()


def test_accelerates_configuration_stays_with_the_run(made, tmp_path):
    recipe = made("accelerate")
    configured(tmp_path, distributed_type="DEEPSPEED", deepspeed_config={"deepspeed_config_file": "zero.json"})
    folder = tmp_path / "run"
    folder.mkdir()
    kept = launching.kept(recipe, folder)
    (folder / "recipe.yaml").write_text(recipes.dump(kept))
    read = recipes.load(folder / "recipe.yaml")
    assert read.accelerate_config == str(folder / "accelerate.yaml")
    assert launching.configuration(read)["deepspeed_config"] == {"deepspeed_config_file": str(tmp_path / "zero.json")}
    line = launching.accelerate(Job(folder / "jobs" / "1"), read)
    assert line[line.index("--config_file") + 1] == read.accelerate_config and line[-3:] == ["-m", launching.WORK, str(folder / "jobs" / "1")]
    assert launching.environment(read)["OMP_NUM_THREADS"] == str(max(1, (os.cpu_count() or 1) // 2))
    assert launching.kept(made("torchrun"), folder) == made("torchrun")


def test_accelerate_needs_a_configuration(recipe_for):
    with pytest.raises(UserError, match="accelerate_config"):
        recipes.build(recipe_for() | {"launcher": "accelerate"})


def test_its_path_is_one_of_this_machine(made, tmp_path):
    with pytest.raises(UserError) as caught:
        Access("private").check(made("accelerate").model_copy(update={"model": "starter-encoder", "data": recipes.Data(path="en/data")}), Home(tmp_path), 10)
    assert caught.value.code == "path_only_local" and "how.yaml" in caught.value.message()


def test_a_demo_starts_no_processes(recipe_for, tmp_path):
    home = Home(tmp_path)
    content = recipe_for() | {"model": "starter-encoder", "launcher": "torchrun"}
    content["data"] = {"path": str(home.datasets / "mine.csv")}
    with pytest.raises(UserError) as caught:
        Access("demo").check(recipes.build(content), home, 10)
    assert caught.value.code == "demo_processes"


def test_a_child_has_the_settings_that_make_it_quick_but_the_user_s_own_win(tmp_path, monkeypatch):
    run = Home(tmp_path / "home").new_run()
    job = run.new_job("export")
    shown = "import os; print(*(os.environ[name] for name in ('GOMP_SPINCOUNT', 'ONEDNN_PRIMITIVE_CACHE_CAPACITY', 'GLIBC_TUNABLES')))"
    monkeypatch.setattr(launching, "command", lambda *_: [sys.executable, "-c", shown])
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    worker.supervise(job, job.card(), None, ev.Writer(job.events, 1))
    own, kernels, memory = job.log.read_text().split()
    assert own == "7" and kernels == worker.ENVIRONMENT["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] and "mmap_threshold" in memory
