"""The log tab: what changed is sent, what did not is not; the state is the run's."""

import json
import os
from pathlib import Path

import gradio as gr
import pytest

from ftui import jobs
from ftui.core import events as ev
from ftui.data import intake
from ftui.ui import demo, live, log_tab
from tests.ui.conftest import make_run

NAMES = (
    "seen", "pulse", "follow", "empty", "view", "status", "failure", "stop", "resume", "onward", "loss", "scores", "rates",
    "layers", "layer_rates", "layer_norms",
    "curves", "search", "best", "use", "by_setting", "by_time", "trials",
)  # fmt: skip


def tick(home, run, seen=log_tab.NEVER, log_scale=False, smoothing=0.0, lang="en") -> dict:
    """What the page is sent, by name, without what is left as it is."""
    sent = dict(zip(NAMES, log_tab.tick(home, lang, run, log_scale, smoothing, seen), strict=True))
    return {name: value for name, value in sent.items() if value != gr.skip()}


def test_a_page_that_has_seen_nothing_gets_everything(home, running):
    run, _, _ = running
    sent = tick(home, run.id)
    assert set(sent) == set(NAMES[:-5]) and sent["curves"].visible and not sent["search"].visible
    assert sent["pulse"] == f"{run.id}:running" and sent["follow"] == run.id
    assert "12</b> / 90" in sent["status"] and "81" in sent["status"] and "1 min 40 s" in sent["status"]
    assert sent["loss"].startswith("{") and "grad" in sent["rates"].lower()


def test_nothing_new_sends_nothing(home, running):
    run, _, _ = running
    seen = tick(home, run.id)["seen"]
    assert tick(home, run.id, seen) == {}


def test_a_step_sends_the_status_alone_and_a_point_the_curves(home, running):
    run, _, events = running
    seen = tick(home, run.id)["seen"]
    events.progress(phase="training", step=13, max_steps=90, eta=99.0)
    sent = tick(home, run.id, seen)
    assert set(sent) == {"seen", "status"}
    events.metric(20, 0.6, {"loss": 0.6})
    sent = tick(home, run.id, sent["seen"])
    assert set(sent) == {"seen", "loss", "scores", "rates", "layers", "layer_rates", "layer_norms"}


def test_layers_are_shown_once_something_is_known_of_them(home, running):
    run, _, events = running
    sent = tick(home, run.id)
    assert not sent["layers"].visible and sent["layer_rates"] == ""
    for step in (20, 30):
        events.layers(step, step / 30, {"embeddings": None, "1": None if step < 30 else 1e-5, "head": 1e-4}, {"embeddings": None, "1": None if step < 30 else 0.1, "head": 2.0})
        events.metric(step, step / 30, {"loss": 0.5})
    sent = tick(home, run.id, sent["seen"], lang="zh")
    assert sent["layers"].visible
    heat, frozen = json.loads(sent["layer_rates"])["data"]
    assert heat["y"] == ["词嵌入", "1", "输出头"] and heat["z"] == [[None, None], [None, 1e-5], [1e-4, 1e-4]]
    assert list(zip(frozen["y"], frozen["base"], frozen["x"], strict=True)) == [("词嵌入", pytest.approx(1 / 3), pytest.approx(2 / 3)), ("1", pytest.approx(1 / 3), pytest.approx(1 / 3))]
    norms = json.loads(sent["layer_norms"])["data"][0]
    assert norms["customdata"] == [[None, None], [None, 0.1], [2.0, 2.0]] and norms["z"][1][1] == pytest.approx(-1)


def test_smoothing_and_scale_draw_the_curves_anew(home, running):
    run, _, events = running
    for step in range(20, 30):
        events.metric(step, 1, {"loss": step % 2})
    seen = tick(home, run.id)["seen"]
    sent = tick(home, run.id, seen, smoothing=0.8)
    assert "loss" in sent and "status" not in sent
    measured, smooth = json.loads(sent["loss"])["data"]
    assert measured["opacity"] < 0.5 and max(smooth["y"][2:]) < max(measured["y"][2:])
    sent = tick(home, run.id, sent["seen"], smoothing=0.8, log_scale=True)
    assert json.loads(sent["loss"])["layout"]["yaxis"]["type"] == "log"


def test_the_end_leads_on(home, running):
    run, _, events = running
    seen = tick(home, run.id)["seen"]
    events.state(ev.FINISHED)
    sent = tick(home, run.id, seen)
    assert sent["pulse"] == f"{run.id}:finished"
    assert sent["onward"].visible and not sent["stop"].visible and not sent["resume"].visible


