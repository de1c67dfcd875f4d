"""What takes up the disk, and that cleaning removes that and nothing else."""

import json
import os
import time

import pytest

from ftui.core import events as ev
from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.jobs import disk
from tests.conftest import cli


def put(path, size: int):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def make_run(home: Home, state: str, dataset: str):
    run = home.new_run()
    job = run.new_job("train")
    ev.Writer(job.events, 1).state(state)
    run.recipe.write_text(f"data: {{path: ../../datasets/{dataset}}}")
    put(run.checkpoints / "checkpoint-1" / "optimizer.pt", 1000)
    return run


@pytest.fixture
def home(tmp_path) -> Home:
    home = Home(tmp_path)
    for name in ("a" * 16, "b" * 16):
        put(home.datasets / name / "data.arrow", 500)
    put(home.cache / "hidden" / "states", 70)
    return home


@pytest.fixture
def runs(home) -> dict:
    runs = {state: make_run(home, state, "a" * 16) for state in (ev.FINISHED, ev.STOPPED, ev.RUNNING)}
    runs[ev.RUNNING].training().write_card({**runs[ev.RUNNING].training().card(), "created": time.time()})
    put(runs[ev.FINISHED].model / "model.safetensors", 300)
    put(runs[ev.FINISHED].exports / "onnx" / "model.onnx", 200)
    return runs


def test_every_byte_is_counted_once(home, runs):
    use = disk.use(home)
    parts = {"datasets": 1000, "checkpoints": 3000, "models": 300, "exports": 200, "cache": 70, "leftovers": 0}
    assert {name: use[name] for name in parts} == parts
    assert use["logs"] > 0 and use["free"] > 0
    everything = sum(p.stat().st_size for p in home.path.rglob("*") if p.is_file())
    assert use["total"] == everything


def test_cleaning_takes_what_it_says_and_leaves_the_rest(home, runs):
    assert disk.removable(home) == {
        "cache": 70, "leftovers": 0, "finished_checkpoints": 1000, "stopped_checkpoints": 1000, "unused_datasets": 500,
    }  # fmt: skip
    removed = disk.clean(home, ["cache", "finished_checkpoints"])
    assert removed == {"cache": 70, "finished_checkpoints": 1000}
    assert not runs[ev.FINISHED].checkpoints.exists() and runs[ev.FINISHED].model.exists()
    assert runs[ev.STOPPED].checkpoints.exists() and runs[ev.RUNNING].checkpoints.exists()
    disk.clean(home, ["stopped_checkpoints", "unused_datasets"])
    assert not runs[ev.STOPPED].checkpoints.exists() and runs[ev.RUNNING].checkpoints.exists()
    assert [p.name for p in home.datasets.iterdir()] == ["a" * 16]
    with pytest.raises(UserError):
        disk.clean(home, ["../.."])


def test_the_texts_of_a_student_are_in_use(home, runs):
    student = make_run(home, ev.FINISHED, "a" * 16)
    student.recipe.write_text(student.recipe.read_text() + f"\ndistil: {{teacher: a, unlabelled_path: ../../datasets/{'b' * 16}}}")
    assert disk.removable(home)["unused_datasets"] == 0


def test_what_was_labelled_by_hand_stays_and_a_spoilt_recipe_stops_nothing(home, runs):
    runs[ev.STOPPED].recipe.write_text("")
    assert disk.removable(home)["unused_datasets"] == 500
    put(home.datasets / ("b" * 16) / "labels.jsonl", 10)
    assert disk.removable(home)["unused_datasets"] == 0


def test_an_upload_is_abandoned_only_after_a_while(home):
    file = put(home.datasets / ".half.123.ab" / "source.csv", 10)
    assert disk.removable(home)["leftovers"] == 0
    for path in (file, file.parent):
        os.utime(path, (time.time() - 2 * disk.ABANDONED,) * 2)
    assert disk.clean(home, ["leftovers"]) == {"leftovers": 10}
    assert not file.parent.exists()


def test_an_empty_home_uses_nothing(tmp_path):
    use = disk.use(Home(tmp_path / "not" / "there"))
    assert use["total"] == 0 and use["free"] > 0


def test_the_command_asks_before_it_removes(home, runs):
    asked = cli("disk", "--clean", "--json", home=home.path, check=None)  # nobody answers
    assert home.cache.joinpath("hidden").exists() and "Remove cache" in asked.stderr
    said = json.loads(cli("disk", "--clean", "--yes", "--part", "cache", "--json", home=home.path).stdout)
    assert said["removed"] == {"cache": 70} and said["cache"] == 0
    assert "“all”" in cli("disk", "--clean", "--yes", "--part", "all", home=home.path, check=2).stderr
