"""A job of the product that a benchmark waits for."""

import time

from ftui import jobs
from ftui.core import events as ev
from ftui.core.home import Job


def finished(job: Job) -> Job:
    """The job at its end; the benchmark ends with the job's last lines where it fails."""
    while jobs.state(job) not in ev.TERMINAL:
        time.sleep(0.5)
    if jobs.state(job) != ev.FINISHED:
        raise SystemExit(f"{job.run.id} {job.id}: {jobs.state(job)}\n{job.log.read_text(encoding='utf-8')[-2000:]}")
    return job
