"""The forms in which a model is given out. Each maker writes its files into `folder` and returns what its loader needs to
know (kept in ftui.json)."""

from __future__ import annotations

import json
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.artifacts import runtimes
from ftui.core import recipe as recipes
from ftui.core.home import Run

if TYPE_CHECKING:
    import numpy as np

LARGEST_IN_ONE_FILE = 1_800_000_000  # bytes of weights; a protobuf holds less than 2 GiB
CALIBRATION = 128  # training rows that ranges of activations are measured on
LONGEST_ENGINE = 512  # tokens that TensorRT's engine is built for at most

TRTEXEC = """#!/bin/sh
# Builds a TensorRT engine of model.onnx, with trtexec of NVIDIA's container or SDK: sh build-engine.sh
# WRITTEN, NOT RUN: there was no NVIDIA card where this file was made. ftui itself does not need the engine: where
# onnxruntime-gpu has the TensorRT provider, `--device auto` builds its own from the same model.onnx.
set -e
cd "$(dirname "$0")"
trtexec --onnx=model.onnx --saveEngine=model.engine --fp16 \\
  --minShapes={least} \\
  --optShapes={usual} \\
  --maxShapes={most}
"""


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


def pth(run: Run, folder: Path) -> dict:
    """model.pth, the state_dict as torch.save pickles it, for code that asks for one; config and tokenizer beside it."""
    import torch

    torch.save(_model(run).state_dict(), folder / "model.pth")
    _settings(run, folder)
    return {}


