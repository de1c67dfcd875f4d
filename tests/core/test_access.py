import dataclasses
import os
import time

import pytest

from ftui import tasks
from ftui.core import access, recipe
from ftui.core.errors import UserError
from ftui.core.home import Home

VISITOR = "0" * 31 + "a"


def made(home: Home, **change) -> recipe.Recipe:
    data = home.datasets / ("1" * 16)
    data.mkdir(parents=True, exist_ok=True)
    return recipe.build({"data": {"path": str(data)}, **change})


def code(way: access.Access, home: Home, rows: int = 100, **change) -> str | None:
    try:
        way.check(made(home, **change), home, rows)
    except UserError as error:
        return error.code
    return None


@pytest.mark.parametrize("model", ["/etc", "./x", "~/models", "..\\x"])
def test_paths_of_this_machine_are_for_local_use_only(tmp_path, model):
    home = Home(tmp_path)
    assert code(access.LOCAL, home, model=model) is None
    assert code(access.PRIVATE, home, model=model) == "path_only_local"
    assert code(access.DEMO, home, model=model) == "path_only_local"


@pytest.mark.parametrize("path", ["/etc/passwd", "../secret.csv", "{home}/../other", "{home}/datasets/../../x"])
def test_data_outside_the_home(tmp_path, path):
    home = Home(tmp_path / "mine")
    path = path.format(home=home.path)
    assert code(access.PRIVATE, home, data={"path": path}) == "path_only_local"
    data = {"path": str(home.datasets / ("1" * 16)), "test_path": path}
    assert code(access.DEMO, home, data=data) == "path_only_local"


@pytest.mark.parametrize(
    ("change", "rows", "expected"),
    [
        ({}, 100, None),
        ({}, 10**6, "demo_rows"),
        ({"model": "bert-base-chinese"}, 100, "demo_model"),
        ({"search": {"minutes": 6}}, 1000, "demo_search"),
        ({"training": {"num_train_epochs": 1000}}, 10_000, "demo_steps"),
        ({"training": {"num_train_epochs": 1000, "max_steps": 10}}, 10_000, None),
        ({"training": {"save_total_limit": 3}}, 100, "demo_checkpoints"),
        ({"retries": 1}, 100, "demo_retries"),
        ({"language": {"samples": 100, "max_new_tokens": 1000}}, 100, None),
        ({"language": {"samples": 100, "max_new_tokens": 1000, "num_beams": 2}}, 100, "demo_written"),
        ({"language": {"samples": 0, "max_new_tokens": 4096, "num_beams": 32}}, 100, None),
        ({"language": {"max_new_tokens": 4096, "num_beams": 32}}, 100, "demo_written"),
        ({"training": {"num_train_epochs": 1000, "max_steps": 100, "gradient_accumulation_steps": 99}}, 10_000, "demo_steps"),
    ],
)
def test_caps_of_a_demo(tmp_path, change, rows, expected):
    home = Home(tmp_path)
    assert code(access.DEMO, home, rows, **change) == expected
    assert code(access.PRIVATE, home, rows, **change) is None


@pytest.mark.parametrize(
    ("training", "rows", "expected"),
    [
        ({"num_train_epochs": 0.001, "max_steps": 1_000_000}, 20_000, "demo_steps"),  # max_steps wins over epochs
        ({"num_train_epochs": 1000, "per_device_train_batch_size": 4096}, 12_000, "demo_examples"),  # few, but huge steps
        ({"max_steps": 3000, "per_device_train_batch_size": 512}, 100, "demo_examples"),
        ({"max_steps": 3000, "eval_strategy": "steps", "eval_steps": 1}, 20_000, "demo_examples"),  # scoring at each step
        ({"num_train_epochs": 1}, 20_000, None),
        ({"max_steps": 3000}, 20_000, None),
        ({}, 400, None),
        ({"num_train_epochs": 20}, 2_000, None),
    ],
)
def test_caps_of_a_demo_cannot_be_passed_around(tmp_path, training, rows, expected):
    assert code(access.DEMO, Home(tmp_path), rows, training=training) == expected


def test_a_visitor_stores_no_more_than_allowed(tmp_path, monkeypatch):
    home = Home(tmp_path)
    access.LOCAL.check_import(home, 10**12)
    access.DEMO.check_import(home, 20 * 1024 * 1024)
    with pytest.raises(UserError, match="21 MB"):
        access.DEMO.check_import(home, 21_100_000)
    (home.datasets / "x").mkdir(parents=True)
    with open(home.datasets / "x" / "data.arrow", "wb") as file:
        file.truncate(access.DEMO.most_stored + 1)  # a hole: it takes no disk
    with pytest.raises(UserError, match="200 MB"):
        access.DEMO.check_import(home, 1)
    monkeypatch.setattr(access.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 10}))
    with pytest.raises(UserError, match="disk is full"):
        access.DEMO.check_disk(home)
    access.PRIVATE.check_disk(home)


