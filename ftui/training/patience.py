"""Early stopping that a run which was stopped and goes on does not forget."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from transformers import EarlyStoppingCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.trainer import TRAINER_STATE_NAME


class Patience(EarlyStoppingCallback):
    """transformers' own counts from nought in a training that is resumed."""

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **given: Any) -> None:
        super().on_train_begin(args, state, control, **given)
        self.early_stopping_patience_counter = since_best(state)


def since_best(state: TrainerState) -> int:
    """How many validations have come after the best one."""
    return sum("eval_loss" in line and line["step"] > (state.best_global_step or 0) for line in state.log_history)


def ended(checkpoint: Path, patience: int | None, steps: int) -> bool:
    """Whether the training that left this checkpoint had all its steps, or had stopped early."""
    state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE_NAME))
    return state.global_step >= steps or bool(patience) and since_best(state) >= patience
