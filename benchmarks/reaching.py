"""How soon a training is as accurate as one with transformers' defaults: `python benchmarks/training.py time --minutes 15`

The mark is what the Trainer's own defaults (batch 8, 5e-5, float32, 3 epochs) reach on test rows, mean of the seeds. The Trainer at
its best and ftui choose batch and learning rate from one grid: each cell with the first seed, then the two quickest of each side with the
others. Accuracies are measured four times an epoch, with the clock stopped. The time of a side is that at which the mean of its seeds is at
the mark, in the better one of its two cells. Each training is kept as soon as it is over, so that the next call goes on where this one has ended.
"""

from __future__ import annotations

import json
import math
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import training
from transformers import TrainerCallback

from ftui.training import models

KEPT = Path(__file__).parent / "reaching.json"
SETS = {"en_topic_clinc150": 480, "zh_sentiment_reviews": 320}  # rows to train on
TESTED = 400
EPOCHS = 3
GRID = [(batch, rate) for batch in (16, 64) for rate in (1e-4, 4e-4, 1e-3)]
DEFAULTS = (8, 5e-5)
SIDES = ("best", "ftui")
WORDS = {
    "en": "Time to the accuracy of the Trainer's defaults (batch 8, 5e-5, {epochs} epochs; {seeds} seeds; batch and rate of both others from one grid of {cells}): {figures}.",
    "zh": "达到 Trainer 默认设置（批大小 8、5e-5、{epochs} 轮；{seeds} 个种子）准确率所需时间（另两方的批大小与学习率取自同一个 {cells} 格网格）：{figures}。",
}
ONE = {
    "en": "{data} ({target:.3f}) defaults {defaults:.1f} s, Trainer at its best {best:.1f} s ({best_cell}), ftui {ftui:.1f} s ({ftui_cell}): {to_best:.1f}x and {to_defaults:.1f}x",
    "zh": "{data}（{target:.3f}）默认 {defaults:.1f} 秒，Trainer 最佳 {best:.1f} 秒（{best_cell}），ftui {ftui:.1f} 秒（{ftui_cell}）：{to_best:.1f} 倍与 {to_defaults:.1f} 倍",
}


class Clock(TrainerCallback):
    """Measures the accuracy on test rows four times an epoch; its own time does not count. `curve`: [[rows seen, seconds, accuracy]]."""

    def __init__(self, case: training.Case, batch: int, tested: Any):
        self.case, self.batch, self.tested = case, batch, tested
        self.every = max(1, round(math.ceil(len(case.lengths) / batch) / 4))
        self.curve: list[list[float]] = []
        self.seconds = self.mark = 0.0

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        self.mark = time.perf_counter()

    def on_step_end(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        if state.global_step % self.every and state.global_step < state.max_steps:
            return
        self.seconds += time.perf_counter() - self.mark
        right = accuracy(model, *self.tested)
        model.train()
        self.curve.append([state.global_step * self.batch, round(self.seconds, 3), right])
        self.mark = time.perf_counter()


def accuracy(model: Any, batches: list[dict], references: list[int]) -> float:
    model.eval()
    found: list[int] = []
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=models.bf16("auto", "cpu")):
        for batch in batches:
            found += model(**batch).logits.argmax(-1).tolist()
    return sum(one == other for one, other in zip(found, references, strict=True)) / len(references)


def tested(case: training.Case, count: int) -> tuple[list[dict], list[int]]:
    """Test rows in batches of like length, and the numbers of their labels."""
    texts, names = training.rows_of(case.data, "test", count)
    order = sorted((i for i in range(len(texts)) if names[i] in case.labels), key=lambda i: len(texts[i]))
    parts = [order[i : i + 40] for i in range(0, len(order), 40)]
    batches = [case.tokenizer([texts[i] for i in part], padding=True, truncation=True, max_length=256, return_tensors="pt") for part in parts]
    return [dict(batch) for batch in batches], [case.labels.index(names[i]) for i in order]


def key(way: str, batch: int, rate: float, seed: int) -> str:
    return f"{way} {batch} {rate:g} {seed}"


