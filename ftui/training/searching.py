"""A search for settings: trainings in one process, by Optuna through transformers' own `hyperparameter_search`.

Rows, their tokens and the cached states of a frozen part are made once and serve all trials; each trial has a fresh model.
Trials are judged on the validation rows, after each epoch: one that is behind the median of the others ends there. The
first trial has the recipe's own settings. What came of each is in the job's events; a resumed search reads them and goes on.
"""

from __future__ import annotations

import gc
import math
import shutil
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import optuna
from transformers import EarlyStoppingCallback, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from ftui import tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core import search as spaces
from ftui.core.context import Stopped
from ftui.core.errors import UserError
from ftui.training import language, rates, thawing, timeline
from ftui.training.trainer import TELL_EVERY, GroupedTrainer, Reporter

if TYPE_CHECKING:
    from ftui.core.context import Context

FAILS = (UserError, RuntimeError, MemoryError, ValueError, ArithmeticError)  # what ends a trial, not the search
HOPELESS = 3  # trials that fail, and none before them has succeeded
BEFORE_PRUNING = 4  # trials that nothing is compared with
FEW = 100  # validation rows: on fewer, chance decides between settings that are much alike


class Over(Exception):
    """The time is up, or nothing succeeds."""


class Trying(GroupedTrainer):
    """The trainer of all trials; `search` is set by `run`."""

    search: Trials

    def train(self, *args: Any, trial: Any = None, **options: Any) -> Any:
        self.search.begin(trial)
        try:
            done = super().train(*args, trial=trial, **options)
            if self.search.measured != self.state.global_step:  # it has ended within an epoch
                self.objective = self.compute_objective(self.evaluate())
                self.search.scored(self.state, self.objective)
            if not math.isfinite(self.objective):
                raise UserError("search_no_score")
        except (Stopped, Over):
            self.search.end("stopped")
            raise
        except optuna.TrialPruned:
            self.search.end("pruned")
            raise
        except FAILS as error:
            self.search.end("failed", error)
            raise
        self.search.end("complete")
        return done

    def _report_to_hp_search(self, trial: Any, step: int, metrics: dict[str, float]) -> None:
        """Trials are compared after as many epochs, not updates: they may differ in their batches. After the last one there is
        nothing left to be saved."""
        epoch, score = round(self.state.epoch or 0), self.compute_objective(metrics)
        self.search.scored(self.state, score)
        if self.state.global_step < self.state.max_steps:
            super()._report_to_hp_search(trial, epoch, metrics)
        else:
            self.objective = score
            trial.report(score, epoch)


def trying(kind: type) -> type:
    """A kind of trainer, as one that makes trials."""
    return type(f"Trying{kind.__name__}", (Trying, kind), {})


