"""How the work of a job is started: here, or as several processes that train one model together."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Job
from ftui.core.recipe import Recipe
from ftui.training import ranks

WORK = "ftui.jobs.child"
ACCELERATE = "accelerate.yaml"  # beside a run's recipe
KINDS = ("NO", "MULTI_CPU", "MULTI_GPU", *ranks.SHARDED)  # what a configuration of accelerate may say that it is


def command(job: Job, recipe: Recipe | None) -> list[str]:
    """What the worker runs; `recipe` is that of a training, None for any other work."""
    return LAUNCHERS[recipe.launcher](job, recipe) if recipe else local(job)


def environment(recipe: Recipe | None) -> dict[str, str]:
    """What its environment has besides: the processes share the cores, and know who watches over them."""
    if recipe is None or recipe.launcher == "local":
        return {}
    count = recipe.processes if recipe.launcher == "torchrun" else configuration(recipe)["num_processes"]
    return {"OMP_NUM_THREADS": str(max(1, (os.cpu_count() or 1) // count)), "FTUI_WORKER": str(os.getpid())}


def local(job: Job, recipe: Recipe | None = None) -> list[str]:
    """One process."""
    return [sys.executable, "-m", WORK, str(job.path)]


def torchrun(job: Job, recipe: Recipe) -> list[str]:
    """`processes` of them on this machine, by torch.distributed.run: gloo without, nccl with GPUs. All write into one log."""
    meeting = ["--nnodes", "1", "--nproc-per-node", str(recipe.processes), "--master-addr", "127.0.0.1", "--master-port", _free_port()]
    return [sys.executable, "-m", "torch.distributed.run", *meeting, "-m", WORK, str(job.path)]


def accelerate(job: Job, recipe: Recipe) -> list[str]:
    """What accelerate starts by its configuration, on this machine. All write into one log."""
    how = ["--config_file", str(recipe.accelerate_config), "--main_process_port", _free_port()]
    return [sys.executable, "-m", "accelerate.commands.launch", *how, "-m", WORK, str(job.path)]


def configuration(recipe: Recipe) -> dict:
    """What the file `recipe.accelerate_config` says, with `distributed_type` and `num_processes` in any case. Raises UserError
    for one that cannot be read, and for what cannot be started by it."""
    path, problems = Path(str(recipe.accelerate_config)), languages.catalogue("problems")
    try:
        found = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError) as error:
        raise UserError("accelerate_config", path=path, problem=" ".join(str(error).split())[:200]) from error
    if not isinstance(found, dict):
        raise UserError("accelerate_config", path=path, problem=problems["no_mapping"])
    found = {"distributed_type": "NO", "num_processes": 1, **found}
    found["distributed_type"] = str(found["distributed_type"]).upper() if found["distributed_type"] else "NO"  # YAML reads NO as false
    alone = {"compute_environment": "LOCAL_MACHINE", "num_machines": 1, "mpirun_config": {}}
    for name, value in alone.items():
        if found.get(name, value) != value:
            raise UserError("accelerate_config", path=path, problem=_filled(problems["accelerate_machine"], name=name, value=found[name]))
    kind, count = found["distributed_type"], found["num_processes"]
    if kind not in KINDS or type(count) is not int or count < 1:
        raise UserError("accelerate_config", path=path, problem=_filled(problems["accelerate_kind"], kind=kind, processes=count, known=", ".join(KINDS)))
    if kind in ("NO", "MULTI_CPU") and count > 1:
        raise UserError("accelerate_processes", kind=kind, processes=count)
    return found


def _filled(sentence: dict[str, str], **blanks: object) -> dict[str, str]:
    return {lang: text.format(**blanks) for lang, text in sentence.items()}


def check(recipe: Recipe) -> None:
    """Raise UserError for what the launcher cannot start, as far as that can be told in a moment."""
    if recipe.launcher != "accelerate":
        return
    found = configuration(recipe)
    ranks.check(recipe, found["num_processes"], ranks.SHARDED.get(found["distributed_type"], ""))


def kept(recipe: Recipe, folder: Path) -> Recipe:
    """The same with accelerate's configuration copied into the run's folder, so that the run can be repeated."""
    if recipe.launcher != "accelerate":
        return recipe
    found = configuration(recipe)
    other = (found.get("deepspeed_config") or {}).get("deepspeed_config_file")
    if other:
        found["deepspeed_config"]["deepspeed_config_file"] = str((Path(str(recipe.accelerate_config)).parent / other).absolute())
    (folder / ACCELERATE).write_text(yaml.safe_dump(found, sort_keys=False), encoding="utf-8")
    return recipe.model_copy(update={"accelerate_config": ACCELERATE})


def _free_port() -> str:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


LAUNCHERS: dict[str, Callable[[Job, Recipe], list[str]]] = {"local": local, "torchrun": torchrun, "accelerate": accelerate}
