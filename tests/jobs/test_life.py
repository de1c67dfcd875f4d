"""The life of a run: finished, stopped, killed, resumed, queued, deleted. Real processes, a small real model."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import yaml

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.jobs import queue
from tests.conftest import REPO, cli, wait_for

LONG = {"num_train_epochs": 30, "eval_strategy": "steps", "eval_steps": 40, "logging_steps": 5}


def child_of(job) -> psutil.Process:
    return psutil.Process(job.card()["pid"]).children()[0]


def step_of(job) -> int:
    progress = ev.last(ev.read(job.events)[0], "progress") or {}
    return progress.get("step") or 0


def attempts_metrics(job) -> dict:
    values = {}
    for event in ev.read(job.events)[0]:
        if event["type"] == "metric":
            values |= event["values"]
    return values


def has_checkpoint(run) -> bool:
    return any(run.checkpoints.glob("checkpoint-*/trainer_state.json"))


@pytest.fixture(scope="module")
def unbroken(recipe_for, tmp_path_factory) -> dict:
    home = Home(tmp_path_factory.mktemp("unbroken"))
    run = jobs.start_training(recipes.build(recipe_for(**LONG)), home)
    wait_for(lambda: jobs.state(run.training()) in ev.TERMINAL)
    assert jobs.state(run.training()) == ev.FINISHED
    return attempts_metrics(run.training())


def test_killed_child_fails_and_resumes_to_the_same_model(recipe_for, tmp_path, unbroken):
    run = jobs.start_training(recipes.build(recipe_for(**LONG)), Home(tmp_path))
    job = run.training()
    wait_for(lambda: has_checkpoint(run) and step_of(job) > 60)
    child_of(job).kill()
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.FAILED
    assert ev.last(ev.read(job.events)[0], "error")["code"] == "worker_killed"
    assert not run.model.exists()

    jobs.resume(run)
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.FINISHED
    logs = [e["key"] for e in ev.read(job.events)[0] if e["type"] == "log"]
    assert "resuming" in logs
    again = attempts_metrics(job)
    for name in unbroken:
        assert again[name] == pytest.approx(unbroken[name], abs=1e-6), name
    with pytest.raises(UserError):
        jobs.resume(run)


def test_stop_saves_and_resume_goes_on(recipe_for, tmp_path, unbroken):
    run = jobs.start_training(recipes.build(recipe_for(**LONG)), Home(tmp_path))
    job = run.training()
    wait_for(lambda: step_of(job) > 5)
    jobs.stop(job)
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.STOPPED
    assert has_checkpoint(run)
    assert jobs.summaries(Home(tmp_path))[0]["state"] == ev.STOPPED
    jobs.resume(run)
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.FINISHED
    assert attempts_metrics(job)["test_loss"] == pytest.approx(unbroken["test_loss"], abs=1e-6)


def test_a_killed_parent_takes_its_child_along(recipe_for, tmp_path):
    run = jobs.start_training(recipes.build(recipe_for(num_train_epochs=500)), Home(tmp_path))
    job = run.training()
    wait_for(lambda: step_of(job) > 0)
    child = child_of(job)
    os.kill(job.card()["pid"], signal.SIGKILL)
    wait_for(lambda: jobs.state(job) == ev.LOST, timeout=10)
    wait_for(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE, timeout=10)
    assert jobs.summary(run)["state"] == ev.LOST


def test_the_second_run_waits_for_the_first(recipe_for, tmp_path):
    home = Home(tmp_path)
    first = jobs.start_training(recipes.build(recipe_for(num_train_epochs=500)), home).training()
    wait_for(lambda: jobs.state(first) in (ev.STARTING, ev.RUNNING))
    second = jobs.start_training(recipes.build(recipe_for()), home).training()
    third = jobs.start_training(recipes.build(recipe_for()), home).training()
    wait_for(lambda: len(queue.waiting(home)) == 2)
    assert jobs.state(second) == jobs.state(third) == ev.QUEUED
    with pytest.raises(UserError):
        jobs.delete(second.run)
    assert queue.waiting(home) == [second.run.id, third.run.id]
    queue.move(third.run, 0)
    assert queue.waiting(home) == [third.run.id, second.run.id]
    queue.move(third.run, 1)
    assert queue.waiting(home) == [second.run.id, third.run.id]
    jobs.stop(third)
    wait_for(lambda: jobs.state(third) == ev.STOPPED, timeout=5)
    assert jobs.state(first) in (ev.STARTING, ev.RUNNING)
    queue.set_slots(home, 2)
    wait_for(lambda: jobs.state(second) == ev.FINISHED)
    assert jobs.state(first) == ev.RUNNING
    jobs.stop(first)
    wait_for(lambda: jobs.state(first) == ev.STOPPED)
    jobs.delete(third.run)
    assert third.run not in home.all_runs()
    assert sorted(p.name for p in home.queue.iterdir()) == ["first.json", "slots.json", "speeds.json"]


def test_ctrl_c_stops_and_a_second_one_lets_go(recipe_for, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(recipe_for(num_train_epochs=500)))
    home = Home(tmp_path / "home")
    command = [sys.executable, "-m", "ftui", "train", str(recipe), "--home", str(home.path)]
    process = subprocess.Popen(
        command, cwd=REPO, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # a shell's background job ignores it
    )  # fmt: skip
    job = wait_for(lambda: [r.training() for r in home.all_runs()])[0]
    wait_for(lambda: step_of(job) > 0)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["status"] == "stopped"
    assert "Traceback" not in err


def test_the_run_outlives_the_one_who_started_it(recipe_for, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(yaml.safe_dump(recipe_for()))
    done = cli("train", recipe, "--detach", home=tmp_path / "home")
    run = Home(tmp_path / "home").run(json.loads(done.stdout)["run"])
    wait_for(lambda: jobs.state(run.training()) == ev.FINISHED)


def test_retries_go_on_from_the_checkpoint(recipe_for, tmp_path, unbroken):
    run = jobs.start_training(recipes.build({**recipe_for(**LONG), "retries": 1}), Home(tmp_path))
    job = run.training()
    wait_for(lambda: has_checkpoint(run) and step_of(job) > 50)
    child_of(job).kill()
    wait_for(lambda: jobs.state(job) in ev.TERMINAL)
    assert jobs.state(job) == ev.FINISHED
    assert job.card()["attempt"] == 2
    assert attempts_metrics(job)["test_loss"] == pytest.approx(unbroken["test_loss"], abs=1e-6)


def test_summaries_come_from_the_index_and_without_it(trained, tmp_path):
    first = jobs.summaries(trained["home"])
    assert first == jobs.summaries(trained["home"])
    Path(trained["home"].index).unlink()
    assert first == jobs.summaries(trained["home"])
    assert first[0]["state"] == "finished"
    assert first[0]["metric"] == "test_f1_macro"


def test_a_run_can_be_named_and_noted(trained):
    run = trained["run"]
    before = jobs.summary(run)["name"]
    run.write_about(name="  first \n try ")
    run.write_about(note="两行\n笔记")
    assert jobs.summaries(trained["home"])[0]["name"] == "first try"
    assert jobs.summary(run)["note"] == "两行\n笔记"
    run.write_about(name="", note="")
    assert jobs.summary(run)["name"] == before
