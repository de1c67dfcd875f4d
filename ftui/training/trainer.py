"""transformers' Trainer with our batches, and a callback that writes what happens into the job's events."""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_pt_utils import find_batch_size

from ftui.core.context import Stopped
from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.training import microbatches, ranks, rates
from ftui.training.batching import LengthGroupedBatches, TokenBatches, token_counts
from ftui.training.features import Features
from ftui.training.used_tokens import UsedTokens

SAVE_EVERY = 120.0  # seconds: what a killed run can lose at most
TELL_EVERY = 0.5
CLOSING = 20.0  # seconds that a validation which was due may still take when the user stops the run
GO_ON, SAVE, STOP = 0, 1, 2  # what a process may wish at the end of a step


class GroupedTrainer(Trainer):
    """Trains in batches of like length (`lengths`: tokens of each training row); weights may learn at different rates
    (`shares`: see rates.shares). A batch is computed in parts of at most `tokens` tokens and `rows` rows; where memory
    runs out, in parts of half the size from then on (`halved` is then called with the new number of rows). `texts`: the
    columns of encoded rows whose tokens count. `learn`: the collator of rows that are learned from, where it is not that of
    rows that are measured. With `features` the model reads states of the frozen part that were computed before (features.py);
    with `used` it learns the embeddings of tokens that occur (used_tokens.py). With `whole` no batch is cut into parts."""

    def __init__(
        self,
        *args: Any,
        lengths: list[int],
        shares: dict[str, float] | None = None,
        tokens: int | None = None,
        rows: int | None = None,
        halved: Callable[[int], None] | None = None,
        features: Features | None = None,
        used: UsedTokens | None = None,
        texts: tuple[str, ...] = ("input_ids",),
        learn: Callable[[list[dict]], Any] | None = None,
        whole: bool = False,
        **options: Any,
    ):
        super().__init__(*args, **options)
        self.used = used
        self.lengths = lengths
        self.shares = shares
        self.texts = texts
        self.features = features
        if features:
            self.data_collator = features.collator(self.data_collator)
        tokens = tokens or microbatches.TOKENS.get(self.args.device.type, microbatches.TOKENS["cuda"])
        self.cut = microbatches.Cut(learn or self.data_collator, tokens, rows or self.args.train_batch_size, texts, whole)
        self.computed = 0  # tokens so far, with their padding
        self.halved = halved

    def train(self, *args: Any, **options: Any) -> Any:
        """What is loaded by now stays, so nobody need look through it for garbage: that takes a quarter of a second each time.
        (A search of many trainings has seen to it already.)"""
        first = not gc.get_freeze_count()
        if first:
            gc.freeze()
        try:
            return super().train(*args, **options)
        finally:
            if first:
                gc.unfreeze()

    def restore(self, checkpoint: Path) -> None:
        """The state and the model that a training which had come to its end with this checkpoint leaves."""
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
        best = self.state.best_model_checkpoint
        if self.args.load_best_model_at_end and best and Path(best).is_dir():
            self._load_best_model()
        else:
            self._load_from_checkpoint(str(checkpoint))

    def create_optimizer(self, model: Any = None) -> Any:
        if self.optimizer is None and self.shares is not None:
            model = self.model if model is None else model
            learning = {name: p for name, p in model.named_parameters() if p.requires_grad}
            kind, options = self.get_optimizer_cls_and_kwargs(self.args, model)
            decaying = self.get_decay_parameter_names(model)
            made = rates.groups(learning, self.shares, options["lr"], self.args.weight_decay, decaying)
            self.optimizer = kind(made, **options)
        optimizer = super().create_optimizer(model)
        if self.used:
            optimizer.register_step_post_hook(self.used.decay)
        return optimizer

    def _clip_grad_norm(self, model: Any) -> Any:
        """The norm of the gradients. On a CPU the fused AdamW shortens them as it reads them, which saves a pass over memory."""
        optimizer = getattr(self.optimizer, "optimizer", self.optimizer)  # as accelerate wraps it
        if self.args.device.type != "cpu" or not optimizer.defaults.get("fused") or self.accelerator.scaler is not None:
            return super()._clip_grad_norm(model)
        import torch

        learning = (p for group in optimizer.param_groups for p in group["params"])
        norm = torch.nn.utils.get_total_norm([p.grad for p in learning if p.grad is not None])
        optimizer.grad_scale = ((norm + 1e-6) / self.args.max_grad_norm).clamp(min=1.0)
        return norm

    def get_train_dataloader(self) -> Any:
        """Its batches are cut in parts; those of an evaluation are not."""
        whole, self.data_collator = self.data_collator, self.cut
        try:
            return super().get_train_dataloader()
        finally:
            self.data_collator = whole

    def _get_num_items_in_batch(self, batch_samples: list, device: Any) -> Any:
        parts = [part for batch in batch_samples for part in batch.get("parts", [batch])]
        return super()._get_num_items_in_batch(parts, device)

    def training_step(self, model: Any, inputs: dict, num_items_in_batch: Any = None) -> Any:
        """The gradient of a batch, added up over its parts; several processes exchange it with the last one. Memory that
        runs out costs this batch's work so far, nothing else."""
        parts = inputs["parts"]
        self.computed += sum(part[name].numel() for part in parts for name in self.texts)
        while True:
            try:
                with microbatches.casts_kept() if len(parts) > 1 else contextlib.nullcontext():
                    return sum(self._part(model, part, part is parts[-1], num_items_in_batch) for part in parts)
            except (RuntimeError, MemoryError) as error:
                alone = self.args.world_size == 1 and self.args.gradient_accumulation_steps == 1
                if not (alone and microbatches.out_of_memory(error) and self.cut.halve()):
                    raise
            model.zero_grad()
            parts = microbatches.halves(parts)
            if self.args.device.type == "cuda":
                import torch

                torch.cuda.empty_cache()
            if self.halved:
                self.halved(self.cut.rows)

    def compute_loss(self, model: Any, inputs: dict, *args: Any, **options: Any) -> Any:
        if self.features:
            self.features.feed(inputs.pop("states"))
        return super().compute_loss(model, inputs, *args, **options)

    def _set_signature_columns_if_needed(self) -> None:
        super()._set_signature_columns_if_needed()
        if self.features and "place" not in self._signature_columns:
            self._signature_columns.append("place")

    def _part(self, model: Any, part: dict, last: bool, num_items_in_batch: Any) -> Any:
        with contextlib.nullcontext() if last else self.accelerator.no_sync(model):
            return super().training_step(model, part, num_items_in_batch)

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedBatches:
        ranks = {"rank": self.args.process_index, "ranks": self.args.world_size}
        return LengthGroupedBatches(self.lengths, self.args.train_batch_size, self.args.seed, **ranks)

    def _get_eval_sampler(self, eval_dataset: Any) -> Any:
        """As many tokens at a time as `per_device_eval_batch_size` rows of the longest have; one process only."""
        if self.args.world_size > 1:
            return super()._get_eval_sampler(eval_dataset)
        lengths = token_counts(eval_dataset, self.texts).sum(0).tolist()
        return TokenBatches(lengths, self.args.per_device_eval_batch_size * max(lengths))

    def prediction_step(self, model: Any, inputs: dict, prediction_loss_only: bool, ignore_keys: list[str] | None = None) -> tuple:
        """With the loss once for each row of the batch, so that the mean over batches is that over rows; of the outputs the
        logits alone, where T5 would give its encoder's states as well."""
        usual = getattr(self.model.config, "keys_to_ignore_at_inference", ["past_key_values"])
        ignored = [*(usual if ignore_keys is None else ignore_keys), "encoder_last_hidden_state"]
        loss, logits, labels = super().prediction_step(model, inputs, prediction_loss_only, ignored)
        return None if loss is None else loss.mean().repeat(find_batch_size(inputs)), logits, labels


