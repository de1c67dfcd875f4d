"""A training, from the recipe to a saved, evaluated model. Reads from top to bottom; runs in the child process."""

from __future__ import annotations

import functools
import json
import math
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.events import RUNNING
from ftui.core.home import publish
from ftui.training import ranks

if TYPE_CHECKING:
    from ftui.core.context import Context

CURVE_POINTS = 200
ENOUGH_TO_CHOOSE = 100  # validation rows: the loss on fewer says little about which checkpoint is best


def train(context: Context) -> bool:
    """Train as the run's recipe says; True when finished, False when the user stopped it."""
    run, events = context.job.run, context.events
    recipe = recipes.load(run.recipe)
    if recipe.ensemble:
        from ftui.training import ensembling

        return ensembling.assemble(context, recipe)
    task = tasks.get(recipe.task)
    settings = recipe.training
    began = time.time()
    shards = ranks.sharded()
    ranks.check(recipe, ranks.count(), shards)
    events.state(RUNNING)
    events.progress(phase="preparing", step=0, max_steps=None, epoch=0)

    # rows
    from ftui.data import preparing, rewriting

    prepared = preparing.prepare(recipe.data, run.home, task.ROLES, task.STRATIFY)
    task.check(prepared.splits, prepared.columns)
    splits = prepared.splits
    labels = task.labels(splits)
    counts = {name: splits[name].num_rows if name in splits else 0 for name in ("train", "validation", "test")}
    validated = counts["validation"] > 0
    if recipe.search and not validated:
        raise UserError("search_needs_validation")
    if labels:
        events.log("data_ready", **counts, labels=len(labels))
    else:
        events.log("texts_ready", **counts)
    for reason, count in prepared.dropped.items():
        if count:
            events.log(f"dropped_{reason}", level="warning", rows=count)
    for step in prepared.cleaned:
        events.log("cleaned", **step)

    from ftui.training import rows

    rows.check(recipe, task, splits["train"])
    try:
        learned = splits | {"train": rows.to_learn(recipe, task, splits, run.home, events, context.should_stop)}
    except rows.Stopped:
        return False

    # model
    import numpy as np
    import torch
    import transformers

    from ftui.training import (
        adapters,
        distilling,
        dropout,
        features,
        first_token,
        language,
        models,
        preferring,
        pruning,
        rates,
        strategies,
        thawing,
        timeline,
        used_tokens,
    )
    from ftui.training.batching import token_counts
    from ftui.training.timing import Watch
    from ftui.training.trainer import GroupedTrainer, Reporter, Stopped

    transformers.set_seed(settings.seed)
    device = models.device(recipe.device)
    ranks.check_device(shards, device)
    bf16 = models.bf16(settings.bf16, device, settings.fp16)
    build = functools.partial(task.load_model, labels=labels)
    quantised = adapters.quantised(recipe.strategy, device)
    base = run.home.base(recipe.model)
    base = pruning.pruned(recipe, base, splits["train"], task, labels, run.checkpoints / "pruned", device, events)
    recovers = recipe.prune is None or recipe.prune.recover
    distil = recipe.distil

    def assembled(made: recipes.Recipe) -> tuple[Any, Any, bool]:  # model, tokenizer, whether its last layer reads the first token only
        model, tokenizer = models.load(base, made, functools.partial(build, **quantised), events)
        if hasattr(task, "begin_head"):
            task.begin_head(model, splits["train"], labels)
        single = not shards and not (distil and distil.hidden_weight) and first_token.apply(model)  # hidden states are read of all tokens
        if settings.gradient_checkpointing and made.strategy.name == "lora":
            model.enable_input_require_grads()
        model = strategies.STRATEGIES[made.strategy.name](model, made.strategy)
        dropout.apply(model)
        return model, tokenizer, single

    model, tokenizer, single = assembled(recipe)
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
        precision="bf16" if bf16 else "fp16" if settings.fp16 else "fp32",
        learning_rate=f"{learning_rate:.2g}",
    )

    # tokens
    if distil:
        learned["train"] = distilling.with_unlabelled(recipe, run.home, learned["train"], device, events)
    limit = models.max_length(10**9, 0, tokenizer, model.config)
    speaks = tasks.speaks(task)
    encode = functools.partial(task.encode, settings=recipe.language) if speaks else task.encode
    encoded = {name: encode(learned[name], tokenizer, limit, labels) for name in learned if name != "test"}
    texts = tasks.token_columns(task)
    whole = token_counts(encoded["train"], texts).max(0)
    max_length = models.max_length(settings.max_length, int(whole.max()), tokenizer, model.config)
    if max_length < limit:
        encoded = {name: encode(learned[name], tokenizer, max_length, labels) for name in encoded}
    cut = int((whole > max_length).sum())
    lengths = token_counts(encoded["train"], texts).sum(0).tolist()
    if validated:  # longest first means less padding, and metrics don't mind the order
        by_length = np.argsort(-token_counts(encoded["validation"], texts).sum(0), kind="stable")
        encoded["validation"] = encoded["validation"].select(by_length)
    models.attend(model, device, max_length)
    events.log("tokenised", max_length=max_length, mean=round(sum(lengths) / len(lengths), 1), cut=cut)

    # the frozen part, once
    def alive() -> None:
        if context.should_stop():
            raise Stopped

    if not quantised and not shards:  # pieces find their own way
        model.to(device)
    collate = task.collator(tokenizer)
    pairs = hasattr(task, "PAIRS")
    try:
        if pairs:
            events.log("reference")
            encoded = {name: preferring.with_reference(rows, model, tokenizer, recipe.language, max_length, alive) for name, rows in encoded.items()}
        cached = None
        if not distil and not speaks and not shards and ranks.count() == 1:  # a teacher's rows are learned from as they are, a language model is measured on others first
            cached, encoded = features.prepare(model, recipe, encoded, collate, run.home.cache, events, alive, single, bf16)
    except Stopped:
        return False

    # training
    rows_per_step = settings.per_device_train_batch_size * settings.gradient_accumulation_steps
    steps_per_epoch = math.ceil(len(lengths) / rows_per_step)
    epochs = recipe.epochs(len(lengths))
    steps = settings.max_steps if settings.max_steps > 0 else math.ceil(epochs * steps_per_epoch)
    best_by = (settings.metric_for_best_model or "loss").removeprefix("validation_")
    evaluating = settings.eval_strategy if validated else "no"
    asked = bool(settings.metric_for_best_model or settings.early_stopping_patience)
    choosing = recovers and validated and (asked or counts["validation"] >= ENOUGH_TO_CHOOSE)
    arguments = transformers.TrainingArguments(
        output_dir=str(run.checkpoints),
        num_train_epochs=epochs,
        max_steps=settings.max_steps if settings.max_steps > 0 else -1,
        learning_rate=learning_rate,
        per_device_train_batch_size=(settings.per_device_train_batch_size if shards else rows_per_step) // ranks.count(),  # computed in parts: microbatches.py
        gradient_accumulation_steps=settings.gradient_accumulation_steps if shards else 1,
        per_device_eval_batch_size=settings.per_device_eval_batch_size,
        lr_scheduler_type=settings.lr_scheduler_type,
        warmup_steps=settings.warmup_steps if settings.warmup_steps < 1 else int(settings.warmup_steps),
        max_grad_norm=settings.max_grad_norm,
        adam_beta1=settings.adam_beta1,
        adam_beta2=settings.adam_beta2,
        adam_epsilon=settings.adam_epsilon,
        weight_decay=settings.weight_decay,
        bf16=bf16,
        fp16=settings.fp16,
        activation_checkpointing=settings.gradient_checkpointing,  # its new name
        use_cpu=device == "cpu",
        dataloader_pin_memory=device == "cuda",
        eval_strategy=evaluating,
        eval_steps=settings.eval_steps,
        save_strategy=evaluating if validated else "epoch",
        save_steps=settings.eval_steps or 500,
        save_total_limit=settings.save_total_limit,
        load_best_model_at_end=choosing,
        metric_for_best_model=f"eval_{best_by}" if choosing else None,
        greater_is_better=best_by not in tasks.LOWER if choosing else None,
        logging_steps=settings.logging_steps or max(1, steps // CURVE_POINTS),
        logging_nan_inf_filter=False,
        disable_tqdm=True,
        report_to="none",
        seed=settings.seed,
        label_names=["labels"],
    )
    learn = task.learning_collator(tokenizer, recipe.language) if hasattr(task, "learning_collator") else None  # may draw other tokens
    zeros = pruning.Zeros(model) if recipe.prune and recipe.prune.magnitude else None
    whole_table = zeros or settings.fp16 or learn or pairs or shards
    used = None if whole_table else used_tokens.apply(model, encoded["train"])
    callbacks: list[Any] = [Reporter(events, context.should_stop, rows_per_step)]
    if not shards:
        callbacks.insert(0, timeline.Timeline(model, events))  # its point comes before the loss, with which pages draw both
    if isinstance(recipe.strategy, recipes.Gradual):
        callbacks.append(thawing.Thaw(model, recipe.strategy, steps / steps_per_epoch, events))
    if hasattr(task, "talk") and validated and recipe.language.samples != 0 and not shards:
        callbacks.append(language.Samples(task, splits["validation"]["messages"].to_pylist(), tokenizer, recipe.language, max_length, events))
    if zeros:
        callbacks.append(zeros)
    if settings.early_stopping_patience and validated:
        callbacks.append(transformers.EarlyStoppingCallback(settings.early_stopping_patience))
    kind: Any = preferring.PairTrainer if pairs else language.LanguageTrainer if speaks else GroupedTrainer
    own: dict[str, Any] = {"shifted": task.SHIFTED} if speaks else {}
    if pairs:
        own["beta"] = recipe.language.beta
    loss: Any = functools.partial(task.loss, **rows.loss_options(recipe, task, learned["train"], labels))
    if distil:
        teaching = distilling.ask(distil, run.home, learned["train"], encoded["train"], labels, device, events)
        encoded["train"] = encoded["train"].add_column(distilling.PLACE, list(range(len(encoded["train"]))))
        loss = distilling.SoftLoss(loss, distil, getattr(model.config, "problem_type", None))
        kind, own = distilling.Student, {"teaching": teaching}
    if recipe.search:
        from ftui.training import searching

        kind = searching.trying(kind)
    trainer = kind(
        model=model,
        args=arguments,
        train_dataset=encoded["train"],
        eval_dataset=encoded.get("validation"),
        processing_class=tokenizer,
        data_collator=collate,
        compute_loss_func=loss,
        compute_metrics=None if speaks else lambda p: task.metrics(p.predictions, p.label_ids, labels),
        callbacks=callbacks,
        lengths=lengths,
        shares=rates.shares(model, recipe.strategy),
        features=cached,
        used=used,
        texts=texts,
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
            model = assembled(made)[0]
            models.attend(model, device, max_length)
            if cached:
                cached.onto(model)
            return model, None if whole_table else used_tokens.apply(model, encoded["train"])

        return searching.run(context, recipe, trainer, fresh, counts["validation"], total)
    watch = Watch(trainer, cached)
    trainer.add_callback(watch)
    with arguments.main_process_first(local=False):  # it may have to remove half of one
        checkpoint = last_checkpoint(run.checkpoints)
    if checkpoint:
        events.log("resuming", step=checkpoint.name.rpartition("-")[2])
    try:
        before = language.before(trainer, task, splits, recipe.language, max_length, run.checkpoints, events, alive) if speaks and not shards and ranks.first() else None
        events.log("training_starts", steps=steps, epochs=epochs)
        if recovers:
            trainer.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
    except Stopped:
        return False
    if ranks.highest(int(context.should_stop())):
        return False
    model = ranks.gathered(trainer, lambda: assembled(recipe)[0]) if shards else trainer.model
    if not ranks.first():
        return True
    state = trainer.state
    if settings.early_stopping_patience and state.global_step < state.max_steps:
        events.log("stopped_early", step=state.global_step, patience=settings.early_stopping_patience)
    best_step = int((state.best_model_checkpoint or f"-{state.global_step}").rpartition("-")[2])
    best_value = state.best_metric if choosing else None
    if choosing:
        value = "-" if best_value is None else f"{best_value:.4f}"
        events.log("best", step=best_step, metric=f"validation_{best_by}", value=value)
    elif validated and recovers:
        events.log("last_kept", step=best_step, rows=counts["validation"])

    # the result
    events.progress(phase="saving", step=state.global_step, max_steps=state.max_steps, epoch=state.epoch)
    best = {"step": best_step, "metric": f"validation_{best_by}", "value": best_value}
    with publish(run.model) as folder:
        if isinstance(recipe.strategy, recipes.Lora):
            adapters.save(model, recipe.strategy, run.checkpoints, folder / "adapter")
            tokenizer.save_pretrained(folder / "adapter")
            whole = models.load(base, recipe, build, events)[0] if recipe.strategy.load_in_4bit else None
            model = adapters.merge(model, folder / "adapter", whole)
        if zeros:
            zeros.apply(model)
        if used:
            used_tokens.undo(model, used)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        card = {"version": 1, "task": recipe.task, "labels": labels, "asked": tasks.inputs(task, prepared.columns), "max_length": max_length, "base": recipe.model, "run": run.id, "best": best}
        if speaks:
            card |= {"language": recipe.language.model_dump(), "before": before, "talks": tasks.talks(task, prepared.columns)}
        if not task.POSITIONS:  # what is asked is then read as it was learned
            card["clean"] = [step.model_dump() for step in recipe.data.clean if step.name in rewriting.NAMES]
        (folder / "ftui.json").write_text(json.dumps(card, ensure_ascii=False, indent=1), encoding="utf-8")
    watch.settle(model)
    del trainer, model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()

    # how good it is: the saved model itself is asked, as the server will ask it
    from ftui.artifacts import before_after
    from ftui.evaluation.run import evaluate_splits

    metrics = evaluate_splits(run, splits, events, device)
    before_after.measure(run, recipe, splits, device, events)
    watch.remember(run, recipe, device)
    events.metric(state.global_step, round(state.epoch or 0, 4), metrics)
    events.progress(phase="done", step=state.global_step, max_steps=state.max_steps, epoch=state.epoch, eta=0)
    events.log("finished", seconds=round(time.time() - began))
    shutil.rmtree(run.checkpoints, ignore_errors=True)  # the best one is in model/
    return True


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
