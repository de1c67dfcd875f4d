"""The log tab: what changed is sent, what did not is not; the state is the run's."""

from pathlib import Path

import gradio as gr
import pytest

from ftui.core import events as ev
from ftui.ui import log_tab

NAMES = (
    "seen", "pulse", "timer", "empty", "view", "status", "failure", "stop", "resume", "onward", "loss", "scores", "rate",
    "norm", "log",
)  # fmt: skip


def tick(home, run, seen=log_tab.NEVER, level="all", log_scale=False, lang="en") -> dict:
    """What the page is sent, by name, without what is left as it is."""
    sent = dict(zip(NAMES, log_tab.tick(home, lang, run, level, log_scale, seen), strict=True))
    return {name: value for name, value in sent.items() if value != gr.skip()}


def test_a_page_that_has_seen_nothing_gets_everything(home, running):
    run, _, _ = running
    sent = tick(home, run.id)
    assert set(sent) == set(NAMES)
    assert sent["pulse"] == f"{run.id}:running" and sent["timer"].active is True
    assert "12</b> / 90" in sent["status"] and "81" in sent["status"] and "1 min 40 s" in sent["status"]
    assert "Training: 90 steps" in sent["log"] and "开始训练" in tick(home, run.id, lang="zh")["log"]
    assert sent["loss"].startswith("{")


def test_nothing_new_sends_nothing(home, running):
    run, _, _ = running
    seen = tick(home, run.id)["seen"]
    assert tick(home, run.id, seen) == {}


def test_a_step_sends_the_status_alone_a_line_the_log_and_a_point_the_curves(home, running):
    run, _, events = running
    seen = tick(home, run.id)["seen"]
    events.progress(phase="training", step=13, max_steps=90, eta=99.0)
    sent = tick(home, run.id, seen)
    assert set(sent) == {"seen", "status"}
    events.log("checkpoint", step=13)
    sent = tick(home, run.id, sent["seen"])
    assert "Checkpoint saved at step 13" in sent["log"] and "loss" not in sent
    events.metric(20, 0.6, {"loss": 0.6})
    sent = tick(home, run.id, sent["seen"])
    assert set(sent) == {"seen", "status", "loss", "scores", "rate", "norm"}


def test_the_end_stops_the_timer_and_leads_on(home, running):
    run, _, events = running
    seen = tick(home, run.id)["seen"]
    events.state(ev.FINISHED)
    sent = tick(home, run.id, seen)
    assert sent["timer"].active is False and sent["pulse"] == f"{run.id}:finished"
    assert sent["onward"].visible and not sent["stop"].visible and not sent["resume"].visible


def test_a_failure_is_told_in_the_readers_language_with_details_a_click_away(home, running):
    run, _, events = running
    events.error("worker_killed", "The training process was killed.", details="Traceback <secret>")
    events.state(ev.FAILED)
    sent = tick(home, run.id, lang="zh")
    assert "内存" in sent["failure"] and "<details>" in sent["failure"] and "&lt;secret&gt;" in sent["failure"]
    assert sent["resume"].visible


def test_an_error_that_the_catalogue_does_not_have_is_shown_as_it_is(home, running):
    run, _, events = running
    events.error("internal", "KeyError: 'x'", details="trace")
    events.state(ev.FAILED)
    assert "KeyError: &#x27;x&#x27;" in tick(home, run.id)["failure"]


def test_the_level_filters_lines(home, running):
    run, _, events = running
    events.log("dropped_empty_text", level="warning", rows=3)
    sent = tick(home, run.id, level="warnings")
    assert "3 rows without text" in sent["log"] and "Training: 90 steps" not in sent["log"]


@pytest.mark.parametrize("run", ["", "20260101-000000-dead", "../../etc"])
def test_no_run_is_an_empty_page(home, run):
    sent = tick(home, run)
    assert sent["empty"].visible and not sent["view"].visible and sent["timer"].active is False
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


def test_a_log_line_of_another_version_is_shown_rather_than_lost():
    event = {"type": "log", "key": "unheard_of", "params": {"a": 1}}
    assert "unheard_of" in log_tab.sentence(event, "zh")


def test_the_workers_log_is_handed_out_as_a_copy(home, running):
    run, job, _ = running
    job.log.write_text("hello", encoding="utf-8")
    path = log_tab.worker_log(home, "en", run.id)
    assert Path(path).read_text(encoding="utf-8") == "hello"
    assert not path.startswith(str(home.path))
