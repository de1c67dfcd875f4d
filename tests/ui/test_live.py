"""What /live tells: lines once and in order, the state, ends that are waited for; and to whom."""

import json
import time

import pytest
from starlette.testclient import TestClient

from ftui.core import events as ev
from ftui.core.access import DEMO
from ftui.core.home import Home
from ftui.ui import app as ui
from ftui.ui import lines, live
from tests.ui.test_app import inside_a_loop


def said(answer: dict) -> list[str]:
    return [text for _, _, text in answer["lines"]]


def test_only_what_comes_after_is_sent(home, running):
    run, _, events = running
    first = live.news(home, "en", run.id, 0, "all", "")
    assert said(first) == ["[starting]", "[running]", "Training: 90 steps, 3 epochs.", "Step 10: Loss 0.7, Learning rate 0.0001, Gradient norm 1"]
    assert (first["first"], first["total"], first["over"], first["title"]) == (0, 4, False, "13 %")
    events.log("checkpoint", step=13)
    then = live.news(home, "en", run.id, first["total"], "all", "")
    assert said(then) == ["Checkpoint saved at step 13."] and (then["first"], then["total"]) == (4, 5)
    assert then["mark"] == first["mark"]  # nothing to draw
    events.progress(phase="training", step=14, max_steps=90)
    assert live.news(home, "en", run.id, 5, "all", "")["mark"] != first["mark"]


def test_lines_of_one_second_keep_their_order(home, running):
    run, job, _ = running
    written = [{"time": 5.0, "attempt": 1, "type": "log", "key": "checkpoint", "params": {"step": i}} for i in (3, 1, 2)]
    with open(job.events, "a") as file:
        file.writelines(json.dumps(line) + "\n" for line in written)
    assert [text[-2] for text in said(live.news(home, "en", run.id, 4, "all", ""))] == ["3", "1", "2"]


def test_half_a_line_comes_when_it_is_whole(home, running):
    run, job, _ = running
    line = json.dumps({"time": 5.0, "attempt": 1, "type": "log", "key": "checkpoint", "params": {"step": 77}}).encode() + b"\n"
    with open(job.events, "ab") as file:
        file.write(line[:40])
    assert said(live.news(home, "en", run.id, 4, "all", "")) == []
    with open(job.events, "ab") as file:
        file.write(line[40:])
    assert said(live.news(home, "en", run.id, 4, "all", "")) == ["Checkpoint saved at step 77."]


def test_level_and_words_choose_among_all_lines(home, running):
    run, _, events = running
    events.log("dropped_empty_text", level="warning", rows=3)
    for step in range(lines.KEPT + 50):
        events.log("checkpoint", step=step)
    assert said(live.news(home, "en", run.id, 0, "warnings", "")) == ["3 rows without text were left out."]
    assert said(live.news(home, "zh", run.id, 0, "all", "没有文本")) == ["已略去 3 行没有文本的数据。"]
    assert said(live.news(home, "en", run.id, 0, "errors", "")) == []
    answer = live.news(home, "en", run.id, 0, "all", "CHECKPOINT")
    assert len(answer["lines"]) == lines.KEPT and answer["total"] == lines.KEPT + 50 and answer["first"] == 50


def test_a_page_that_knows_more_than_there_is_gets_everything(home, running):
    assert live.news(home, "en", running[0].id, 999, "all", "")["first"] == 0


def test_a_line_of_another_version_is_shown_rather_than_lost():
    assert "unheard_of" in lines.sentence({"type": "log", "key": "unheard_of", "params": {"a": 1}}, "zh")


def test_a_hundred_thousand_lines_are_read_once(home, running):
    run, job, events = running
    line = json.dumps({"time": 1.0, "attempt": 1, "type": "log", "key": "checkpoint", "params": {"step": 1}}) + "\n"
    with open(job.events, "a") as file:
        file.write(line * 100_000)
    total = live.news(home, "en", run.id, 0, "all", "")["total"]
    assert total == 100_004
    events.log("checkpoint", step=2)
    start = time.perf_counter()
    assert said(live.news(home, "en", run.id, total, "all", "")) == ["Checkpoint saved at step 2."]
    assert time.perf_counter() - start < 0.1


def test_the_title_is_short_and_true(home, running, finished):
    run, _, events = running
    assert live.news(home, "en", finished.id, 0, "all", "")["title"] == "✓ 0.81"
    events.state(ev.FAILED)
    assert live.news(home, "en", run.id, 0, "all", "")["title"] == "✕"
    assert live.news(home, "en", "../..", 0, "all", "")["state"] == ""


def test_the_end_of_a_run_is_told_to_who_waits(home, running, finished):
    run, _, events = running
    told = live.ended(home, "en", [run.id, finished.id, "20200101-000000-dead"])
    assert set(told) == {finished.id, "20200101-000000-dead"}
    assert "finished" in told[finished.id]["title"] and "F1 (macro) · test 0.810" in told[finished.id]["text"]
    events.state(ev.FAILED)
    assert "失败" in live.ended(home, "zh", [run.id])[run.id]["title"]


@pytest.fixture
def visitors(tmp_path):
    return TestClient(inside_a_loop(lambda: ui.create(Home(tmp_path / "root"), None, DEMO)), base_url="http://127.0.0.1")


def test_who_is_not_logged_in_learns_nothing(home, running):
    client = TestClient(inside_a_loop(lambda: ui.create(home, ("me", "secret"))), base_url="http://127.0.0.1")
    address = f"/live?run={running[0].id}"
    assert client.get(address).status_code == 401 and client.get(address).json() == {}
    client.post("/zh/login", data={"username": "me", "password": "secret"})
    answer = client.get(address)
    assert answer.status_code == 200 and answer.json()["state"] == "running"
    assert answer.headers["cache-control"] == "no-store"


def test_visitors_of_a_demo_do_not_see_each_others_runs(visitors, tmp_path, home, finished):
    mine, other = "a" * 32, "b" * 32
    place = tmp_path / "root" / "visitors" / mine
    place.parent.mkdir(parents=True)
    home.path.rename(place)
    address = f"/live?run={finished.id}&wait={finished.id}"
    asked = {name: visitors.get(address, headers={"cookie": f"ftui-visitor={name}"}).json() for name in (mine, other)}
    assert asked[mine]["state"] == "finished" and asked[mine]["ended"][finished.id]["title"]
    assert asked[other]["state"] == "" and asked[other]["lines"] == []
    assert asked[other]["ended"] == {finished.id: {"title": "", "text": ""}}
    assert visitors.get(address).status_code == 403
    assert visitors.get(address, headers={"cookie": "ftui-visitor=../../x"}).status_code == 403
