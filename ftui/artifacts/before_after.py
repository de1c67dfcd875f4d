"""A smaller model beside the one that it was made from: both measured in one process on the same rows."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui.artifacts import measuring
from ftui.artifacts.predicting import Predictor
from ftui.core import starters
from ftui.core.events import Writer
from ftui.core.home import RUN, Run, disk_use, write_json
from ftui.core.recipe import Recipe

if TYPE_CHECKING:
    import pyarrow as pa

NAME = "before_after.json"


def source_of(run: Run, recipe: Recipe) -> Run | None:
    """The run that this one is made smaller from: its teacher, or the base that is pruned. None for other runs."""
    if recipe.distil:
        return run.home.run(recipe.distil.teacher)
    if recipe.prune and recipe.model.startswith(RUN):
        return run.home.run(recipe.model.removeprefix(RUN))
    return None


def found(run: Run) -> dict | None:
    """What `measure` has written beside a run."""
    try:
        return json.loads((run.path / NAME).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def measure(run: Run, recipe: Recipe, splits: dict[str, pa.Table], device: str, events: Writer) -> None:
    """Write before_after.json where the run has a source: {"version", "source", "split", "rows", "agreement": share of rows
    with the source's label, "before": {...}, "after": {...}}, each with "parameters", "bytes", "compressed" (bytes after
    gzip; only where weights were set to zero), "metrics", "latency_ms" {"p50", "p95"} at batch 1 and "throughput" (texts a
    second at batch 32)."""
    source = source_of(run, recipe)
    split = next((name for name in ("test", "validation") if name in splits), None)
    if source is None or split is None:
        return
    events.log("before_after", source=source.id)
    zeros = bool(recipe.prune and recipe.prune.magnitude)
    before, said_before = _one(source.model, splits[split], device, events, zeros)
    after, said = _one(run.model, splits[split], device, events, zeros)
    agreed = measuring.agreement(said, said_before)["agreement"]
    told = {"split": split, "rows": splits[split].num_rows, "agreement": agreed, "before": before, "after": after}
    write_json(run.path / NAME, {"version": 1, "source": source.id, **told})
    events.log(
        "made_smaller",
        times=f"{before['latency_ms']['p50'] / after['latency_ms']['p50']:.2f}",
        share=round(100 * after["bytes"] / before["bytes"]),
    )


def _one(folder: Path, table: pa.Table, device: str, events: Writer, zeros: bool) -> tuple[dict, Any]:
    from ftui.evaluation.run import score

    predictor = Predictor(folder, device)
    report, said = score(predictor, table, events)
    inputs = table.select(list(predictor.inputs)).slice(0, measuring.BATCH * measuring.BATCHES).to_pylist()
    memory = measuring.Memory()
    weights = sorted(folder.rglob("*.safetensors"))
    weights = [path for path in weights if "adapter" not in path.relative_to(folder).parts]
    made = {
        "parameters": sum(starters.weights(parent) for parent in {path.parent for path in weights}),
        "bytes": sum(path.stat().st_size for path in weights) or disk_use(folder),
        "metrics": report["metrics"],
        "latency_ms": measuring.latency(predictor, inputs, memory),
        "throughput": measuring.throughput(predictor, inputs, memory),
    }
    if zeros:
        made["compressed"] = sum(len(gzip.compress(path.read_bytes(), compresslevel=1)) for path in weights)
    return made, said
