"""How the work of a job is started: here, or as several processes that train one model together."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable

from ftui.core.home import Job
from ftui.core.recipe import Recipe

WORK = "ftui.jobs.child"


def command(job: Job, recipe: Recipe | None) -> list[str]:
    """What the worker runs; `recipe` is that of a training, None for any other work."""
    return LAUNCHERS[recipe.launcher](job, recipe) if recipe else local(job)


def environment(recipe: Recipe | None) -> dict[str, str]:
    """What its environment has besides: the processes share the cores, and know who watches over them."""
    if recipe is None or recipe.launcher == "local":
        return {}
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // recipe.processes)), "FTUI_WORKER": str(os.getpid())}


def local(job: Job, recipe: Recipe | None = None) -> list[str]:
    """One process."""
    return [sys.executable, "-m", WORK, str(job.path)]


def torchrun(job: Job, recipe: Recipe) -> list[str]:
    """`processes` of them on this machine, by torch.distributed.run: gloo without, nccl with GPUs. All write into one log."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    meeting = ["--nnodes", "1", "--nproc-per-node", str(recipe.processes), "--master-addr", "127.0.0.1", "--master-port", str(port)]
    return [sys.executable, "-m", "torch.distributed.run", *meeting, "-m", WORK, str(job.path)]


LAUNCHERS: dict[str, Callable[[Job, Recipe], list[str]]] = {"local": local, "torchrun": torchrun}
