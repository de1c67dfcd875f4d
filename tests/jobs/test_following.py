"""Following events: each byte is read once, a new attempt starts afresh, a hundred thousand lines are no burden."""

import json
import time

import numpy as np
import pytest

from ftui import jobs
from ftui.core import events as ev
from ftui.core.home import Home
from ftui.jobs.following import Following, follow


@pytest.fixture
def job(tmp_path):
    return Home(tmp_path).new_run().new_job("train")


@pytest.fixture
def events(job) -> ev.Writer:
    """Somebody has begun to train."""
    events = ev.Writer(job.events, 1)
    events.state(ev.RUNNING)
    events.metric(10, 0.3, {"loss": 0.7})
    events.progress(phase="training", step=12, max_steps=90)
    return events


def test_only_what_is_new_is_read(job, events):
    told = Following()
    told.read(job.events)
    assert (told.state, told.points_seen, told.progress["step"]) == (ev.RUNNING, 1, 12)
    offset = told.offset
    told.read(job.events)
    assert (told.offset, told.points_seen) == (offset, 1)
    events.metric(20, 0.6, {"loss": 0.5})
    told.read(job.events)
    assert told.curves()["loss"].tolist() == [[10, 0.7], [20, 0.5]]
    assert told.values == {"loss": 0.5}


def test_a_new_attempt_forgets_the_old_end(job, events):
    events.error("worker_killed", "gone")
    events.state(ev.FAILED)
    told = Following()
    told.read(job.events)
    assert told.error and told.ended
    ev.Writer(job.events, 2).state(ev.STARTING)
    told.read(job.events)
    assert told.error is None and told.ended is None and told.progress is None


def test_after_a_resume_the_last_attempt_counts(job):
    for attempt, steps, loss in [(1, range(1, 6), 1.0), (2, range(3, 8), 2.0)]:
        for step in steps:
            ev.Writer(job.events, attempt).metric(step, 0, {"loss": loss})
    assert follow(job).curves()["loss"].tolist() == [[1, 1.0], [2, 1.0], *[[s, 2.0] for s in range(3, 8)]]


def test_layers_too_are_those_of_the_last_attempt(job):
    assert follow(job).layers() is None
    for attempt, steps, rate in [(1, range(1, 6), 1.0), (2, range(3, 5), 2.0)]:
        for step in steps:
            ev.Writer(job.events, attempt).layers(step, step / 10, {"1": None, "head": rate}, {"1": None, "head": 2 * rate})
    told = follow(job).layers()
    assert told["names"] == ["1", "head"] and told["epochs"].tolist() == [0.1, 0.2, 0.3, 0.4]
    assert np.isnan(told["learning_rate"][0]).all() and np.isnan(told["grad_norm"][0]).all()
    assert told["learning_rate"][1].tolist() == [1, 1, 2, 2] and told["grad_norm"][1].tolist() == [2, 2, 4, 4]


def test_seconds_are_those_of_work(job):
    lines = [
        (0, 1, "queued"), (100, 1, "starting"), (110, 1, "running"), (130, 1, "stopped"),
        (500, 2, "queued"), (600, 2, "starting"), (607, 2, "running"),
    ]  # fmt: skip
    written = [{"time": t, "attempt": a, "type": "state", "state": s} for t, a, s in lines]
    job.events.write_text("".join(json.dumps(line) + "\n" for line in written))
    assert follow(job).seconds(610) == 30 + 10


def test_a_file_that_was_replaced_is_read_anew(job, events):
    assert follow(job).points_seen == 1
    job.events.unlink()
    assert follow(job).state is None
    events.state(ev.FAILED)
    assert follow(job).state == ev.FAILED and follow(job).points_seen == 0


def test_neither_state_nor_summary_reads_a_file_again(job, events, monkeypatch):
    """A long training is asked about by every page, each second."""
    job.run.recipe.write_text("{task: text-classification, model: m, strategy: {name: full}, data: {path: x}}")
    jobs.summary(job.run)
    size = job.events.stat().st_size
    read = ev.read
    offsets = []
    monkeypatch.setattr(ev, "read", lambda path, offset=0: offsets.append(offset) or read(path, offset))
    assert jobs.summary(job.run)["step"] == 12
    assert offsets and set(offsets) == {size}


def test_a_hundred_thousand_points(job):
    lines = (
        json.dumps({"time": 1.0, "attempt": 1, "type": "metric", "step": i, "epoch": 0, "values": {"loss": 1.0}})
        for i in range(100_000)
    )
    job.events.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert len(follow(job).curves()["loss"]) == 100_000
    ev.Writer(job.events, 1).metric(100_000, 1, {"loss": 0.5})
    start = time.perf_counter()
    told = follow(job)
    assert told.curves()["loss"][-1].tolist() == [100_000, 0.5]
    assert time.perf_counter() - start < 0.1
