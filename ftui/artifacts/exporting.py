"""Giving a finished model out. One function for each format, and a table of them; every artefact is measured as it is made."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.artifacts import runtimes
from ftui.core.errors import UserError
from ftui.core.events import RUNNING
from ftui.core.home import Run, disk_use, publish, write_json

if TYPE_CHECKING:
    from ftui.core.context import Context

SAME = 1e-4  # largest difference of a probability for a format that promises the same answers
LARGEST_IN_ONE_FILE = 1_800_000_000  # bytes of weights; a protobuf holds less than 2 GiB

# ---- makers: each writes its files into `folder` and returns what its loader needs to know (kept in ftui.json)


def safetensors(run: Run, folder: Path) -> dict:
    """Weights (adapters merged in), config and tokenizer: what `from_pretrained(folder)` reads."""
    for path in run.model.iterdir():
        if path.is_file():
            shutil.copy2(path, folder / path.name)
    return {}


def adapter(run: Run, folder: Path) -> dict:
    """The LoRA adapter alone; `peft.PeftModel.from_pretrained(base, folder)` puts it on its base model."""
    shutil.copytree(run.model / "adapter", folder, dirs_exist_ok=True)
    return {}


def onnx(run: Run, folder: Path) -> dict:
    """model.onnx in float32, any batch and any length, in the opset that torch's exporter chooses."""
    import torch

    model, example = _traceable(run, folder)
    names = list(example)
    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter asks torch by an old name
        torch.onnx.export(
            model,
            tuple(example.values()),
            folder / "model.onnx",
            input_names=names,
            dynamic_shapes=(tuple(free for _ in names),),
            external_data=sum(p.nbytes for p in model.parameters()) > LARGEST_IN_ONE_FILE,
            verbose=False,
        )
    return {}


def onnx_int8(run: Run, folder: Path) -> dict:
    """ONNX with weights in 8 bits and activations quantised as they come; from the ONNX artefact where there is one."""
    import onnx as library
    from onnxruntime.quantization import QuantType, quantize_dynamic

    with tempfile.TemporaryDirectory(dir=run.exports, prefix=".") as scratch:
        source = run.exports / "onnx"
        if not source.is_dir():
            source = Path(scratch)
            onnx(run, source)
        graph = library.load(source / "model.onnx")
        del graph.graph.value_info[:]  # the exporter's notes on shapes contradict the quantiser's
        quantize_dynamic(graph, folder / "model.onnx", weight_type=QuantType.QInt8)
    _settings(run, folder)
    return {}


def torchscript(run: Run, folder: Path) -> dict:
    """model.pt, traced and frozen: libtorch loads it without Python."""
    import torch

    model, example = _traceable(run, folder)
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated, and warns of every branch that it follows
        traced = torch.jit.trace(model, tuple(example.values()), check_trace=False)
        torch.jit.freeze(traced).save(str(folder / "model.pt"))
    return {"inputs": list(example)}


def _traceable(run: Run, folder: Path) -> tuple[Any, dict]:
    """(the model as a module of tensors in, tuple of tensors out; two padded rows by the names of the inputs)."""
    import torch
    from transformers import AutoTokenizer

    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    task = tasks.get(card["task"])
    model = task.load_model(str(run.model), card["labels"], dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(run.model, trust_remote_code=False)
    rows = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in ([0] * 12, [0] * 7)]
    if "token_type_ids" in tokenizer.model_input_names:
        rows = [{**row, "token_type_ids": [0] * len(row["input_ids"])} for row in rows]
    example = dict(task.collator(tokenizer)(rows))
    names = list(example)

    class Traceable(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Any) -> tuple:
            return tuple(runtimes.heads(self.model(**dict(zip(names, tensors, strict=True)), return_dict=True)))

    _settings(run, folder)
    return Traceable().eval(), example


def _settings(run: Run, folder: Path) -> None:
    """Config and tokenizer without the weights."""
    for path in run.model.iterdir():
        if path.is_file() and not path.name.startswith("model.safetensors"):
            shutil.copy2(path, folder / path.name)


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
    "safetensors": Format(safetensors, runtimes.transformers, speaks=True),
    "adapter": Format(adapter, runtimes.adapter, speaks=True),
    "onnx": Format(onnx, runtimes.onnx, least_agreement=0.999),
    "onnx-int8": Format(onnx_int8, runtimes.onnx, most_difference=None, least_agreement=0.98),
    "torchscript": Format(torchscript, runtimes.torchscript, least_agreement=0.999),
}


# Of all that can be asked: the formats, and what a run's own model can be besides.
LOADERS: dict[str, runtimes.Loader] = {"ensemble": runtimes.ensemble} | {name: form.load for name, form in FORMATS.items()}


def check(run: Run, name: str) -> None:
    """Raise UserError for a format that there is not, or not for this run."""
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
