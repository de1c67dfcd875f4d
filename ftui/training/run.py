"""A training, from the recipe to a saved, evaluated model. Reads from top to bottom; runs in the child process."""

from __future__ import annotations

import dataclasses
import functools
import json
import shutil
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.core import recipe as recipes
from ftui.core.context import Context, Stopped
from ftui.core.events import RUNNING, Writer
from ftui.core.home import Run, publish
from ftui.training import ranks

if TYPE_CHECKING:
    from ftui.training.arguments import Plan
    from ftui.training.rows import Rows


def train(context: Context) -> bool:
    """Train as the run's recipe says; True when finished, False when the user stopped it."""
    recipe = recipes.load(context.job.run.recipe)
    if recipe.ensemble:
        from ftui.training import ensembling

        return ensembling.assemble(context, recipe)
    try:
        return _train(context, recipe)
    except Stopped:
        return False


def _train(context: Context, recipe: recipes.Recipe) -> bool:
    run, events = context.job.run, context.events
    task, settings, distil = tasks.get(recipe.task), recipe.training, recipe.distil
    speaks, pairs = tasks.speaks(task), hasattr(task, "PAIRS")
    began = time.time()
    ranks.check(recipe, ranks.count(), ranks.sharded())
    events.state(RUNNING)
    events.progress(phase="preparing", step=0, max_steps=None, epoch=0)

    # rows
    from ftui.training import rows

    given = rows.read(context, recipe, task)

    # model
    import torch
    import transformers

    from ftui.training import (
        adapters,
        distilling,
        encoding,
        features,
        language,
        patience,
        preferring,
        pruning,
        rates,
        strategies,
        used_tokens,
    )
    from ftui.training.arguments import arguments, plan
    from ftui.training.assembling import Assembly
    from ftui.training.timing import Watch
    from ftui.training.trainer import GroupedTrainer

    transformers.set_seed(settings.seed)
    assembly = Assembly(run, recipe, task, given, events)
    device, shards = assembly.device, assembly.shards
    model, tokenizer, single = assembly.model(recipe)
    if ranks.first():
        adapters.remember(model, recipe.strategy, run.checkpoints)
    trained, total = strategies.trained_share(model)
    learning_rate = recipe.learning_rate(total)
    events.log(
        "model_ready",
        model=recipe.model,
        millions=round(total / 1e6, 1),
        share=round(100 * trained / total, 2),
        device=device,
        precision=assembly.precision,
        learning_rate=f"{learning_rate:.2g}",
    )

    # tokens
    if distil:
        given = dataclasses.replace(given, learned=distilling.with_unlabelled(recipe, run.home, given, device, events))
    tokens = encoding.encode(recipe, task, given, tokenizer, model.config, events)
    lengths, max_length, encoded = tokens.lengths, tokens.max_length, tokens.splits
    assembly.place(model, max_length)

    # what is computed once: how likely the model finds answers before it learns, and the states of its frozen part
    collate = task.collator(tokenizer)
    if pairs:
        events.log("reference")
        encoded = {name: preferring.with_reference(part, model, tokenizer, recipe.language, max_length, context.check) for name, part in encoded.items()}
    cached = None
    if not distil and not speaks and not shards and ranks.count() == 1:  # a teacher's rows are learned from as they are, a language model is measured on others first
        cached, encoded = features.prepare(model, recipe, encoded, collate, run.home.cache, events, context.check, single, assembly.bf16)
    learn = task.learning_collator(tokenizer, recipe.language) if hasattr(task, "learning_collator") else None  # may draw other tokens
    zeros = pruning.Zeros(model) if recipe.prune and recipe.prune.magnitude else None
    whole_table = zeros or settings.fp16 or learn or pairs or shards
    used = None if whole_table else used_tokens.apply(model, encoded["train"])

    # the trainer
    planned = plan(recipe, len(lengths), given.validated)
    loss: Any = functools.partial(task.loss, **rows.loss_options(recipe, task, given.learned, given.labels))
    kind: Any = GroupedTrainer
    own: dict[str, Any] = {}
    if speaks:
        kind, own = language.LanguageTrainer, {"shifted": task.SHIFTED}
    if pairs:
        kind, own = preferring.PairTrainer, own | {"beta": recipe.language.beta}
    if distil:
        teaching = distilling.ask(distil, run.home, given.learned, encoded["train"], given.labels, device, events)
        encoded["train"] = encoded["train"].add_column(distilling.PLACE, list(range(len(encoded["train"]))))
        loss = distilling.SoftLoss(loss, distil, getattr(model.config, "problem_type", None))
        kind, own = distilling.Student, {"teaching": teaching}
    if recipe.search:
        from ftui.training import searching

        kind = searching.trying(kind)
    trainer = kind(
        model=model,
        args=arguments(recipe, planned, assembly, learning_rate, given.validated > 0, run.checkpoints),
        train_dataset=encoded["train"],
        eval_dataset=encoded.get("validation"),
        processing_class=tokenizer,
        data_collator=collate,
        compute_loss_func=loss,
        compute_metrics=None if speaks else lambda p: task.metrics(p.predictions, p.label_ids, given.labels),
        callbacks=_callbacks(context, recipe, task, given, planned, model, tokenizer, max_length, shards) + [zeros] * bool(zeros),
        lengths=lengths,
        shares=rates.shares(model, recipe.strategy),
        features=cached,
        used=used,
        texts=tasks.token_columns(task),
        learn=learn,
        whole=bool(shards),
        rows=settings.per_device_train_batch_size,
        halved=lambda rows: events.log("halved", level="warning", rows=rows),
        **own,
    )
    trainer.remove_callback(transformers.PrinterCallback)
    if recipe.search:
        del model

        def fresh(made: recipes.Recipe) -> tuple[Any, Any]:
            model = assembly.model(made)[0]
            assembly.place(model, max_length)
            if cached:
                cached.onto(model)
            return model, None if whole_table else used_tokens.apply(model, encoded["train"])

        return searching.run(context, recipe, trainer, fresh, given.validated, total)

    # training
    watch = Watch(trainer, cached)
    trainer.add_callback(watch)
    with trainer.args.main_process_first(local=False):  # it may have to remove half of one
        checkpoint = last_checkpoint(run.checkpoints)
    if checkpoint:
        events.log("resuming", step=checkpoint.name.rpartition("-")[2])
    before = None
    if speaks and not shards and ranks.first():
        before = language.before(trainer, task, given.splits, recipe.language, max_length, run.checkpoints, events, context.check)
    events.log("training_starts", steps=planned.steps, epochs=planned.epochs)
    if checkpoint and not shards and patience.ended(checkpoint, settings.early_stopping_patience, planned.steps):
        trainer.restore(checkpoint)  # what came after it was not done
    elif planned.learns:
        trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    if ranks.highest(int(context.should_stop())):
        return False
    model = ranks.gathered(trainer, lambda: assembly.model(recipe)[0]) if shards else trainer.model
    if not ranks.first():
        return True
    state = trainer.state
    best = _best(state, recipe, planned, given.validated, events)

    # the result
    events.progress(phase="saving", step=state.global_step, max_steps=state.max_steps, epoch=state.epoch)
    with publish(run.model) as folder:
        if isinstance(recipe.strategy, recipes.Lora):
            adapters.save(model, recipe.strategy, run.checkpoints, folder / "adapter")
            tokenizer.save_pretrained(folder / "adapter")
            model = assembly.merged(model, recipe, folder / "adapter")
        if zeros:
            zeros.apply(model)
        if used:
            used_tokens.undo(model, used)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        card = _card(run, recipe, task, given, max_length, best, before)
        (folder / "ftui.json").write_text(json.dumps(card, ensure_ascii=False, indent=1), encoding="utf-8")
    watch.settle(model)
    del trainer, model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

    # how good it is: the saved model itself is asked, as the server will ask it
    from ftui.artifacts import before_after
    from ftui.evaluation.run import evaluate_splits

    metrics = evaluate_splits(run, given.splits, events, device)
    before_after.measure(run, recipe, given.splits, device, events)
    watch.remember(run, recipe, device)
    events.metric(state.global_step, round(state.epoch or 0, 4), metrics)
    events.progress(phase="done", step=state.global_step, max_steps=state.max_steps, epoch=state.epoch, eta=0)
    events.log("finished", seconds=round(time.time() - began))
    shutil.rmtree(run.checkpoints, ignore_errors=True)  # the best one is in model/
    return True


