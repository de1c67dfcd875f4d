"""Gradual unfreezing (Howard and Ruder, 2018): which layers learn depends on the epoch.

The optimiser holds all parameters from the start and passes over those without a gradient, so that a layer that thaws
begins with fresh moments, and a run that is resumed in any epoch goes on as if it had never been broken. The layers
below the lowest that learns need no backward pass: early epochs are faster. In one process only: torch's
DistributedDataParallel fixes what it reduces when it is built.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ftui.core.recipe import Gradual
from ftui.training import strategies

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ftui.core.events import Writer


class Thaw(TrainerCallback):
    """Sets at the beginning of each epoch which parameters learn; the embeddings thaw with the lowest layer."""

    def __init__(self, model: PreTrainedModel, strategy: Gradual, epochs: float, events: Writer | None = None):
        self.layers = strategies.layers(model)
        self.depths = strategies.depths(model)
        spread = math.ceil(self.layers / max(1, math.ceil(epochs)))
        self.per_epoch = spread if strategy.layers_per_epoch == "auto" else strategy.layers_per_epoch
        self.events = events

    def thawed(self, epoch: int) -> int:
        """How many layers learn in this epoch (from 0)."""
        return min(self.layers, self.per_epoch * (epoch + 1))

    def on_epoch_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        epoch = int(state.epoch or 0)
        count = self.thawed(epoch)
        for parameter, depth in self.depths:
            parameter.requires_grad = min(depth, self.layers) <= count
        if self.events and (epoch == 0 or count != self.thawed(epoch - 1)):
            self.events.log("thawed", epoch=epoch + 1, count=count, layers=self.layers)
