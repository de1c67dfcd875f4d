"""Giving a finished model out. One function for each format, and a table of them; every artefact is measured as it is made."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ftui import tasks
from ftui.artifacts import formats, runtimes
from ftui.core.errors import UserError
from ftui.core.events import RUNNING
from ftui.core.home import Run, disk_use, publish, write_json

if TYPE_CHECKING:
    from ftui.core.context import Context

SAME = 1e-4  # largest difference of a probability for a format that promises the same answers

# ---- the table


@dataclass(frozen=True)
class Format:
    """`most_difference`: of a probability, where the same answers are promised. `least_agreement`: share of equal labels."""

    make: Callable[[Run, Path], dict]
    load: runtimes.Loader
    most_difference: float | None = SAME
    least_agreement: float = 1.0
    speaks: bool = False  # whether a language model in this form can write


FORMATS: dict[str, Format] = {
    "safetensors": Format(formats.safetensors, runtimes.transformers, speaks=True),
    "adapter": Format(formats.adapter, runtimes.adapter, speaks=True),
    "pth": Format(formats.pth, runtimes.pth, speaks=True),
    "torchscript": Format(formats.torchscript, runtimes.torchscript, least_agreement=0.999),
    "torch-export": Format(formats.torch_export, runtimes.torch_export, least_agreement=0.999),
    "int8": Format(formats.int8, runtimes.torchscript, most_difference=None, least_agreement=0.98),
    "onnx": Format(formats.onnx, runtimes.onnx, least_agreement=0.999),
    "onnx-int8": Format(formats.onnx_int8, runtimes.onnx, most_difference=None, least_agreement=0.98),
    "onnx-static-int8": Format(formats.onnx_static_int8, runtimes.onnx, most_difference=None, least_agreement=0.95),
    "tensorrt": Format(formats.tensorrt, runtimes.onnx, least_agreement=0.999),
}
WARNED = {"pth", "tensorrt"}  # formats of which something has to be said when they are made (texts: warn_artefact_NAME)


# Of all that can be asked: the formats, and what a run's own model can be besides.
LOADERS: dict[str, runtimes.Loader] = {"ensemble": runtimes.ensemble} | {name: form.load for name, form in FORMATS.items()}


def check(run: Run, name: str) -> None:
    """Raise UserError for a format that there is not, or not for this run."""
    if name == "gguf":
        raise UserError("format_gguf")
    if name not in FORMATS:
        raise UserError("format_unknown", format=name, known=", ".join(FORMATS))
    task = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))["task"]
    if tasks.speaks(tasks.get(task)) and not FORMATS[name].speaks:
        raise UserError("format_cannot_speak", format=name, known=", ".join(n for n, form in FORMATS.items() if form.speaks))
    if name == "adapter" and not (run.model / "adapter").is_dir():
        raise UserError("no_adapter", run=run.id)
    if not (run.model / "config.json").exists():
        raise UserError("ensemble_no_export", format=name)


# ---- what there is


def found(run: Run) -> dict[str, Path]:
    """{name: folder} of all that this run has to give; `model` first, then its exports by name."""
    exports = [p for p in run.exports.glob("*") if p.is_dir() and not p.name.startswith(".")]
    return {"model": run.model} | {p.name: p for p in sorted(exports)}


def folder_of(run: Run, name: str) -> Path:
    """The folder of an artefact of this run. Raises UserError."""
    there = found(run)
    if name not in there:
        raise UserError("artefact_missing", name=name, run=run.id, known=", ".join(there))
    return there[name]


def card_of(run: Run, name: str) -> dict | None:
    """What was measured of an artefact (see ftui.artifacts.measuring), None where nothing was."""
    path = run.exports / "model.json" if name == "model" else run.exports / name / "artefact.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


# ---- the job


def export(context: Context) -> None:
    """The job: make one artefact under exports/<format>/, measure it, and mark it where it breaks its promise."""
    from ftui.artifacts import measuring

    name = context.options["format"]
    run, events = context.job.run, context.events
    events.state(RUNNING)
    check(run, name)
    run.exports.mkdir(exist_ok=True)
    if card_of(run, "model") is None:  # what all others are compared with
        events.log("measuring", what="model")
        write_json(run.exports / "model.json", measuring.measure(context.job, run.model))
    form = FORMATS[name]
    events.log("exporting", format=name)
    with publish(run.exports / name) as folder:
        try:
            extra = form.make(run, folder)
        except (UserError, MemoryError, OSError):
            raise
        except Exception as error:  # exporters raise almost anything at a model that they cannot take
            problem = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
            raise UserError("format_impossible", format=name, problem=problem) from error
        card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
        write_json(folder / "ftui.json", {**card, "format": name, **extra})
        events.log("measuring", what=name)
        measured = measuring.measure(context.job, folder)
        write_json(folder / "artefact.json", {**measured, "format": name, "made": time.time(), **promise(form, measured)})
    if name in WARNED:
        events.log("warn_" + name, level="warning")
    events.log("exported", format=name, mb=round(disk_use(run.exports / name) / 1e6, 1))
    kept = card_of(run, name) or {}
    if not kept["within"]:
        events.log("artefact_outside", level="warning", format=name, agreement=kept["agreement"], difference=kept["largest_difference"])


def promise(form: Format, measured: dict) -> dict:
    """The format's promise, and whether what was measured keeps it."""
    difference, agreement = measured["largest_difference"], measured["agreement"]
    near = form.most_difference is None or difference is None or difference <= form.most_difference
    return {
        "promise": {"most_difference": form.most_difference, "least_agreement": form.least_agreement},
        "within": near and agreement >= form.least_agreement,
    }
