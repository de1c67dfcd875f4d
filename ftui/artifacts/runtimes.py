"""How an artefact is run. One loader for each form; each gives a function from a padded batch to the model's outputs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError

if TYPE_CHECKING:
    import numpy as np

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")  # the first that is there

# A batch (tensors of shape (B, T), as the task's collator makes it) to float32 arrays with B as their first axis.
Runner = Callable[[Any], "list[np.ndarray]"]
# (folder, card, task module, device) to a runner.
Loader = Callable[[Path, dict, Any, str], Runner]


def heads(outputs: Any) -> list[Any]:
    """The tensors among a model's outputs that an answer is made of."""
    return [outputs["logits"]] if "logits" in outputs else [outputs["start_logits"], outputs["end_logits"]]


def transformers(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """The model as `save_pretrained` wrote it, in float32."""
    import torch

    return _eager(task.load_model(str(folder), card["labels"], dtype=torch.float32), device)


def adapter(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """A LoRA adapter on its base model."""
    import peft
    import torch

    from ftui.training import models

    base = task.load_model(models.source(card["base"]), card["labels"], dtype=torch.float32)
    return _eager(peft.PeftModel.from_pretrained(base, folder), device)


def _eager(model: Any, device: str) -> Runner:
    import torch

    model = model.to(device).eval()

    def run(batch: Any) -> list[np.ndarray]:
        with torch.inference_mode():
            return [head.float().cpu().numpy() for head in heads(model(**batch.to(device)))]

    return run


def torchscript(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """model.pt on the CPU, where it was traced; `card["inputs"]` has the order of its arguments."""
    import torch

    model = torch.jit.load(str(folder / "model.pt"), map_location="cpu").eval()

    def run(batch: Any) -> list[np.ndarray]:
        with torch.inference_mode():
            return [head.float().numpy() for head in model(*(batch[name] for name in card["inputs"]))]

    return run


def onnx(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """model.onnx with onnxruntime: on the CPU, or with the first provider that this machine has."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # idle threads leave the cores to others
    there = onnxruntime.get_available_providers()
    wanted = PROVIDERS if device != "cpu" else PROVIDERS[-1:]
    try:
        session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=[p for p in wanted if p in there])
    except Exception as error:  # its own exceptions have no common base
        raise UserError("artefact_broken", path=folder / "model.onnx", problem=" ".join(str(error).split())[:200]) from error
    names = [given.name for given in session.get_inputs()]

    def run(batch: Any) -> list[np.ndarray]:
        return session.run(None, {name: batch[name].numpy() for name in names})

    return run
