"""The model of a training, from the recipe: its base, a new head, and what of it learns."""

from __future__ import annotations

import functools
from types import ModuleType
from typing import Any

from ftui.core.events import Writer
from ftui.core.home import Run
from ftui.core.recipe import Lora, Recipe
from ftui.training import adapters, attention, dropout, first_token, models, pruning, ranks, strategies
from ftui.training.rows import Rows


class Assembly:
    """What all models of a training have in common: where they come from, where and how exactly they compute.

    `device`: cpu, cuda or mps. `bf16`: whether products are computed in bfloat16. `shards`: what cuts the model into pieces
    (ranks.py), "" if nothing. `base`: the name of the base model, or the folder of the smaller one that was made of it.
    Raises UserError for what this machine cannot do.
    """

    def __init__(self, run: Run, recipe: Recipe, task: ModuleType, rows: Rows, events: Writer):
        settings = recipe.training
        self.task, self.rows, self.events = task, rows, events
        self.shards = ranks.sharded()
        self.device = models.device(recipe.device)
        ranks.check_device(self.shards, self.device)
        self.bf16 = models.bf16(settings.bf16, self.device, settings.fp16)
        self.precision = "bf16" if self.bf16 else "fp16" if settings.fp16 else "fp32"
        self.quantised = adapters.quantised(recipe.strategy, self.device)
        known = run.home.base(recipe.model)
        self.base = pruning.pruned(recipe, known, rows.splits["train"], task, rows.labels, run.checkpoints / "pruned", self.device, events)
        self._build = functools.partial(task.load_model, labels=rows.labels)

    def model(self, recipe: Recipe) -> tuple[Any, Any, bool]:
        """(model, tokenizer, whether its last layer reads the first token only)"""
        model, tokenizer = models.load(self.base, recipe, functools.partial(self._build, **self.quantised), self.events)
        if hasattr(self.task, "begin_head"):
            self.task.begin_head(model, self.rows.splits["train"], self.rows.labels)
        all_states = recipe.distil and recipe.distil.hidden_weight  # of all tokens, to compare with the teacher's
        single = not self.shards and not all_states and first_token.apply(model)
        if recipe.training.gradient_checkpointing and isinstance(recipe.strategy, Lora):
            model.enable_input_require_grads()
        model = strategies.STRATEGIES[recipe.strategy.name](model, recipe.strategy)
        dropout.apply(model)
        return model, tokenizer, single

    def place(self, model: Any, max_length: int) -> None:
        """To the device, with the attention that is the fastest there for rows of up to `max_length` tokens."""
        attention.attend(model, self.device, max_length)
        if not self.quantised and not self.shards:  # pieces find their own way
            model.to(self.device)

    def merged(self, model: Any, recipe: Recipe, adapter: Any) -> Any:
        """The model with its `adapter` (a folder) in its weights; those of a base in 4 bits in full precision again."""
        whole = models.load(self.base, recipe, self._build, self.events)[0] if self.quantised else None
        return adapters.merge(model, adapter, whole)
