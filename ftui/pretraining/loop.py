"""What the scripts that pre-train have in common: the settings of a run, its optimisers, its loop, what it writes.

A run ends after so many minutes (or steps) and the learning rates follow that end. Stopped at any time and started again
with the same command it goes on where it was; `--out` is at every checkpoint a folder that `from_pretrained` loads.
"""

import argparse
import copy
import json
import math
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from ftui.pretraining import corpus


@dataclass
class Settings:
    data: Path
    tokenizer: Path
    out: Path
    work: Path
    minutes: float = 45.0  # of training; the learning rate falls to nothing when they end
    max_steps: int = 0  # ends sooner than the minutes, and is then what the learning rate follows
    stop_after: int = 0  # leaves off after so many steps of this run, as if interrupted
    layers: int = 4
    width: int = 256
    heads: int = 4
    batch_tokens: int = 4096
    learning_rate: float = 1e-3  # AdamW's
    matrix_rate: float = 2e-3  # Muon's
    warm_up: float = 0.03  # shares of the whole: the rate rises, stays, and falls during the last part
    cool_down: float = 0.5
    weight_decay: float = 0.01
    save_every: float = 120.0  # seconds
    seed: int = 1


def read_settings(kind: type[Settings], text: str, arguments: list[str] | None) -> Settings:
    parser = argparse.ArgumentParser(description=text, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=corpus.default_folder(), help="folder with zh_text and en_text")
    for name in ("tokenizer", "out", "work"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for field in list(kind.__dataclass_fields__.values())[4:]:
        parser.add_argument("--" + field.name.replace("_", "-"), type=field.type, default=field.default)
    return kind(**vars(parser.parse_args(arguments)))


def optimizers(model: torch.nn.Module, settings: Settings) -> list[torch.optim.Optimizer]:
    """Muon for the matrices of the layers, AdamW for embeddings, heads, biases and norms."""
    named = dict(model.named_parameters())
    inside = {name for name in named if ".layer." in name or ".layers." in name}
    matrices = {name for name in inside if named[name].ndim == 2 and "relative_attention_bias" not in name}
    rest = [value for name, value in named.items() if name not in matrices]
    groups = [
        {"params": [value for value in rest if value.ndim == 2], "weight_decay": settings.weight_decay},
        {"params": [value for value in rest if value.ndim < 2], "weight_decay": 0.0},
    ]
    found = [
        torch.optim.AdamW(groups, lr=settings.learning_rate, betas=(0.9, 0.98), fused=True),
        torch.optim.Muon(
            [named[name] for name in sorted(matrices)],
            lr=settings.matrix_rate,
            weight_decay=settings.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
    ]
    for optimiser in found:
        for group in optimiser.param_groups:
            group["highest"] = group["lr"]
    return found


def rate(progress: float, settings: Settings) -> float:
    return min(1.0, (progress + 1e-3) / settings.warm_up, max(0.0, 1.0 - progress) / settings.cool_down)


def save_checkpoint(path: Path, learner: torch.nn.Module, optimisers: list, state: dict) -> None:
    unfinished = path.with_suffix(".unfinished")
    optimiser_states = [optimiser.state_dict() for optimiser in optimisers]
    torch.save({"model": learner.state_dict(), "optimizers": optimiser_states, "state": state}, unfinished)
    os.replace(unfinished, path)


def load_checkpoint(path: Path, learner: torch.nn.Module, optimisers: list) -> dict:
    saved = torch.load(path, weights_only=True)
    learner.load_state_dict(saved["model"])
    for optimiser, state in zip(optimisers, saved["optimizers"], strict=True):
        highest = [group["highest"] for group in optimiser.param_groups]
        optimiser.load_state_dict(state)
        for group, value in zip(optimiser.param_groups, highest, strict=True):
            group["highest"] = value  # the settings of this run count, so that a rate can be changed on the way
    return saved["state"]


def publish(model, settings: Settings, report: dict, **config_changes) -> None:
    """Half precision on the disk, in pieces small enough for a repository; everything else as fine-tuning wants it."""
    unfinished = settings.out.with_name(settings.out.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    half = copy.deepcopy(model).half()
    half.save_pretrained(unfinished, max_shard_size="8500KB")
    for path in settings.tokenizer.iterdir():
        if path.name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
            shutil.copyfile(path, unfinished / path.name)
    config = json.loads((unfinished / "config.json").read_text())
    config |= {"dtype": "float32", **config_changes}  # what it is to be loaded as: training in half precision goes wrong
    (unfinished / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    (unfinished / "pretraining.json").write_text(json.dumps(report, indent=2) + "\n")
    settings.out.mkdir(parents=True, exist_ok=True)
    for old in settings.out.glob("model*.safetensors*"):
        old.unlink()
    for path in unfinished.iterdir():
        path.chmod(0o644)  # safetensors writes for the owner alone
        os.replace(path, settings.out / path.name)
    unfinished.rmdir()


def run(
    learner: torch.nn.Module,
    settings: Settings,
    backward: Callable[[int], dict[str, float]],
    write: Callable[[dict, bool], dict],
) -> dict:
    """`backward(step)` computes the losses of a step, calls `backward` on them and returns them by name, "loss" among
    them; `write(report, last)` publishes the model and returns the report with what it measured."""
    settings.work.mkdir(parents=True, exist_ok=True)
    optimisers = optimizers(learner, settings)
    state = {"step": 0, "seconds": 0.0, "first_loss": math.nan, "losses": {}}
    checkpoint = settings.work / "checkpoint.pt"
    if checkpoint.exists():
        state = load_checkpoint(checkpoint, learner, optimisers)
        print(f"goes on at step {state['step']} after {state['seconds'] / 60:.1f} minutes", flush=True)

    def save(last: bool) -> dict:
        save_checkpoint(checkpoint, learner, optimisers, state)
        report = {
            "steps": state["step"],
            "tokens_seen": state["step"] * settings.batch_tokens,
            "minutes": round(state["seconds"] / 60, 2),
            "first_loss": round(state["first_loss"], 4),
            "training_losses": {name: round(value, 4) for name, value in state["losses"].items()},
        }
        report = write(report, last)
        print(json.dumps(report), flush=True)
        return report

    started_at, saved_at = state["step"], time.monotonic()
    while True:
        done = state["step"] / settings.max_steps if settings.max_steps else state["seconds"] / 60 / settings.minutes
        if done >= 1 or (settings.stop_after and state["step"] - started_at >= settings.stop_after):
            return save(last=True)
        began = time.monotonic()
        for optimiser in optimisers:
            for group in optimiser.param_groups:
                group["lr"] = group["highest"] * rate(done, settings)
        values = backward(state["step"])
        torch.nn.utils.clip_grad_norm_(learner.parameters(), 1.0)
        for optimiser in optimisers:
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)

        if not math.isfinite(values["loss"]):
            raise FloatingPointError(f"a loss at step {state['step']}: {values}; go on with a lower --learning-rate")
        if state["step"] == 0:
            state["first_loss"] = values["loss"]
        for name, value in values.items():
            state["losses"][name] = 0.98 * state["losses"].get(name, value) + 0.02 * value
        state["step"] += 1
        state["seconds"] += time.monotonic() - began
        if state["step"] % 50 == 0:
            shown = "  ".join(f"{name} {value:.3f}" for name, value in state["losses"].items())
            speed = state["step"] * settings.batch_tokens / state["seconds"]
            print(f"step {state['step']}  {state['seconds'] / 60:5.1f} min  {shown}  {speed:,.0f} tokens/s", flush=True)
        if time.monotonic() - saved_at > settings.save_every:
            save(last=False)
            saved_at = time.monotonic()