def test_rows_are_counted_while_they_are_read():
    access.LOCAL.check_import_rows(10**9)
    access.DEMO.check_import_rows(20_000)
    with pytest.raises(UserError):
        access.DEMO.check_import_rows(20_001)


def test_each_visitor_has_a_home_and_nobody_anothers(tmp_path):
    root = Home(tmp_path)
    assert access.LOCAL.home(root, None) == root
    mine = access.DEMO.home(root, VISITOR)
    assert mine.path.parent.parent == tmp_path
    for name in (None, "", "../" + VISITOR, "A" * 32, VISITOR + "/..", VISITOR[:-1]):
        with pytest.raises(UserError):
            access.DEMO.home(root, name)


def test_a_home_is_removed_when_nobody_comes(tmp_path):
    root, ended = Home(tmp_path), []
    old, new = (access.DEMO.home(root, c * 32).path for c in "ab")
    for folder in (old, new):
        folder.mkdir(parents=True)
    os.utime(old, (0, 0))
    assert access.sweep(root, 3600, ended.append) == 1
    assert not old.exists()
    assert new.exists()
    assert ended == [Home(old)]


FEW = dataclasses.replace(access.DEMO, most_visitors=2)


def test_a_visit_alone_takes_no_place(tmp_path):
    for number in range(5):
        assert not FEW.home(Home(tmp_path), f"{number:032x}").path.exists()
    assert list(tmp_path.iterdir()) == []


def test_a_demo_takes_only_so_many_visitors(tmp_path):
    for name in "ab":
        FEW.check_import(FEW.home(Home(tmp_path), name * 32), 1)
    with pytest.raises(UserError, match="as many visitors"):
        FEW.check_import(FEW.home(Home(tmp_path), "c" * 32), 1)
    FEW.check_import(FEW.home(Home(tmp_path), "a" * 32), 1)


def test_homes_without_runs_that_were_left_make_room(tmp_path):
    """The oldest first; who has a run, or was here within the hour, stays."""
    with_run, left, longer_left = (FEW.home(Home(tmp_path), name * 32) for name in "abc")
    run = with_run.new_run()
    run.recipe.write_text("version: 1")
    left.datasets.mkdir(parents=True)
    hours_ago = time.time() - 2 * 3600
    for home in (with_run, left):
        os.utime(home.path, (hours_ago, hours_ago))
    FEW.admit(longer_left)
    assert (with_run.path.exists(), left.path.exists(), longer_left.path.exists()) == (True, False, True)

    with pytest.raises(UserError, match="as many visitors"):
        FEW.admit(left)
    roomy = dataclasses.replace(access.DEMO, most_visitors=3)
    roomy.admit(left)
    os.utime(longer_left.path, (hours_ago - 3600, hours_ago - 3600))
    os.utime(left.path, (hours_ago, hours_ago))
    roomy.admit(FEW.home(Home(tmp_path), "d" * 32))
    assert left.path.exists() and not longer_left.path.exists()


def test_no_task_writes_out_more_samples_than_are_counted():
    most = max(getattr(tasks.get(name), "SAMPLES", 0) for name in tasks.TASKS)
    assert most == access._SAMPLES


HOSTILE = ["work/visitors:default", "work:default", ":default", "./work:x", "../work:x"]


@pytest.mark.parametrize("path", HOSTILE)
def test_a_folder_cannot_pass_for_a_data_set_of_the_hub(tmp_path, monkeypatch, path):
    (tmp_path / "work" / "visitors").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    home = Home(tmp_path / "mine")
    for way in (access.PRIVATE, access.DEMO):
        assert code(way, home, data={"path": path}) == "path_only_local"
        assert code(way, home, distil={"teacher": "x", "unlabelled_path": path}) == "path_only_local"
        with pytest.raises(UserError, match="path on the server"):
            way.check_source(path)
    access.LOCAL.check_source(path)


def test_a_demo_reads_nothing_of_the_hub(tmp_path):
    home = Home(tmp_path)
    own = str(home.datasets / ("1" * 16))
    for data in ({"path": "owner/name"}, {"path": "owner/name:config"}, {"path": own, "test_path": "owner/name"}, {"path": "x" * 5000}, {"path": "a\0b"}):
        assert code(access.DEMO, home, data=data) == "demo_hub"
        assert code(access.PRIVATE, home, data=data) is None
