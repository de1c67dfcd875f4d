"""Following events: each byte is read once, a new attempt starts afresh, a hundred thousand lines are no burden."""

import json
import time

from ftui.core import events as ev
from ftui.ui.following import LINES, Following


def test_only_what_is_new_is_read(running):
    _, job, events = running
    told = Following()
    told.read(job.events)
    assert (told.lines_seen, told.points_seen, told.progress["step"]) == (1, 1, 12)
    offset = told.offset
    told.read(job.events)
    assert (told.offset, told.lines_seen) == (offset, 1)
    events.metric(20, 0.6, {"loss": 0.5})
    told.read(job.events)
    assert told.curves()["loss"] == [(10, 0.7), (20, 0.5)]


def test_a_new_attempt_forgets_the_old_end(running):
    _, job, events = running
    events.error("worker_killed", "gone")
    events.state(ev.FAILED)
    told = Following()
    told.read(job.events)
    assert told.error and told.ended
    ev.Writer(job.events, 2).state(ev.STARTING)
    told.read(job.events)
    assert told.error is None and told.ended is None and told.progress is None
    assert told.lines_seen == 2  # the lines stay


def test_a_hundred_thousand_lines(tmp_path):
    path = tmp_path / "events.jsonl"
    line = {"time": 1.0, "attempt": 1, "type": "log", "level": "info", "key": "checkpoint", "params": {"step": 1}}
    path.write_text((json.dumps(line) + "\n") * 100_000, encoding="utf-8")
    told = Following()
    told.read(path)
    assert told.lines_seen == 100_000 and len(told.lines) == LINES
    ev.Writer(path, 1).log("checkpoint", step=2)
    start = time.perf_counter()
    told.read(path)
    assert told.lines[-1]["params"] == {"step": 2}
    assert time.perf_counter() - start < 0.1
