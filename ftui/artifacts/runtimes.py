"""How an artefact is run. One loader for each form; each gives a function from a padded batch to the model's outputs."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.core.errors import UserError
from ftui.core.home import Home

if TYPE_CHECKING:
    import numpy as np

PROVIDERS = ("TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider")  # the first that is there

NEVER = 1e-9  # the share of an answer that no member gives

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

    home = Home(folder.parents[3])  # <home>/runs/<run>/exports/adapter
    base = task.load_model(models.source(home.base(card["base"])), card["labels"], dtype=torch.float32)
    return _eager(peft.PeftModel.from_pretrained(base, folder), device)


def _eager(model: Any, device: str) -> Runner:
    import torch

    from ftui.training import first_token

    model = model.to(device).eval()
    first_token.apply(model)  # the same answers with less to compute

    def run(batch: Any) -> list[np.ndarray]:
        with torch.inference_mode():
            return [head.float().cpu().numpy() for head in heads(model(**batch.to(device)))]

    run.model = model  # type: ignore[attr-defined]  # a language model is asked for more than one pass
    return run


def pth(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """The class that config.json names, with the weights of model.pth. Nothing but tensors is unpickled."""
    import torch
    import transformers as library

    config = library.AutoConfig.from_pretrained(folder, trust_remote_code=False)
    model = getattr(library, config.architectures[0])(config)
    model.load_state_dict(torch.load(folder / "model.pth", map_location="cpu", weights_only=True))
    return _eager(model.float(), device)


def ensemble(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """Several models that vote: outputs of which the task's answers make the members' mean probability (`soft`), or the
    share of members that choose a label (`hard`); of a number the mean, or the median."""
    import json

    members = [transformers(folder / name, card, task, device) for name in card["members"]]
    config = json.loads((folder / card["members"][0] / "config.json").read_text(encoding="utf-8"))
    vote = functools.partial(_vote, hard=card["vote"] == "hard", problem=config.get("problem_type"))

    def run(batch: Any) -> list[np.ndarray]:
        return [vote(outputs) for outputs in zip(*(member(batch) for member in members), strict=True)]

    return run


def _vote(outputs: tuple[np.ndarray, ...], hard: bool, problem: str | None) -> np.ndarray:
    """Logits (..., L) of each member to those of all together."""
    import numpy as np
    from scipy.special import expit, logit, logsumexp

    stacked = np.stack(outputs).astype("float64")
    if problem == "regression":
        return np.median(stacked, 0) if hard else stacked.mean(0)
    if problem == "multi_label_classification":
        chances = expit(stacked) >= 0.5 if hard else expit(stacked)
        return logit(chances.mean(0).clip(NEVER, 1 - NEVER))
    if hard:
        chosen = stacked.argmax(-1)[..., None] == np.arange(stacked.shape[-1])
        return np.log(chosen.mean(0).clip(NEVER))
    sure = stacked - logsumexp(stacked, -1, keepdims=True)
    return logsumexp(sure, 0) - np.log(len(stacked))


def torchscript(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """model.pt on the CPU, where it was traced; `card["inputs"]` has the order of its arguments."""
    import torch

    return _graph(torch.jit.load(str(folder / "model.pt"), map_location="cpu").eval(), card["inputs"])


def torch_export(folder: Path, card: dict, task: Any, device: str) -> Runner:
    """model.pt2 on the CPU; `card["inputs"]` has the order of its arguments."""
    import torch

    return _graph(torch.export.load(folder / "model.pt2").module(), card["inputs"])


def _graph(model: Any, names: list[str]) -> Runner:
    import torch

    def run(batch: Any) -> list[np.ndarray]:
        with torch.inference_mode():
            return [head.float().numpy() for head in model(*(batch[name] for name in names))]

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
