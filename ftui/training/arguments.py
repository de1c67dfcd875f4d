"""A recipe's settings as transformers' TrainingArguments."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import transformers

from ftui import tasks
from ftui.core.recipe import ENOUGH_TO_CHOOSE, Recipe
from ftui.training import ranks
from ftui.training.assembling import Assembly

CURVE_POINTS = 200


@dataclass(frozen=True)
class Plan:
    """How long a training is and how its best checkpoint is found. `rows_per_step`: of each update, over all processes.
    `best_by`: metric of the validation. `learns`: False where a smaller model is kept as it was made. `choosing`: whether
    the checkpoint that is best by the validation is the one that stays, rather than the last."""

    rows_per_step: int
    steps_per_epoch: int
    epochs: float
    steps: int
    best_by: str
    learns: bool
    choosing: bool


def plan(recipe: Recipe, learned: int, validated: int) -> Plan:
    """For so many rows (or windows) that are learned from, and so many of validation."""
    settings = recipe.training
    rows_per_step = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    steps_per_epoch = math.ceil(learned / rows_per_step)
    epochs = recipe.epochs(learned)
    steps = settings.max_steps if settings.max_steps > 0 else math.ceil(epochs * steps_per_epoch)
    learns = recipe.prune is None or recipe.prune.recover
    asked = bool(settings.metric_for_best_model or settings.early_stopping_patience)
    choosing = learns and validated > 0 and (asked or validated >= ENOUGH_TO_CHOOSE)
    best_by = (settings.metric_for_best_model or "loss").removeprefix("validation_")
    return Plan(rows_per_step, steps_per_epoch, epochs, steps, best_by, learns, choosing)


def arguments(recipe: Recipe, plan: Plan, assembly: Assembly, learning_rate: float, validated: bool, checkpoints: Path) -> Any:
    """TrainingArguments. A step's rows are one batch for the Trainer, computed in parts by us (microbatches.py), but where the
    model is in pieces."""
    settings, shards, device = recipe.training, assembly.shards, assembly.device
    evaluating = settings.eval_strategy if validated else "no"
    made = transformers.TrainingArguments(
        output_dir=str(checkpoints),
        num_train_epochs=plan.epochs,
        max_steps=settings.max_steps if settings.max_steps > 0 else -1,
        learning_rate=learning_rate,
        per_device_train_batch_size=(settings.per_device_train_batch_size if shards else plan.rows_per_step) // ranks.count(),
        gradient_accumulation_steps=settings.gradient_accumulation_steps if shards else 1,
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup_steps if settings.warmup_steps < 1 else int(settings.warmup_steps),
        max_grad_norm=settings.max_grad_norm,
        adam_beta1=settings.adam_beta1,
        adam_beta2=settings.adam_beta2,
        adam_epsilon=settings.adam_epsilon,
        weight_decay=settings.weight_decay,
        bf16=assembly.bf16,
        fp16=settings.fp16,
        activation_checkpointing=settings.gradient_checkpointing,  # its new name
        use_cpu=device == "cpu",
        dataloader_pin_memory=device == "cuda",
        eval_strategy=evaluating,
        eval_steps=settings.eval_steps,
        save_strategy=evaluating if validated else "epoch",
        save_steps=settings.eval_steps or 500,
        save_total_limit=settings.save_total_limit,
        load_best_model_at_end=plan.choosing,
        metric_for_best_model=f"eval_{plan.best_by}" if plan.choosing else None,
        greater_is_better=plan.best_by not in tasks.LOWER if plan.choosing else None,
        logging_steps=settings.logging_steps or max(1, plan.steps // CURVE_POINTS),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        seed=settings.seed,
        label_names=["labels"],
    )
    made._n_gpu = min(1, made.n_gpu)  # with more the Trainer would wrap the model in DataParallel; several are for torchrun
    return made
