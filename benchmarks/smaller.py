"""The table "Smaller" of the README: half the layers by pruning and distillation, and a vocabulary of one writing system.

    python -m benchmarks.smaller make --home DIR       train what is not trained (minutes)
    python -m benchmarks.smaller time --home DIR       time sources and smaller models on a quiet machine; print the tables
    python -m benchmarks.smaller time --home DIR --readme      and put them into the READMEs

For each data set and base model: the fine-tuned base (see benchmarks/teachers.py), then the half of its layers that matters
most, which learns from it. Besides, starter-encoder, whose tokens are Chinese and English, loses the tokens in writing
systems that the data has not, and learns nothing anew. Scores and agreement are of the set's test file. For the speed source
and smaller model stand in one process and are asked in turn, in --rounds rounds, of which each one's best counts: other work
on the machine only makes it slower. In brackets the least and the greatest gain of a round.
"""

from __future__ import annotations

import json
import time

from benchmarks import teachers
from benchmarks.following import finished
from ftui import jobs
from ftui.artifacts import before_after, measuring
from ftui.artifacts.predicting import Predictor
from ftui.core.home import Home, Run, write_json
from ftui.core.recipe import Prune
from ftui.jobs import smaller

EPOCHS = 5.0  # of the student
WEIGHT = 0.7  # of what the teacher says, in the student's loss
HEADS = ["data, base", "what", "accuracy", "same label", "weights, M", "one text, ms p50", "texts/s, 32 at once", "faster"]


def student(teacher: Run):
    """Half the layers, learning from the teacher."""
    wanted = smaller.student(teacher)
    training = wanted.training.model_copy(update={"num_train_epochs": EPOCHS})
    return wanted.model_copy(update={"distil": wanted.distil.model_copy(update={"weight": WEIGHT}), "training": training})


def fewer_tokens(teacher: Run):
    """The teacher without tokens of foreign writing systems; nothing is learned."""
    return smaller.pruned(teacher, Prune(vocabulary="scripts", recover=False))


def wanted() -> list[tuple[str, str, str]]:
    """(data set, base model, what is made)."""
    halves = [(name, model, "half the layers") for name, model in teachers.pairs()]
    return halves + [(name, "starter-encoder", "vocabulary") for name in teachers.SETS]


def made(name: str, model: str, what: str, home: Home, train: bool = True) -> tuple[Run, Run] | None:
    """(source, smaller run), trained unless it is there; None where it is not and shall not be trained."""
    known = home.path / "smaller.json"
    runs = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    key = f"{name} {teachers.short(model)} {what}"
    if key not in runs and not train:
        return None
    teacher = teachers.trained(name, model, home)
    if key not in runs:
        recipe = student(teacher) if what == "half the layers" else fewer_tokens(teacher)
        runs[key] = finished(jobs.start_training(recipe, home).training()).run.id
        write_json(known, runs)
        print(key, flush=True)
    return teacher, home.run(runs[key])


def make(home: Home, minutes: float) -> None:
    """Train; nothing new begins after so many minutes."""
    end = time.monotonic() + 60 * minutes
    for name, model, what in wanted():
        made(name, model, what, home, train=time.monotonic() < end)


def rows(home: Home, rounds: int) -> list[list[str]]:
    lines = []
    for name, model, what in wanted():
        pair = made(name, model, what, home, train=False)
        if pair is None:
            continue
        predictors = [Predictor(run.model) for run in pair]
        inputs = measuring.rows(pair[0], predictors[0].task)[1].select(["text"]).slice(0, measuring.BATCH * measuring.BATCHES).to_pylist()
        memory = measuring.Memory()
        found = [[(measuring.latency(p, inputs, memory)["p50"], measuring.throughput(p, inputs, memory)) for p in predictors] for _ in range(rounds)]
        waits, many = ([[round[side][kind] for round in found] for side in (0, 1)] for kind in (0, 1))
        times = sorted(after / before for before, after in zip(*many, strict=True))
        told = before_after.found(pair[1])
        before, after = told["before"], told["after"]
        lines.append([
            f"{name}, {teachers.short(model)}", what, f"{before['metrics']['accuracy']:.4f} → {after['metrics']['accuracy']:.4f}",
            f"{told['agreement']:.1%}", f"{before['parameters'] / 1e6:.1f} → {after['parameters'] / 1e6:.1f}",
            " → ".join(f"{min(side):.1f}" for side in waits), " → ".join(f"{max(side):.0f}" for side in many),
            f"{max(many[1]) / max(many[0]):.2f}x ({times[0]:.2f} – {times[-1]:.2f})",
        ])  # fmt: skip
    return lines


if __name__ == "__main__":
    teachers.command(__doc__, "smaller", HEADS, make, rows)