class Reporter(TrainerCallback):
    """Metrics, progress and the wish to stop."""

    def __init__(self, events: Writer, should_stop: Callable[[], bool], rows_per_step: int):
        self.events, self.should_stop, self.rows_per_step = events, should_stop, rows_per_step
        self.told = self.began = 0.0
        self.saved = time.monotonic()
        self.first = 0
        self.asked: float | None = None  # since when a validation goes on that the user wants stopped

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.began, self.first = time.monotonic(), state.global_step
        self.tell(state)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = time.monotonic()
        if now - self.told > TELL_EVERY:
            self.told = now
            self.tell(state)
        wish = ranks.highest(STOP if self.should_stop() else SAVE if now - self.saved > SAVE_EVERY else GO_ON)
        if args.eval_strategy == "epoch" and _due(args, state):
            return  # what is resumed from a checkpoint before the epoch's validation would do without it
        control.should_save |= wish >= SAVE
        control.should_training_stop |= wish == STOP

    def on_epoch_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        control.should_training_stop |= bool(ranks.highest(int(self.should_stop())))

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.saved = time.monotonic()
        self.events.log("checkpoint", step=state.global_step)

    def on_prediction_step(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        now = time.monotonic()
        self.asked = (self.asked or now) if self.should_stop() else None
        late = self.asked is not None and (now - self.asked > CLOSING or not _due(args, state))
        if ranks.highest(int(late)):
            raise Stopped

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict | None = None, **_: Any
    ) -> None:
        values = {k: v for k, v in (logs or {}).items() if k in ("loss", "grad_norm", "learning_rate")}
        if not math.isfinite(values.get("loss", 0.0)):
            raise UserError("loss_not_finite", step=state.global_step)
        if "loss" in values:
            self.events.metric(state.global_step, round(state.epoch or 0, 4), values)

    def on_evaluate(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, metrics: dict | None = None, **_: Any
    ) -> None:
        speed = ("runtime", "samples_per_second", "steps_per_second", "epoch", "model_preparation_time")
        values = {k.replace("eval_", "validation_", 1): v for k, v in (metrics or {}).items() if not k.endswith(speed)}
        self.events.metric(state.global_step, round(state.epoch or 0, 4), values)
        shown = ", ".join(f"{k.removeprefix('validation_')} {v:.4f}" for k, v in values.items())
        self.events.log("evaluated", epoch=round(state.epoch or 0, 2), metrics=shown)

    def tell(self, state: TrainerState) -> None:
        done = state.global_step - self.first
        elapsed = time.monotonic() - self.began
        self.events.progress(
            phase="training",
            step=state.global_step,
            max_steps=state.max_steps,
            epoch=round(state.epoch or 0, 3),
            examples_per_second=round(done * self.rows_per_step / elapsed, 1) if done else None,
            eta=round(elapsed / done * (state.max_steps - state.global_step), 1) if done else None,
        )


def _due(args: TrainingArguments, state: TrainerState) -> bool:
    """Whether a validation belongs at this step, and not only to a training that is broken off here."""
    if state.global_step >= state.max_steps:
        return True
    if args.eval_strategy == "steps":
        return state.global_step % state.eval_steps == 0
    return float(state.epoch or 0).is_integer()