def torch_export(run: Run, folder: Path) -> dict:
    """model.pt2: the graph as torch.export sees it, any batch and any length."""
    import torch

    model, example = _traceable(run, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's exporter asks torch by old names
        program = torch.export.export(model, tuple(example.values()), dynamic_shapes=_free(example))
        torch.export.save(program, folder / "model.pt2")
    return {"inputs": list(example)}


def torchscript(run: Run, folder: Path) -> dict:
    """model.pt, traced and frozen: libtorch loads it without Python."""
    model, example = _traceable(run, folder)
    return _trace(model, example, folder)


def int8(run: Run, folder: Path) -> dict:
    """model.pt with the linear layers' weights in 8 bits and activations quantised as they come, by torch.ao (which torch
    calls deprecated, as it does TorchScript); libtorch loads it without Python."""
    import torch
    from torch.ao.quantization import quantize_dynamic

    model, example = _traceable(run, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantised = quantize_dynamic(model, {torch.nn.Linear}, dtype=torch.qint8)
    return _trace(quantised, example, folder)


def _trace(model: Any, example: dict, folder: Path) -> dict:
    import torch

    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch calls TorchScript deprecated, and warns of every branch that it follows
        traced = torch.jit.trace(model, tuple(example.values()), check_trace=False)
        torch.jit.freeze(traced).save(str(folder / "model.pt"))
    return {"inputs": list(example)}


# ---- ONNX


def onnx(run: Run, folder: Path) -> dict:
    """model.onnx in float32, any batch and any length, in the opset that torch's exporter chooses."""
    import torch

    model, example = _traceable(run, folder)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter asks torch by an old name
        torch.onnx.export(
            model,
            tuple(example.values()),
            folder / "model.onnx",
            input_names=list(example),
            dynamic_shapes=_free(example),
            external_data=sum(p.nbytes for p in model.parameters()) > LARGEST_IN_ONE_FILE,
            verbose=False,
        )
    return {}


def onnx_int8(run: Run, folder: Path) -> dict:
    """ONNX with weights in 8 bits, each column in a range of its own, and activations quantised as they come."""
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(_graph(run), folder / "model.onnx", per_channel=True, weight_type=QuantType.QInt8)
    _settings(run, folder)
    return {}


def onnx_static_int8(run: Run, folder: Path) -> dict:
    """ONNX with weights in 8 bits and activations in ranges measured on training rows, each row by itself."""
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Rows(CalibrationDataReader):
        def __init__(self) -> None:
            self.rows = _calibration(run)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next(self.rows, None)

    quantize_static(
        _graph(run),
        folder / "model.onnx",
        Rows(),
        quant_format=QuantFormat.QDQ,
        op_types_to_quantize=["MatMul", "Gemm"],
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        calibrate_method=CalibrationMethod.MinMax,
        extra_options={"MatMulConstBOnly": True},  # products of two activations stay in float: they lose the most
    )
    _settings(run, folder)
    return {"calibration_rows": CALIBRATION}


def tensorrt(run: Run, folder: Path) -> dict:
    """model.onnx with the shapes of its tensors inferred, as TensorRT wants it, and a script for trtexec. Measured with
    onnxruntime on this machine; the engine is for a machine with a card to build."""
    from onnxruntime.tools.symbolic_shape_infer import SymbolicShapeInference

    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    graph = SymbolicShapeInference.infer_shapes(_graph(run), auto_merge=True)
    (folder / "model.onnx").write_bytes(graph.SerializeToString())
    _settings(run, folder)
    most = min(card["max_length"], LONGEST_ENGINE)
    names = [given.name for given in graph.graph.input]
    shapes = {"least": (1, 8), "usual": (32, min(128, most)), "most": (64, most)}
    blanks = {kind: ",".join(f"{name}:{rows}x{length}" for name in names) for kind, (rows, length) in shapes.items()}
    (folder / "build-engine.sh").write_text(TRTEXEC.format(**blanks), encoding="utf-8")
    return {}


def _graph(run: Run) -> Any:
    """The ONNX graph in float32: of that artefact where there is one."""
    import onnx as library

    run.exports.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=run.exports, prefix=".") as scratch:
        source = run.exports / "onnx"
        if not source.is_dir():
            source = Path(scratch)
            onnx(run, source)
        graph = library.load(source / "model.onnx")
    del graph.graph.value_info[:]  # the exporter's notes on shapes contradict the quantiser's
    return graph


def _calibration(run: Run) -> Iterator[dict[str, np.ndarray]]:
    """Training rows as the model is given them, one at a time."""
    from transformers import AutoTokenizer

    from ftui.data import preparing

    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    task = tasks.get(card["task"])
    splits = preparing.prepare(recipes.load(run.recipe).data, run.home, task.ROLES, task.STRATIFY).splits
    tokenizer = AutoTokenizer.from_pretrained(run.model, trust_remote_code=False)
    train = splits["train"]
    chosen = train.take(list(range(0, train.num_rows, max(1, train.num_rows // CALIBRATION)))[:CALIBRATION])
    windows = task.encode(chosen, tokenizer, card["max_length"], None)
    collate = task.collator(tokenizer)
    for number in range(min(len(windows), CALIBRATION)):
        row = {name: values for name, values in windows[number].items() if name in tokenizer.model_input_names}
        yield {name: value.numpy() for name, value in collate([row]).items()}


# ---- what they have in common


def _model(run: Run) -> Any:
    import torch

    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    return tasks.get(card["task"]).load_model(str(run.model), card["labels"], dtype=torch.float32).eval()


def _free(example: dict) -> tuple:
    """Batch and length of each input are free."""
    import torch

    free = {0: torch.export.Dim.DYNAMIC, 1: torch.export.Dim.DYNAMIC}
    return (tuple(free for _ in example),)


def _traceable(run: Run, folder: Path) -> tuple[Any, dict]:
    """(the model as a module of tensors in, tuple of tensors out; two padded rows by the names of the inputs)."""
    import torch
    from transformers import AutoTokenizer

    from ftui.training import first_token

    card = json.loads((run.model / "ftui.json").read_text(encoding="utf-8"))
    model = _model(run)
    first_token.apply(model)  # a smaller graph with the same answers
    tokenizer = AutoTokenizer.from_pretrained(run.model, trust_remote_code=False)
    rows = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in ([0] * 12, [0] * 7)]
    if "token_type_ids" in tokenizer.model_input_names:
        rows = [{**row, "token_type_ids": [0] * len(row["input_ids"])} for row in rows]
    example = dict(tasks.get(card["task"]).collator(tokenizer)(rows))
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
