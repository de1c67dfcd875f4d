"""How quick a training was, measured while it runs, for the estimate before the next one (ftui.core.estimate)."""

from __future__ import annotations

import json
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ftui.core import base_models, estimate
from ftui.core.estimate import Speed
from ftui.core.home import Run
from ftui.core.recipe import Gradual, Recipe

if TYPE_CHECKING:
    from transformers import PreTrainedModel

    from ftui.training.features import Features
    from ftui.training.trainer import GroupedTrainer

LEAST = 0.3  # of the time is the tokens'
FEWEST = 3  # updates after the first, which is not timed
WARMING = 50  # updates that may be slower than those to come


class Watch(TrainerCallback):
    """Times updates, validations and checkpoints."""

    def __init__(self, trainer: GroupedTrainer, features: Features | None):
        self.trainer, self.features = trainer, features
        self.mark = self.started = self.ended = 0.0
        self.tokens = 0
        self.steps: list[tuple[int, float]] = []  # tokens, seconds
        self.validations: list[float] = []
        self.saves: list[float] = []

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.mark, self.started, self.tokens = time.monotonic(), time.time(), self.trainer.computed

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.steps.append((self.trainer.computed - self.tokens, self._lap()))
        self.tokens = self.trainer.computed

    def on_evaluate(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.validations.append(self._lap())

    def on_save(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self.saves.append(self._lap())

    def on_train_end(self, *_: Any, **__: Any) -> None:
        self.ended = time.time()

    def _lap(self) -> float:
        now = time.monotonic()
        took, self.mark = now - self.mark, now
        return took

    def settle(self, model: PreTrainedModel) -> None:
        """The training is over: read what its trainer knows, and let go of it, for it holds the weights."""
        trainer, features = self.trainer, self.features
        self.lengths, self.ranks = trainer.lengths, trainer.args.world_size
        self.validation = len(trainer.eval_dataset) if trainer.eval_dataset is not None else 0
        self.caching = features.seconds if features else 0.0
        self.single = features is not None and features.single
        self.config, self.parameters = model.config.to_dict(), sum(p.numel() for p in model.parameters())
        del self.trainer, self.features

    def remember(self, run: Run, recipe: Recipe, device: str) -> None:
        """Keep the speed with the home. A smaller model's training is another matter, as is one of hardly a step."""
        sizes = base_models.shape(self.config)
        if sizes is None or recipe.distil or recipe.prune or len(self.steps) <= FEWEST or self.ranks > 1:
            return
        import psutil

        before = estimate.known(run.home).get(estimate.key(recipe, sizes, device))
        timed = [(0 if self.single else tokens, seconds) for tokens, seconds in self.steps[1:]]
        step, token, warming = (*fitted(timed), 0.0) if isinstance(recipe.strategy, Gradual) else settled(timed)  # its steps grow
        each = sum(-(-n // 8) * 8 for n in self.lengths) / len(self.lengths)
        splits = json.loads(run.report.read_text(encoding="utf-8"))["splits"].values()
        answering, answered = (sum(split[name] for split in splits) for name in ("seconds", "rows"))
        made = Speed(
            step=step,
            token=token,
            validated=_mean(self.validations) / max(1.0, self.validation * each),
            cached=self.caching / (each * (len(self.lengths) + self.validation)),
            answered=answering / max(1.0, answered * each),
            saved=_mean(self.saves),
            start=max(0.0, self.started - psutil.Process().create_time() - self.caching),
            end=max(0.0, time.time() - self.ended - answering),
            warming=0.0 if self.single else warming / estimate.padded(self.lengths),
            over=_peak() - estimate.memory(recipe, self.config, self.parameters, max(self.lengths)),
        )
        if before and not self.caching:  # the states were there already
            made = replace(made, cached=before.cached)
        estimate.remember(run.home, recipe, sizes, device, made)


def settled(steps: list[tuple[int, float]]) -> tuple[float, float, float]:
    """(seconds of each step, seconds of each token, seconds that the first steps took besides: kernels are made for shapes
    that had not come before, memory is got). The first ones: half of them, and at most WARMING.

    >>> settled([(100, 5.0), (200, 4.0), (100, 2.0), (200, 3.0)])
    (1.0, 0.01, 4.0)
    """
    first = min(len(steps) // 2, WARMING)
    step, token = fitted(steps[first:])
    return step, token, max(0.0, round(sum(seconds - step - token * tokens for tokens, seconds in steps[:first]), 9))


def fitted(steps: list[tuple[int, float]]) -> tuple[float, float]:
    """(seconds of each step, seconds of each token), by least squares; their sum over the steps is that of the seconds.

    >>> fitted([(100, 2.0), (200, 3.0), (300, 4.0)])
    (1.0, 0.01)
    """
    count = len(steps)
    tokens, seconds = sum(t for t, _ in steps) / count, sum(s for _, s in steps) / count
    spread = sum((t - tokens) ** 2 for t, _ in steps)
    token = sum((t - tokens) * (s - seconds) for t, s in steps) / spread if spread else 0.0
    most = seconds / tokens if tokens else 0.0
    token = min(max(token, LEAST * most), most)  # a busy machine blurs what the tokens cost
    if not spread and tokens:  # all alike: take it that the tokens are what costs
        token = most
    return round(seconds - token * tokens, 9), round(token, 12)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _peak() -> int:
    """Bytes of memory that this process has taken at most; 0 where the system does not say."""
    try:
        import resource
    except ImportError:
        return 0
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