class Trials(TrainerCallback):
    """The trials of one search: their settings, what came of them, and the clock."""

    def __init__(self, context: Context, recipe: recipes.Recipe, rows: int, parameters: int):
        assert recipe.search is not None
        self.events, self.should_stop = context.events, context.should_stop
        self.search, self.plain = recipe.search, recipe.model_copy(update={"search": None})
        self.own, self.values = spaces.own(recipe, rows, parameters), spaces.values(recipe, rows, parameters)
        self.metric = tasks.searched(tasks.get(recipe.task), recipe.training.metric_for_best_model)
        self.lower = self.metric in tasks.LOWER
        told = ev.read(context.job.events)[0]
        self.earlier, spent = earlier(told, context.events.attempt)
        self.budget = 60 * self.search.minutes
        self.began = time.time() - spent
        self.best: float | None = min((t["score"] * self._sign for t in self.earlier if t["state"] == "complete"), default=None)
        self.failures, self.fastest = 0, 0.0
        self.problem: Exception | None = None
        self.shown = 0.0
        self.trial: dict[str, Any] = {}
        self.made, self.measured, self.mark = self.plain, -1, 0.0

    @property
    def _sign(self) -> float:
        return 1.0 if self.lower else -1.0

    @property
    def left(self) -> float:
        """Seconds."""
        return self.began + self.budget - time.time()

    def begin(self, trial: Any) -> None:
        """Choose the settings of a trial. Raises Over where there is no time for one."""
        if self.left < self.fastest / 2 or (self.best is None and self.failures >= HOPELESS):
            raise Over
        chosen = {}
        for name, values in self.values.items():
            rate = name == "learning_rate"
            chosen[name] = trial.suggest_float(name, *values, log=True) if rate else trial.suggest_categorical(name, values)
        settings = spaces.settings(self.plain, chosen)
        self.made = recipes.changed(self.plain, [f"{name}={value}" for name, value in settings.items()])
        self.mark, self.measured = time.time(), -1
        self.trial = {"number": trial.number, "state": "running", "settings": settings, "score": None, "scores": [], "seconds": 0.0}
        self.events.write("trial", **self.trial)

    def scored(self, state: TrainerState, score: float) -> None:
        self.measured = state.global_step
        if math.isfinite(score):
            self.trial |= {"score": score, "scores": [*self.trial["scores"], [round(state.epoch or 0, 2), score]]}
        self.trial["seconds"] = round(time.time() - self.mark, 2)
        self.events.write("trial", **self.trial)

    def end(self, state: str, error: Exception | None = None) -> None:
        """Tell how the trial has ended, and whether it is the best one so far."""
        self.trial |= {"state": state, "seconds": round(time.time() - self.mark, 2)}
        if error is not None:
            self.problem, self.failures = error, self.failures + 1
            known = isinstance(error, UserError)
            self.trial["reason"] = {"code": error.code, "params": {k: str(v) for k, v in error.params.items()}} if known else f"{type(error).__name__}: {error}"[:300]
        self.events.write("trial", **self.trial)
        told = {"number": self.trial["number"] + 1, "settings": ", ".join(f"{name.partition('.')[2]} {value:g}" for name, value in self.trial["settings"].items())}
        if state == "complete":
            self.fastest = min(self.fastest or math.inf, self.trial["seconds"])
            self.events.log("trial_complete", metric=f"validation_{self.metric}", value=f"{self.trial['score']:.4f}", **told)
            if self.best is None or self.trial["score"] * self._sign < self.best:
                self.best = self.trial["score"] * self._sign
                self.events.metric(self.trial["number"] + 1, 0, {f"validation_{self.metric}": self.trial["score"]})
        elif state == "pruned":
            self.events.log("trial_pruned", epoch=len(self.trial["scores"]), **told)
        elif state == "failed":
            self.events.log("trial_failed", level="warning", problem=str(error)[:300], **told)

    def study(self) -> tuple[Any, dict]:
        """(an Optuna study with the earlier trials, what finds it again)"""
        found = {"storage": optuna.storages.InMemoryStorage(), "study_name": "search", "load_if_exists": True}
        study = optuna.create_study(direction="minimize" if self.lower else "maximize", **found)
        kinds: dict[str, Any] = {
            name: optuna.distributions.FloatDistribution(*values, log=True) if name == "learning_rate" else optuna.distributions.CategoricalDistribution(values)
            for name, values in self.values.items()
        }
        for told in self.earlier:
            state = {"complete": "COMPLETE", "pruned": "PRUNED", "failed": "FAIL"}[told["state"]]
            scores = {round(epoch): score for epoch, score in told["scores"]}
            value = told["score"] if told["state"] != "failed" else None
            study.add_trial(
                optuna.trial.create_trial(
                    state=optuna.trial.TrialState[state], value=value, params=spaces.chosen(told["settings"]), distributions=kinds, intermediate_values=scores
                )
            )
        if not self.earlier:
            study.enqueue_trial(self.own)
        return study, found

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **_: Any) -> None:
        self._look()

    def on_prediction_step(self, *_: Any, **__: Any) -> None:
        self._look()

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict | None = None, **_: Any) -> None:
        if not math.isfinite((logs or {}).get("loss", 0.0)):
            raise UserError("loss_not_finite", step=state.global_step)

    def _look(self) -> None:
        if self.should_stop():
            raise Stopped
        if self.left <= 0:
            raise Over
        if time.time() - self.shown > TELL_EVERY:
            self.shown = time.time()
            self.tell()

    def tell(self) -> None:
        """How far it is, in thousandths of the time or of the trials, whichever ends it sooner."""
        number = self.trial.get("number", 0)
        share = max(number / self.search.trials, 1 - self.left / self.budget)
        seconds = round(self.budget - self.left)
        self.events.progress(
            phase="searching", step=min(1000, round(1000 * share)), max_steps=1000, epoch=0, trial=number + 1, trials=self.search.trials, seconds=seconds, budget=round(self.budget)
        )


