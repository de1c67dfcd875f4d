"""Whether a process is still there, whatever happens to the clock."""

import os
import subprocess
import sys
import time

import psutil

from ftui import jobs
from ftui.core import events as ev
from ftui.core.home import Home
from ftui.jobs import processes, queue


def test_a_clock_that_is_set_changes_nothing(monkeypatch):
    card = processes.identity(os.getpid())
    usual = psutil.Process.create_time
    monkeypatch.setattr(psutil.Process, "create_time", lambda self: usual(self) + 60)  # as psutil says it then
    assert processes.alive(card)


def test_another_process_with_the_same_number_is_another():
    card = processes.identity(os.getpid())
    boot, ticks = card["start"].split()
    assert not processes.alive({**card, "start": f"{boot} {int(ticks) - 1}"})
    assert not processes.alive({**card, "start": f"another-boot {ticks}"})
    assert not processes.alive({**card, "host": "elsewhere"})


def test_one_that_has_ended_is_gone():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        card = processes.identity(process.pid)
        assert processes.alive(card)
        process.kill()
    assert not processes.alive(card)


def test_cards_of_before_are_understood():
    start = psutil.Process().create_time()
    card = {**processes.identity(os.getpid()), "start": start}
    assert processes.alive(card) and not processes.alive({**card, "start": start - 5})


def test_a_run_that_is_being_resumed_is_not_lost(tmp_path):
    job = Home(tmp_path).new_run().new_job("train")
    old = {**job.card(), "created": time.time() - 9999, "attempt": 2}
    job.write_card(old)
    assert jobs.state(job) == ev.LOST
    job.write_card({**old, "asked": time.time()})
    assert jobs.state(job) == ev.QUEUED


def test_a_run_that_is_deleted_while_all_are_listed_stops_nothing(tmp_path):
    run = Home(tmp_path).new_run()
    run.recipe.write_text("task: text-classification")
    run.new_job("train").events.symlink_to("gone")  # listed, and gone when it is asked for
    assert jobs.summaries(run.home) == []


def test_who_waits_keeps_waiting_when_the_entry_is_gone(tmp_path):
    """Another host on the same disk removes it, for it sees no such process, as does this one once it bears another name."""
    job = Home(tmp_path).new_run().new_job("train")
    place = queue.enter(job)
    place.waiting.write_text(place.waiting.read_text().replace(processes.identity(os.getpid())["host"], "elsewhere"))
    assert queue.waiting(job.run.home) == [] and not place.waiting.exists()
    assert place.take_slot() and queue.working(job.run.home)
    place.leave()
    assert list(job.run.home.queue.iterdir()) == []
