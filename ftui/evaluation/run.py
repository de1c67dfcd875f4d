"""Asks a saved model about labelled rows and writes down how good it is."""

from __future__ import annotations

import functools
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from ftui import tasks
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.events import RUNNING, Writer
from ftui.core.home import Run, write_json
from ftui.evaluation import comparing, probing

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.artifacts.predicting import Predictor
    from ftui.core.context import Context


def evaluate_splits(run: Run, splits: dict[str, pa.Table], events: Writer, device: str) -> dict[str, float]:
    """Write report.json and predictions.parquet for validation and test; return {"test_accuracy": ...}."""
    import pyarrow.parquet as pq

    from ftui.artifacts.predicting import Predictor

    predictor = Predictor(run.model, device)
    if hasattr(predictor.task, "decide"):
        _decide(predictor, run, splits.get("validation"), events)
    report = {"version": 1, "task": predictor.card["task"], "labels": predictor.labels, "best": predictor.card["best"], "splits": {}}
    tables = []
    metrics = {}
    for name in ("validation", "test"):
        if name not in splits:
            continue
        report["splits"][name], predictions = score(predictor, splits[name], events)
        if name == "test" or "test" not in splits:
            began = time.monotonic()
            simple = _beside(functools.partial(predictor.task.baseline, splits, name), events) or predictor.card.get("before")
            if simple:
                report["baseline"] = {"seconds": round(time.monotonic() - began, 2), **simple, "split": name}
            if simple and "predicted" in simple:
                true, said = (predictions[column].to_pylist() for column in ("label", "prediction"))
                report["baseline"]["versus"] = comparing.paired(true, report["baseline"].pop("predicted"), said)
        tables.append(predictions.add_column(0, "split", [[name] * predictions.num_rows]))
        metrics |= {f"{name}_{k}": v for k, v in report["splits"][name]["metrics"].items()} if name == "test" else {}
    probed = _beside(functools.partial(probing.probe, run, predictor, splits, events), events)
    if probed:
        report["probe"] = probed
    if tables:
        import pyarrow as pa

        temporary = run.predictions.with_name(".predictions.parquet")
        pq.write_table(pa.concat_tables(tables), temporary)
        temporary.replace(run.predictions)
    write_json(run.report, report)
    return metrics


def _beside(make: Callable[[], dict | None], events: Writer) -> dict | None:
    """What a simple model makes of the same rows; None with a warning where they are nothing for it. The model that was
    trained is there, and must not be lost for what only stands beside it."""
    try:
        return make()
    except Exception as error:
        events.log("baseline_left_out", level="warning", problem=" ".join(f"{type(error).__name__}: {error}".split())[:200])
        return None


def _decide(predictor: Predictor, run: Run, validation: pa.Table | None, events: Writer) -> None:
    """Put into the model's card how it is to decide: as the recipe says, else as is best for the validation rows."""
    wanted = recipes.load(run.recipe).decision_threshold
    chosen = None if wanted == "auto" else {"threshold": wanted}
    if chosen is None and validation is not None:
        chosen = predictor.task.decide(validation, predictor.answers(validation), predictor.labels)
        events.log("threshold_chosen", **{name: f"{value:.3g}" for name, value in chosen.items()}, rows=validation.num_rows)
    predictor.card.pop("decision", None)
    predictor.card |= {"decision": chosen} if chosen else {}
    write_json(run.model / "ftui.json", predictor.card)


def score(predictor: Predictor, table: pa.Table, events: Writer) -> tuple[dict, pa.Table]:
    """(one split of the report, with the seconds that the answers took; its predictions row by row)."""
    import pyarrow as pa

    told = [time.monotonic()]

    def progress(done: int) -> None:
        if time.monotonic() - told[0] > 0.5:
            told[0] = time.monotonic()
            events.progress(phase="evaluating", step=done, max_steps=table.num_rows)

    task, labels = predictor.task, predictor.labels
    began = time.monotonic()
    answers = predictor.answers(table, progress)
    seconds = round(time.monotonic() - began, 4)
    return {**task.report(table, answers, labels), "seconds": seconds}, pa.table(task.predictions(table, answers, labels))


def evaluate(context: Context) -> None:
    """The job `python -m ftui evaluate ID DATA`: score the run's model on another labelled file."""
    from ftui.artifacts.predicting import Predictor
    from ftui.data import cleaning, forms, preparing
    from ftui.training.models import device

    run, events = context.job.run, context.events
    events.state(RUNNING)
    recipe = recipes.load(run.recipe)
    task = tasks.get(recipe.task)
    path = context.options["path"]
    known = forms.shared(task.ROLES, recipe.data.columns, preparing.resolve(path, run.home).table())
    table, _, dropped = preparing.usable(path, run.home, known, task.ROLES)
    for outcome in cleaning.run(table, cleaning.for_others(recipe.data.clean)):
        table = outcome.table
    for reason, count in dropped.items():
        if count:
            events.log(f"dropped_{reason}", level="warning", rows=count)
    predictor = Predictor(run.model, device(recipe.device))
    unknown = sorted(set(task.labels({"data": table})) - set(predictor.labels))
    if unknown:
        raise UserError("labels_unknown", labels=", ".join(unknown[:5]), known=", ".join(predictor.labels[:20]))
    report, predictions = score(predictor, table, events)
    import pyarrow.parquet as pq

    pq.write_table(predictions, context.job.path / "predictions.parquet")
    name = Path(path).name
    write_json(context.job.path / "report.json", {"version": 1, "task": recipe.task, "labels": predictor.labels, "data": name, "splits": {"data": report}})
    events.metric(0, 0, report["metrics"])
    events.log("evaluated", epoch="-", metrics=json.dumps({k: round(v, 4) for k, v in report["metrics"].items()}))