def test_a_run_that_waits_says_where(home, dataset, running, finished):
    from ftui.core.home import write_json
    from ftui.jobs import processes

    run, job, events = running
    events.state(ev.QUEUED)
    home.queue.mkdir()
    for place, name in enumerate(("20260101-000000-dead", run.id)):
        entry = {**processes.identity(os.getpid()), "job": ""}
        write_json(home.queue / f"waiting-{place:020.6f}-{name}", entry)
    sent = tick(home, run.id)
    assert "2nd in the queue" in sent["status"] and sent["stop"].value == "Leave the queue"
    assert "排队第 2 位" in tick(home, run.id, lang="zh")["status"]


def test_a_failure_is_told_in_the_readers_language_with_details_a_click_away(home, running):
    run, _, events = running
    events.error("worker_killed", "The training process was killed.", details="Traceback <secret>")
    events.state(ev.FAILED)
    sent = tick(home, run.id, lang="zh")
    assert "内存" in sent["failure"] and "<details>" in sent["failure"] and "&lt;secret&gt;" in sent["failure"]
    assert "第 12 步（共 90 步）" in sent["failure"]
    assert sent["resume"].visible


def test_a_failure_shows_the_end_of_what_the_process_printed(home, running):
    run, job, events = running
    job.log.write_text("noise\n" * 5000 + "Segmentation fault <core>", encoding="utf-8")
    events.error("worker_crashed", "ended", exit_code=-11)
    events.state(ev.FAILED)
    told = tick(home, run.id)["failure"]
    assert "step 12 of 90" in told and "Segmentation fault &lt;core&gt;" in told and len(told) < 10_000


@pytest.mark.parametrize("at", ["queued", "starting", "preparing"])
def test_a_run_that_was_stopped_before_its_first_result_is_stopped(home, dataset, at):
    """LlamaBoard stays "running" for ever when it is aborted before there are results."""
    run, job, events = make_run(home, dataset)
    if at == "preparing":
        events.state(ev.RUNNING)
        events.progress(phase="preparing", step=0, max_steps=None, epoch=0)
    else:
        events.state(at)
    seen = tick(home, run.id)["seen"]
    log_tab.stop(home, "en", run.id)
    sent = tick(home, run.id, seen)
    assert "stopping" in sent["status"] and sent["stop"].interactive is False
    events.state(ev.STOPPED)
    sent = tick(home, run.id, sent["seen"])
    assert "stopped" in sent["status"] and sent["resume"].visible and not sent["stop"].visible
    assert live.news(home, "en", run.id, 0, "all", "")["over"] is True


def test_the_state_is_the_runs_not_the_logs(home, running):
    """A last line that is half-written, or rubbish in between, does no harm."""
    run, job, events = running
    with open(job.events, "ab") as file:
        file.write(b'\xff\xfe rubbish\n{"type": "state", "state": "fini')
    assert "running" in tick(home, run.id)["status"]
    events.state(ev.FINISHED)
    assert "finished" in tick(home, run.id)["status"]


def test_an_error_that_the_catalogue_does_not_have_is_shown_as_it_is(home, running):
    run, _, events = running
    events.error("internal", "KeyError: 'x'", details="trace")
    events.state(ev.FAILED)
    assert "KeyError: &#x27;x&#x27;" in tick(home, run.id)["failure"]


@pytest.mark.parametrize("run", ["", "20260101-000000-dead", "../../etc"])
def test_no_run_is_an_empty_page(home, run):
    sent = tick(home, run)
    assert sent["empty"].visible and not sent["view"].visible
    assert tick(home, run, sent["seen"]).get("status") is None


def test_another_run_replaces_the_first(home, running, finished):
    seen = tick(home, running[0].id)["seen"]
    sent = tick(home, finished.id, seen)
    assert "finished" in sent["status"] and sent["onward"].visible and "loss" in sent


def test_stop_asks_the_job(home, running):
    run, job, _ = running
    log_tab.stop(home, "en", run.id)
    assert job.stop.exists()
    assert "stopping" in tick(home, run.id)["status"]


def test_everything_can_be_downloaded_as_a_copy(home, running):
    run, job, _ = running
    job.log.write_text("hello", encoding="utf-8")
    path = log_tab.full_log(home, "en", run.id)
    text = Path(path).read_text(encoding="utf-8")
    assert "Training: 90 steps" in text and "Step 10: Loss 0.7" in text and text.endswith("hello")
    assert not path.startswith(str(home.path))


def test_the_demo_trains_on_the_sample_of_the_readers_language(home, running, monkeypatch):
    started = []
    monkeypatch.setattr(jobs, "start_training", lambda made, where, way: started.append(made) or running[0])
    data, run, tabs = demo.start(home, "zh")
    assert (run, tabs.selected) == (running[0].id, "log")
    assert intake.open_dataset(home.dataset(data)).card()["name"] == "zh_headlines.csv"
    assert started[0].strategy.name == "full" and started[0].data.path.endswith(data)