def run(context: Context, recipe: recipes.Recipe, trainer: Trying, fresh: Callable[[recipes.Recipe], tuple[Any, Any]], validated: int, parameters: int) -> bool:
    """Search until time (from now on) or trials are used up. `fresh` makes the model of a recipe, and
    what of its embeddings learns; `validated`: validation rows. Raises UserError where no trial was finished, and Stopped."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    events, rows = context.events, len(trainer.lengths)
    search = trainer.search = Trials(context, recipe, rows, parameters)
    for kind in (timeline.Timeline, Reporter, language.Samples, EarlyStoppingCallback, thawing.Thaw):
        trainer.remove_callback(kind)
    trainer.add_callback(search)
    trainer.model = trainer.model_wrapped = None  # each trial has its own
    args = trainer.args
    args.eval_strategy, args.save_strategy = "epoch", "no"
    args.load_best_model_at_end, args.metric_for_best_model = False, None
    args.warmup_steps = float(args.warmup_steps)  # as a trial's value is cast to what stands there
    args.logging_steps = max(1, math.ceil(rows / args.per_device_train_batch_size) // 4)

    def space(_: Any) -> dict[str, Any]:
        settings = search.made.training
        return {
            "learning_rate": search.made.learning_rate(parameters),
            "num_train_epochs": search.made.epochs(rows),
            "per_device_train_batch_size": settings.per_device_train_batch_size * settings.gradient_accumulation_steps,
            "weight_decay": settings.weight_decay,
            "warmup_steps": settings.warmup_steps,
        }

    def model(_: Any) -> Any:
        trainer.cut.rows = search.made.training.per_device_train_batch_size
        made, trainer.used = fresh(search.made)
        trainer.shares = rates.shares(made, search.made.strategy)
        if isinstance(search.made.strategy, recipes.Gradual):
            trainer.remove_callback(thawing.Thaw)
            trainer.add_callback(thawing.Thaw(made, search.made.strategy, search.made.epochs(rows)))
        return made

    trainer.model_init = model
    study, found = search.study()
    left = search.search.trials - len(search.earlier)
    varied = ", ".join(search.values)
    events.log("search_begins", varied=varied, rows=validated, metric=f"validation_{search.metric}", minutes=f"{search.search.minutes:g}", trials=search.search.trials)
    if validated < FEW:
        events.log("search_few_rows", level="warning", rows=validated)
    search.tell()
    gc.freeze()  # after each trial all is looked through for garbage: what is loaded by now need not be
    try:
        if left > 0:
            trainer.hyperparameter_search(
                hp_space=space,
                compute_objective=lambda metrics: metrics[f"eval_{search.metric}"],
                n_trials=left,
                direction="minimize" if search.lower else "maximize",
                backend="optuna",
                timeout=max(0.0, search.left),
                catch=FAILS,
                sampler=optuna.samplers.TPESampler(seed=recipe.training.seed + len(search.earlier)),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=BEFORE_PRUNING),
                **found,
            )
    except Over:
        pass
    except ValueError:  # what transformers asks for at the end, the best trial, is not there
        if search.best is not None:
            raise
    finally:
        gc.unfreeze()
        shutil.rmtree(context.job.run.checkpoints, ignore_errors=True)
    if search.best is None:
        raise search.problem or UserError("search_no_trial", minutes=f"{search.search.minutes:g}")
    tried = [t for t in ev.read(context.job.events)[0] if t["type"] == "trial" and t["state"] in ev.TRIED]
    events.log("search_ends", trials=len(tried), seconds=round(search.budget - search.left))
    events.progress(phase="done", step=1000, max_steps=1000, epoch=0, trial=len(tried), trials=search.search.trials, seconds=round(search.budget - search.left), budget=round(search.budget))
    return True


def earlier(events: list[dict], attempt: int) -> tuple[list[dict], float]:
    """(the trials that earlier attempts have ended, in the order of their numbers; seconds that those attempts have tried)"""
    newest = {(event["number"], event["attempt"]): event for event in events if event["type"] == "trial" and event["attempt"] < attempt}
    ended = {number: event for (number, _), event in sorted(newest.items()) if event["state"] in ev.TRIED}
    return [ended[number] for number in sorted(ended)], sum(event["seconds"] for event in newest.values())
