"""The table of artefacts in the README: size, score, agreement, speed and memory of every form of a fine-tuned model.

    python -m benchmarks.artefacts make --home DIR       train what is not trained, export what is not exported (minutes)
    python -m benchmarks.artefacts time --home DIR       time all forms on a quiet machine; print the table
    python -m benchmarks.artefacts time --home DIR --readme      and put it into the READMEs

Score, agreement and memory are of the run's whole test file, as each export has measured them. Speed is measured anew: all
forms of a model stand in one process and are asked in turn, in --rounds rounds, of which each form's best counts: other work
on the machine only makes it slower. In brackets the least and the greatest gain of a round.
"""

from __future__ import annotations

import time

from benchmarks import teachers
from benchmarks.following import finished
from ftui import jobs
from ftui.artifacts import exporting, measuring
from ftui.artifacts.predicting import Predictor
from ftui.core.home import Home, Run

FORMS = ("onnx", "onnx-int8", "onnx-static-int8", "torchscript", "int8", "torch-export")
HEADS = ["data, base", "form", "MB", "accuracy", "same label", "one text, ms p50 / p95", "texts/s, 32 at once", "× PyTorch", "peak memory, MB"]


def make(home: Home, minutes: float) -> None:
    """Train and export; nothing new begins after so many minutes."""
    end = time.monotonic() + 60 * minutes
    for name, model in teachers.pairs():
        run = teachers.trained(name, model, home)
        for form in FORMS:
            if exporting.card_of(run, form) is None and time.monotonic() < end:
                finished(jobs.start(run, "export", {"format": form}))
                print(name, teachers.short(model), form, flush=True)


def timed(run: Run, forms: list[str], rounds: int) -> dict[str, list[tuple[dict, float]]]:
    """{form: (latency, throughput) of each round}."""
    predictors = {form: Predictor(exporting.folder_of(run, form)) for form in forms}
    some = next(iter(predictors.values()))
    inputs = measuring.rows(run, some.task)[1].select(list(some.inputs)).slice(0, measuring.BATCH * measuring.BATCHES).to_pylist()
    memory, found = measuring.Memory(), {form: [] for form in forms}
    for _ in range(rounds):
        for form, predictor in predictors.items():
            found[form].append((measuring.latency(predictor, inputs, memory), measuring.throughput(predictor, inputs, memory)))
    return found


def rows(home: Home, rounds: int) -> list[list[str]]:
    lines = []
    for name, model in teachers.pairs():
        run = teachers.trained(name, model, home)
        forms = ["model", *(form for form in FORMS if exporting.card_of(run, form))]
        found = timed(run, forms, rounds)
        many = {form: max(through for _, through in found[form]) for form in forms}
        for form in forms:
            card = exporting.card_of(run, form)
            waits = [min(latency[share] for latency, _ in found[form]) for share in ("p50", "p95")]
            times = sorted(through / base for (_, through), (_, base) in zip(found[form], found["model"], strict=True))
            spread = f"{many[form] / many['model']:.2f}" + ("" if form == "model" else f" ({times[0]:.2f} – {times[-1]:.2f})")
            lines.append([
                f"{name}, {teachers.short(model)}" if form == "model" else "", "PyTorch" if form == "model" else f"`{form}`",
                f"{card['size'] / 1e6:.1f}", f"{card['metrics']['accuracy']:.4f}", f"{card['agreement']:.1%}" + ("" if card.get("within", True) else " ⚠"),
                f"{waits[0]:.1f} / {waits[1]:.1f}", f"{many[form]:.0f}", spread, f"{card['peak_memory'] / 1e6:.0f}",
            ])  # fmt: skip
    return lines


if __name__ == "__main__":
    teachers.command(__doc__, "artefacts", HEADS, make, rows)
