"""What each layer does in the course of a training: whether it learns, at which rate, and how large its gradient is.

It is looked at in the updates that the log tells of, after all their parts and processes are added up: one pass over
gradients that are there anyway.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ftui.training import strategies

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel

    from ftui.core.events import Writer

DIGITS = 4  # of what is written down


class Timeline(TrainerCallback):
    """Writes a `layers` event beside each point of the loss: {layer: learning rate}, {layer: gradient norm before clipping},
    both from the bottom to the top, None where nothing in the layer learns."""

    def __init__(self, model: PreTrainedModel, events: Writer):
        self.events = events
        self.layers = layers(model)
        self.rates: dict[str, float | None] = {}
        self.norms: dict[str, Any] = {}

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, optimizer: Any = None, **_: Any
    ) -> None:
        if (state.global_step + 1) % args.logging_steps:
            return
        rate = {id(parameter): float(group["lr"]) for group in optimizer.param_groups for parameter in group["params"]}
        for name, parameters in self.layers.items():
            learning = [p for p in parameters if p.requires_grad]
            self.rates[name] = max((rate[id(p)] for p in learning if id(p) in rate), default=None)
            self.norms[name] = torch.nn.utils.get_total_norm([p.grad for p in learning if p.grad is not None]) if learning else None

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict | None = None, **_: Any
    ) -> None:
        if "grad_norm" not in (logs or {}) or not self.rates:
            return
        norms = {name: None if norm is None else float(norm) for name, norm in self.norms.items()}
        clipped = math.hypot(*(norm for norm in norms.values() if norm is not None))
        if clipped:  # what is logged as a whole was measured before clipping
            norms = {name: None if norm is None else norm * logs["grad_norm"] / clipped for name, norm in norms.items()}
        self.events.layers(state.global_step, round(state.epoch or 0, 4), _short(self.rates), _short(norms))
        self.rates, self.norms = {}, {}


def layers(model: PreTrainedModel) -> dict[str, list[Parameter]]:
    """The parameters of each layer from the bottom to the top: {"embeddings", "1", "2" ..., "head"}; with an encoder and a decoder
    {"embeddings", "encoder 1" ..., "decoder 1" ..., "head"}. An adapter belongs to the layer that it sits in."""
    model = model.get_base_model() if hasattr(model, "get_base_model") else model  # out of peft's wrapping
    count, below = strategies.layers(model), strategies.encoder_layers(model)
    numbers = [f"encoder {n + 1}" if n < below else f"decoder {n - below + 1}" if below else str(n + 1) for n in range(count)]
    names = ["embeddings", *numbers, "head"]
    found: dict[str, list[Parameter]] = {name: [] for name in names}
    for parameter, depth in strategies.depths(model):
        found[names[-1 - depth]].append(parameter)
    return {name: parameters for name, parameters in found.items() if parameters}


def _short(values: dict[str, float | None]) -> dict[str, float | None]:
    """What JSON can hold: few digits, no infinity."""
    return {name: float(f"{value:.{DIGITS}g}") if value is not None and math.isfinite(value) else None for name, value in values.items()}