def _callbacks(
    context: Context, recipe: recipes.Recipe, task: ModuleType, given: Rows, planned: Plan, model: Any, tokenizer: Any, max_length: int, shards: str
) -> list[Any]:  # fmt: skip
    """What is told of a training while it goes on, and what changes or ends it."""
    from ftui.training import language, patience, thawing, timeline
    from ftui.training.trainer import Reporter

    events, settings = context.events, recipe.training
    made: list[Any] = []
    if not shards:
        made.append(timeline.Timeline(model, events))  # its point comes before the loss, with which pages draw both
    made.append(Reporter(events, context.should_stop, planned.rows_per_step))
    if isinstance(recipe.strategy, recipes.Gradual):
        made.append(thawing.Thaw(model, recipe.strategy, planned.steps / planned.steps_per_epoch, events))
    if hasattr(task, "talk") and given.validated and recipe.language.samples != 0 and not shards:
        made.append(language.Samples(task, given.splits["validation"]["messages"].to_pylist(), tokenizer, recipe.language, max_length, events))
    if settings.early_stopping_patience and given.validated:
        made.append(patience.Patience(settings.early_stopping_patience))
    return made


def _best(state: Any, recipe: recipes.Recipe, planned: Plan, validated: int, events: Writer) -> dict[str, Any]:
    """Which checkpoint has become the model: its step, and the metric and value by which it was chosen."""
    wait, metric = recipe.training.early_stopping_patience, f"validation_{planned.best_by}"
    if wait and state.global_step < planned.steps:
        events.log("stopped_early", step=state.global_step, patience=wait)
    step = int((state.best_model_checkpoint or f"-{state.global_step}").rpartition("-")[2])
    value = state.best_metric if planned.choosing else None
    if planned.choosing:
        events.log("best", step=step, metric=metric, value="-" if value is None else f"{value:.4f}")
    elif validated and planned.learns:
        events.log("last_kept", step=step, rows=validated)
    return {"step": step, "metric": metric, "value": value}


def _card(run: Run, recipe: recipes.Recipe, task: ModuleType, given: Rows, max_length: int, best: dict, before: dict | None) -> dict[str, Any]:
    """What whoever asks the model needs to know of it."""
    from ftui.data import rewriting

    asked = tasks.inputs(task, given.columns)
    card = {"version": 1, "task": recipe.task, "labels": given.labels, "asked": asked, "max_length": max_length, "base": recipe.model, "run": run.id, "best": best}
    if tasks.speaks(task):
        card |= {"language": recipe.language.model_dump(), "before": before, "talks": tasks.talks(task, given.columns)}
    if not task.POSITIONS:  # what is asked is then read as it was learned
        card["clean"] = [step.model_dump() for step in recipe.data.clean if step.name in rewriting.NAMES]
    return card


def last_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole; what a kill left half-written is removed."""
    found = sorted(folder.glob("checkpoint-*"), key=lambda p: int(p.name.rpartition("-")[2]), reverse=True)
    for path in found:
        try:
            json.loads((path / "trainer_state.json").read_text())  # written last
            return path
        except (OSError, ValueError):
            shutil.rmtree(path)
    return None
