"""Several runs that answer as one model: their models in one folder, scored together, with the spread of its members."""

from __future__ import annotations

import json
import shutil
import statistics
import time
from typing import TYPE_CHECKING

from ftui import tasks
from ftui.core import events as ev
from ftui.core import languages
from ftui.core.errors import UserError
from ftui.core.home import Run, publish, write_json
from ftui.core.recipe import Recipe

if TYPE_CHECKING:
    from ftui.core.context import Context

NAME = "ensemble.json"


def assemble(context: Context, recipe: Recipe) -> bool:
    """The job of a run with the section `ensemble`: wait for its members, join and score them. False when stopped.

    Writes model/ (member-1/ ... and the tokenizer), report.json, and ensemble.json: {"version", "vote", "split", "members":
    [{"run", "seed", "metrics"}], "spread": {metric: {"mean", "sd", "least", "most"}}, "metrics": those of all together}.
    """
    run, events, section = context.job.run, context.events, recipe.ensemble
    assert section is not None
    began = time.time()
    events.state(ev.RUNNING)
    members = [run.home.run(name) for name in section.members]
    if not all(_waited_for(member, context) for member in members):
        return False
    task = tasks.get(recipe.task)
    from transformers import AutoTokenizer

    from ftui.data import preparing
    from ftui.evaluation.run import evaluate_splits
    from ftui.training import models

    cards = [json.loads((member.model / "ftui.json").read_text(encoding="utf-8")) for member in members]
    for member, card in zip(members, cards, strict=True):
        if card.get("format"):
            raise UserError("ensemble_of_ensembles", run=member.id)
    names = [f"member-{number}" for number in range(1, len(members) + 1)]
    with publish(run.model) as folder:
        for member, name in zip(members, names, strict=True):
            shutil.copytree(member.model, folder / name, ignore=shutil.ignore_patterns("adapter"))
        AutoTokenizer.from_pretrained(members[0].model, trust_remote_code=False).save_pretrained(folder)
        none = {"step": 0, "metric": "validation_loss", "value": None}
        card = {**cards[0], "run": run.id, "format": "ensemble", "members": names, "vote": section.vote, "best": none}
        (folder / "ftui.json").write_text(json.dumps(card, ensure_ascii=False, indent=1), encoding="utf-8")
    events.log("ensemble_joined", members=len(members))
    splits = preparing.prepare(recipe.data, run.home, task.ROLES, task.STRATIFY).splits
    metrics = evaluate_splits(run, splits, events, models.device(recipe.device))
    _write_spread(run, members, section.vote)
    events.metric(0, 0, metrics)
    events.progress(phase="done", step=1, max_steps=1, epoch=0, eta=0)
    events.log("finished", seconds=round(time.time() - began))
    return True


def _waited_for(member: Run, context: Context) -> bool:
    """Whether the member has its model and its report; waits while it works. Raises UserError where it never will."""
    told = False
    while not member.report.exists():  # written when the model is there and scored
        job = member.training()
        last = ev.last(ev.read(job.events)[0], "state") if job else None
        state = last["state"] if last else ev.QUEUED
        if state in ev.TERMINAL or state == ev.QUEUED:  # a queued one would wait for the place that this one holds
            raise UserError("ensemble_member_failed", run=member.id, state=languages.state(state))
        if context.should_stop():
            return False
        if not told:
            context.events.log("ensemble_waits", run=member.id)
            told = True
        time.sleep(0.5)
    return True


def _write_spread(run: Run, members: list[Run], vote: str) -> None:
    """How the members score, one by one and all together, on the same rows."""
    import yaml

    report = json.loads(run.report.read_text(encoding="utf-8"))["splits"]
    split = next((name for name in ("test", "validation") if name in report), None)
    if split is None:
        return
    lines = []
    for member in members:
        metrics = json.loads(member.report.read_text(encoding="utf-8"))["splits"][split]["metrics"]
        seed = yaml.safe_load(member.recipe.read_text(encoding="utf-8"))["training"]["seed"]
        lines.append({"run": member.id, "seed": seed, "metrics": metrics})
    spread = {}
    for name in report[split]["metrics"]:
        values = [line["metrics"][name] for line in lines if line["metrics"].get(name) is not None]
        if len(values) == len(lines):
            spread[name] = {
                "mean": statistics.mean(values),
                "sd": statistics.stdev(values),
                "least": min(values),
                "most": max(values),
            }
    write_json(
        run.path / NAME,
        {
            "version": 1,
            "vote": vote,
            "split": split,
            "members": lines,
            "spread": spread,
            "metrics": report[split]["metrics"],
        },
    )