def wanted(runs: dict, seeds: int) -> Iterator[tuple[str, int, float, int]]:
    """The trainings that are still to be made, in their order; what was kept decides which cells come."""
    plan = [("defaults", *DEFAULTS, seed) for seed in range(seeds)]
    yield from (one for one in plan if key(*one) not in runs)
    plan = [(side, *cell, 0) for cell in GRID for side in SIDES]
    yield from (one for one in plan if key(*one) not in runs)
    for seed in range(1, seeds):
        for side in SIDES:
            yield from ((side, *cell, seed) for cell in quickest(runs, side) if key(side, *cell, seed) not in runs)


def mark(runs: dict, seeds: int) -> float:
    """What the defaults reach at their end."""
    return statistics.mean(runs[key("defaults", *DEFAULTS, seed)][-1][2] for seed in range(seeds))


def reached(curves: list[list], target: float) -> float:
    """Seconds until the mean of these curves is at the target; infinite where it never is."""
    for points in zip(*curves, strict=True):
        if statistics.mean(point[2] for point in points) >= target - 1e-9:
            return statistics.mean(point[1] for point in points)
    return math.inf


def quickest(runs: dict, side: str) -> list[tuple[int, float]]:
    """The two cells in which the first seed of a side is soonest where the defaults end with that seed."""
    target = mark(runs, 1)
    times = {cell: reached([runs[key(side, *cell, 0)]], target) for cell in GRID if key(side, *cell, 0) in runs}
    return [cell for cell in sorted(times, key=lambda cell: times[cell])[:2] if times[cell] < math.inf]


def measure(minutes: float, seeds: int, rows: int | None, only: str) -> None:
    """Make trainings until the time is up or all are made; one that has begun is finished. `rows`: instead of SETS'."""
    began, kept = time.monotonic(), json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
    for data, usual in SETS.items():
        if only not in data:
            continue
        count = rows or usual
        told = kept.get(data, {})
        told = kept[data] = told if told.get("rows") == count else {"rows": count, "runs": {}}
        case = None
        while (one := next(wanted(told["runs"], seeds), None)) and time.monotonic() - began < 60 * minutes:
            if case is None:
                case = training.Case("full", data, count)
                judged = tested(case, TESTED)
                for way in ("stock", "best", "ftui"):
                    case.train(way, 2)  # warm up
            way, batch, rate, seed = one
            clock = Clock(case, batch, judged)
            case.train(way, EPOCHS * math.ceil(count / batch), seed, batch=batch, rate=rate, callbacks=[clock])
            told["runs"][key(*one)] = clock.curve
            KEPT.write_text(json.dumps(kept) + "\n", encoding="utf-8")
            print(f"{data} {key(*one)}: {clock.curve[-1][2]:.3f} after {clock.seconds:.1f} s, {(time.monotonic() - began) / 60:.1f} min so far", flush=True)
    missing = sum(next(wanted(told["runs"], seeds), None) is not None for data, told in kept.items() if only in data)
    print("all measured" if not missing else "to be gone on with: the same command", "\n" + sentence(kept, seeds, "en"), flush=True)


def figures(told: dict, seeds: int) -> dict | None:
    """Of one data set, once all of its trainings are made."""
    runs = told["runs"]
    if next(wanted(runs, seeds), None) is not None:
        return None
    target = mark(runs, seeds)
    found: dict = {"target": target, "defaults": reached([runs[key("defaults", *DEFAULTS, seed)] for seed in range(seeds)], target)}
    for side in SIDES:
        times = {cell: reached([runs[key(side, *cell, seed)] for seed in range(seeds)], target) for cell in quickest(runs, side)}
        if not times:
            return None
        best = min(times, key=lambda cell: times[cell])
        found |= {side: times[best], side + "_cell": f"{best[0]}, {best[1]:g}"}
    return found | {"to_best": found["best"] / found["ftui"], "to_defaults": found["defaults"] / found["ftui"]}


def sentence(kept: dict, seeds: int, lang: str) -> str:
    """What the READMEs say; empty before a data set is measured."""
    made = {data: figures(told, seeds) for data, told in kept.items()}
    parts = [ONE[lang].format(data=data, **found) for data, found in made.items() if found]
    return WORDS[lang].format(epochs=EPOCHS, seeds=seeds, cells=len(GRID), figures=("; " if lang == "en" else "；").join(parts)) if parts else ""
