"""The parent of a job: python -m ftui.jobs.worker JOB_DIR

A small process in a session of its own, without torch. It waits for a free slot, starts the child that does the
work, beats its heart, and writes how it ended, whatever happened to the child (SIGKILL and out-of-memory too). Page
and UI supervise nothing: all of them may die, and the run goes on.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from ftui.core import events as ev
from ftui.core import machine, recipe
from ftui.core.home import Job
from ftui.jobs import launching, queue

FINISHED, FAILED, BAD_INPUT, STOPPED = 0, 1, 2, 3  # what the child's exit code says
GRACE = float(os.environ.get("FTUI_STOP_GRACE", 120))  # seconds from the wish to stop to the kill
BEAT = 2.0
# glibc hands large blocks back to the system after each step and takes them anew at the next, page fault by page fault:
# on a virtual machine that made a training on the CPU four times slower. Here they are kept until the child ends.
_MALLOC = ":".join(
    f"glibc.malloc.{name}={value}"
    for name, value in {"mmap_threshold": 4 << 30, "trim_threshold": 8 << 30, "top_pad": 256 << 20}.items()
)
# oneDNN makes a kernel for each new shape of a product and forgets all but 1024 of them: a model needs some 15 for each shape of
# a batch, so with texts of many lengths it made them again and again, a third of the time. They may fill an eighth of the memory.
_KERNEL = 400_000  # bytes
_KERNELS = min(8192, max(1024, machine.memory() // 8 // _KERNEL))
# A thread of OpenMP that waits for another one keeps its core busy for 300,000 turns, also where the other waits for that very core:
# two trainings beside each other were forty times slower than one. With 5,000 they take twice as long, and one alone is as quick.
ENVIRONMENT = {"GLIBC_TUNABLES": _MALLOC, "ONEDNN_PRIMITIVE_CACHE_CAPACITY": str(_KERNELS), "GOMP_SPINCOUNT": "5000"}


def main(job_dir: str) -> int:
    job = Job(Path(job_dir).absolute())
    signal.signal(signal.SIGTERM, lambda *_: job.stop.touch())
    card = job.card()
    made = recipe.load(job.run.recipe) if card["kind"] == "train" else None
    retries = made.retries if made else 0
    while True:
        events = ev.Writer(job.events, card["attempt"])
        outcome, code = attempt(job, card, made, events)
        crashed = outcome == ev.FAILED and code != BAD_INPUT
        if not crashed or retries <= 0:
            events.state(outcome, exit_code=code)
            return code
        retries -= 1
        events.log("retrying", level="warning", left=retries)
        card = {**job.card(), "attempt": card["attempt"] + 1}
        job.write_card(card)


def attempt(job: Job, card: dict, made: recipe.Recipe | None, events: ev.Writer) -> tuple[str, int]:
    """Wait for a slot if this kind needs one, run the child, and tell how it ended."""
    place = queue.enter(job) if card["kind"] == "train" else None
    try:
        if place is not None:
            events.state(ev.QUEUED)
            while not place.take_slot():
                job.heartbeat.touch()
                if job.stop.exists():
                    return ev.STOPPED, STOPPED
                time.sleep(0.2)
        events.state(ev.STARTING)
        return supervise(job, card, made, events)
    finally:
        if place is not None:
            place.leave()


def supervise(job: Job, card: dict, made: recipe.Recipe | None, events: ev.Writer) -> tuple[str, int]:
    job.exit_code.unlink(missing_ok=True)
    environment = {**ENVIRONMENT, **os.environ, **launching.environment(made)}
    with open(job.log, "ab") as log:  # a file, not a pipe: nobody has to drain it
        child = subprocess.Popen(
            launching.command(job, made), stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, env=environment
        )
    asked = beaten = 0.0
    while child.poll() is None:
        now = time.monotonic()
        if now - beaten > BEAT:
            job.heartbeat.touch()
            beaten = now
        if job.stop.exists():
            asked = asked or now
            if now - asked > GRACE:
                child.kill()
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=0.25)
    code = child.returncode
    if code and job.exit_code.exists():  # a launcher has one code for all failures
        code = int(job.exit_code.read_text() or code)
    if code == FINISHED and (made is None or made.search or job.run.model.exists()):
        return ev.FINISHED, code
    if code == STOPPED or asked:
        return ev.STOPPED, STOPPED
    if any(e["type"] == "error" and e["attempt"] == card["attempt"] for e in ev.read(job.events)[0]):
        return ev.FAILED, code  # the child has said why
    if code == -signal.SIGKILL:
        events.error("worker_killed", "The training process was killed.", details=tail(job.log))
    else:
        events.error("worker_crashed", f"The process ended with code {code}.", details=tail(job.log), exit_code=code)
    return ev.FAILED, code if code > 0 else FAILED


def tail(path: Path, size: int = 4000) -> str:
    """The end of a text file."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - size))
        return file.read().decode("utf-8", "replace")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
