"""The trainer of preferences: pairs of answers, and how likely the model found both before anything was learned."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import datasets
import torch
from transformers.trainer_utils import EvalLoopOutput

from ftui.artifacts import writing
from ftui.core.recipe import Language
from ftui.tasks import preference
from ftui.training import labelled
from ftui.training.language import LanguageTrainer


def with_reference(rows: datasets.Dataset, model: Any, tokenizer: Any, settings: Language, max_length: int, alive: Callable[[], None]) -> datasets.Dataset:
    """The rows with `reference`: the log-likelihoods of both answers by the model as it is. Computed once: it stands still
    while the one that learns moves away from it. `alive` may raise."""
    asked = writing.Writer(model.eval(), tokenizer, settings, max_length, threading.Lock())
    found = preference.likelihoods(rows, asked, lambda _: alive())
    return rows.add_column("reference", [[float(better.sum()), float(worse.sum())] for better, worse in zip(*found, strict=True)])


class PairTrainer(LanguageTrainer):
    """A LanguageTrainer whose `compute_loss_func` is given margins of pairs. `beta`: how dear it is to move away from the
    model that it began as."""

    def __init__(self, *args: Any, beta: float, **options: Any):
        super().__init__(*args, **options)
        self.beta = beta

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        more = [name + column for name in preference.SIDES for column in ("input_ids", "attention_mask", "labels")]
        self._signature_columns += [name for name in (*more, "reference") if name not in self._signature_columns]

    def _get_num_items_in_batch(self, batch_samples: list, device: Any) -> Any:
        """Pairs rather than tokens."""
        parts = [part for batch in batch_samples for part in batch.get("parts", [batch])]
        count = torch.tensor(sum(len(part["labels"]) for part in parts), device=device)
        return self.accelerator.gather(count).sum() if self.args.average_tokens_across_devices else count

    def rewards(self, model: Any, inputs: dict) -> torch.Tensor:
        """(B, 2): beta times how much likelier the better and the worse answer have become."""
        sides = []
        for name in preference.SIDES:
            part = {column: inputs[name + column] for column in ("input_ids", "attention_mask", "labels")}
            logits, labels = labelled.forward(model, self._head(model), part, True)
            counts = (part["labels"] != preference.IGNORED).sum(1)
            places = torch.repeat_interleave(torch.arange(len(counts), device=counts.device), counts)
            lost = torch.nn.functional.cross_entropy(logits.float(), labels, reduction="none")
            sides.append(-torch.zeros(len(counts), device=lost.device).index_add(0, places, lost))
        return self.beta * (torch.stack(sides, 1) - inputs["reference"])

    def compute_loss(self, model: Any, inputs: dict, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        rewards = self.rewards(model, inputs)
        loss = self.compute_loss_func(rewards[:, 0] - rewards[:, 1], num_items_in_batch=num_items_in_batch)
        if self.args.average_tokens_across_devices and num_items_in_batch is not None:
            loss = loss * self.accelerator.num_processes
        return (loss, {"rewards": rewards}) if return_outputs else loss

    def evaluation_loop(self, dataloader: Any, description: str, *_: Any, metric_key_prefix: str = "eval", **__: Any) -> EvalLoopOutput:
        """Loss, and of the pairs how many are the right way round and by how much, each counting the same."""
        model = self.model.to(self.args.device).eval()
        sums = torch.zeros(4, dtype=torch.float64, device=self.args.device)
        for batch in dataloader:
            inputs = self._prepare_inputs(batch)
            with torch.no_grad(), self.accelerator.autocast():
                rewards = self.rewards(model, inputs).double()
            margins = rewards[:, 0] - rewards[:, 1]
            sums += torch.stack([preference.loss(margins, num_items_in_batch=1), (margins > 0).double().sum(), margins.sum(), margins.new_tensor(len(margins))])
            self.control = self.callback_handler.on_prediction_step(self.args, self.state, self.control)
        *totals, count = self.accelerator.gather(sums[None]).sum(0).tolist()
        names = ("loss", "reward_accuracy", "reward_margin")
        metrics = {f"{metric_key_prefix}_{name}": total / max(count, 1) for name, total in zip(names, totals, strict=True)}
        return EvalLoopOutput(predictions=None, label_ids=None, metrics=metrics, num_samples=len(dataloader.dataset))
