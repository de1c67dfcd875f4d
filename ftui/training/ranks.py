"""Several processes that train one model: which of them this is, what only one does, and what does not work then.

Under torchrun each has the whole model (DDP). accelerate may also cut one model into pieces that lie on several GPUs, with
FSDP or DeepSpeed. Our shortcuts that rely on whole weights then step aside; a batch is computed as a whole, for all processes
have to pass through the model equally often; and the pieces are put together again before the model is saved. Written, not run here.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from typing import Any

from ftui.core import recipe as r
from ftui.core.errors import UserError

SHARDED = {"FSDP": "FSDP", "DEEPSPEED": "DeepSpeed"}  # accelerate's word -> what people call it


def count() -> int:
    """How many there are; their launcher says it."""
    return int(os.environ.get("WORLD_SIZE", 1))


def first() -> bool:
    """Whether this is the one that saves, evaluates and tells."""
    return int(os.environ.get("RANK", 0)) == 0


def sharded() -> str:
    """What cuts the model into pieces, FSDP or DeepSpeed; "" where each process has all of it. Their launcher says it."""
    return next((name for kind, name in SHARDED.items() if os.environ.get(f"ACCELERATE_USE_{kind}", "").lower() == "true"), "")


def check(recipe: r.Recipe, processes: int, shards: str) -> None:
    """Raise UserError for what does not work in so many processes and with a model in pieces, or cannot be shared out."""
    if shards == "DeepSpeed" and not importlib.util.find_spec("deepspeed"):
        raise UserError("sharded_package")
    what = next((name for name, there in _whole_weights(recipe).items() if there), None)
    if shards and what:
        raise UserError("sharded_alone", kind=shards, what=what)
    if processes == 1:
        return
    if recipe.distil or recipe.prune:
        raise UserError("processes_alone")
    rows = recipe.training.per_device_train_batch_size * (1 if shards else recipe.training.gradient_accumulation_steps)
    if rows % processes:
        raise UserError("processes_rows", rows=rows, processes=processes)


def check_device(shards: str, device: str) -> None:
    """Raise UserError for a model in pieces that would lie elsewhere than on GPUs: accelerate would quietly not cut it."""
    if shards and device != "cuda":
        raise UserError("sharded_device", kind=shards, device=device)


def _whole_weights(recipe: r.Recipe) -> dict[str, bool]:
    """{what needs the whole weights in one place: whether the recipe has it}"""
    strategy = recipe.strategy
    return {
        "strategy: gradual": isinstance(strategy, r.Gradual),
        "layer_decay": getattr(strategy, "layer_decay", 1.0) < 1,
        "loraplus_lr_ratio": getattr(strategy, "loraplus_lr_ratio", 1.0) > 1,
        "load_in_4bit": getattr(strategy, "load_in_4bit", False),
        "distil": recipe.distil is not None,
        "prune": recipe.prune is not None,
        "task: preference-tuning": recipe.task == "preference-tuning",
    }


def highest(wish: int) -> int:
    """The highest of what the processes wish: they stop and save at the same step, or they would wait for one another for ever."""
    if count() == 1:
        return wish
    import torch

    wishes = torch.tensor([wish], device="cuda" if "nccl" in torch.distributed.get_backend() else "cpu")
    torch.distributed.all_reduce(wishes, op=torch.distributed.ReduceOp.MAX)
    return int(wishes.item())


def lost_another(error: Exception) -> bool:
    """Whether it says that another of the processes is gone: what it died of is the reason, not that it is missed."""
    return count() > 1 and isinstance(error, RuntimeError) and any(word in str(error).lower() for word in ("gloo", "nccl"))


def gathered(trainer: Any, build: Callable[[], Any]) -> Any:
    """A model as `build` makes it, with the weights whose pieces the processes have; None for all but the first process. To be
    called by all of them."""
    weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)
    if not first():
        return None
    model = build()
    missing, unknown = model.load_state_dict(weights, strict=False)
    whole = model.state_dict()
    there = {weight.data_ptr() for name, weight in whole.items() if name not in missing}  # weights with two names come once
    if unknown or any(whole[name].data_ptr() not in there for name in missing):
        raise RuntimeError(f"the pieces are not those of the model: {missing[:3]} missing, {unknown[:3]} unknown")
    return model
