"""The child of a job, the process that imports torch: python -m ftui.jobs.child JOB_DIR (started by the worker)."""

import faulthandler
import importlib
import os
import sys
import threading
import time
import traceback
from pathlib import Path

from ftui.core import events as ev
from ftui.core.context import Context
from ftui.core.errors import UserError, of_system
from ftui.core.home import Job
from ftui.core.redaction import redacted
from ftui.jobs.worker import BAD_INPUT, FAILED, FINISHED, STOPPED
from ftui.training import ranks

LATER = 5.0  # seconds that others give the first of several processes to tell of an error that all have, before all are ended
WORK = {
    "train": "ftui.training.run:train",
    "evaluate": "ftui.evaluation.run:evaluate",
    "export": "ftui.artifacts.exporting:export",
    "push": "ftui.artifacts.pushing:push",
    "serve": "ftui.serve.server:serve",
}


def main(job_dir: str) -> int:
    faulthandler.enable()
    job = Job(Path(job_dir))
    card = job.card()
    events = ev.Writer(job.events if ranks.first() else Path(os.devnull), card["attempt"])
    die_with_parent()
    limit_memory()
    code = work(job, card, events)
    if not ranks.first():
        time.sleep(0 if code == FINISHED else LATER)
    elif "FTUI_WORKER" in os.environ:  # behind a launcher, which has an exit code of its own
        job.exit_code.write_text(str(code))
    return code


def work(job: Job, card: dict, events: ev.Writer) -> int:
    """Do what the card says; the exit code says how it ended."""
    try:
        module, function = WORK[card["kind"]].split(":")
        finished = getattr(importlib.import_module(module), function)(Context(job, card["options"], events))
        return FINISHED if finished is not False else STOPPED
    except UserError as error:
        tell(events, error)
        return BAD_INPUT
    except Exception as error:
        print(redacted(traceback.format_exc()), file=sys.stderr)
        if ranks.lost_another(error):
            return FAILED  # the end of the log says which one, and why
        told = of_system(error, job.run.home.path) if isinstance(error, OSError) else None
        if told:
            tell(events, told)
            return BAD_INPUT
        out_of_memory = isinstance(error, MemoryError) or "memory" in str(error).lower() and "alloc" in str(error).lower()
        code = "out_of_memory" if out_of_memory else "internal"
        events.error(code, f"{type(error).__name__}: {error}"[:500], details=traceback.format_exc())
        return FAILED


def tell(events: ev.Writer, error: UserError) -> None:
    """A user's error as an event: its blanks go along, so that each reader gets it in their language."""
    params = {name: value if isinstance(value, dict) else str(value) for name, value in error.params.items()}
    events.write("error", code=error.code, message=error.message(), hint=error.hint(), details="", params=params)


def die_with_parent() -> None:
    """A child without its parent would train unseen: end when the parent is gone, or the worker behind a launcher."""
    import psutil

    parent, worker = os.getppid(), int(os.environ.get("FTUI_WORKER", 0))

    def watch() -> None:
        while os.getppid() == parent and (not worker or psutil.pid_exists(worker)):
            time.sleep(1)
        os._exit(FAILED)

    threading.Thread(target=watch, daemon=True).start()


def limit_memory() -> None:
    """Let an allocation fail with an exception before the kernel kills something else; be the first to be killed."""
    try:
        import resource

        import psutil

        most = int(psutil.virtual_memory().available * 0.95)
        _, hard = resource.getrlimit(resource.RLIMIT_DATA)
        resource.setrlimit(resource.RLIMIT_DATA, (most if hard < 0 else min(most, hard), hard))
        Path("/proc/self/oom_score_adj").write_text("800")
    except (ImportError, OSError, ValueError):
        pass  # not on this system


if __name__ == "__main__":
    code = main(sys.argv[1])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no waiting for threads of libraries
