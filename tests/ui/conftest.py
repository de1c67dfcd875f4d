"""A made-up home: a data set, a finished run with its report, a run that is going on. No training, no torch."""

import json
import os
import random
import time
from pathlib import Path

import pytest

from ftui.core import events as ev
from ftui.core import recipe
from ftui.core.home import Home, Job, Run
from tests.conftest import reviews, write_csv

LABELS = ["正面", "负面"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def dataset(home: Home, tmp_path: Path):
    """300 made-up reviews, imported."""
    from ftui.data import intake

    return intake.import_file(write_csv(tmp_path / "reviews.csv", reviews(300)), home)


def make_run(home: Home, dataset, strategy: str = "full") -> tuple[Run, Job, ev.Writer]:
    """A run with its recipe and the job that would train it, belonging to this very process, so that it lives."""
    from ftui.jobs import processes

    run = home.new_run()
    job = run.new_job("train")
    job.write_card({**job.card(), **processes.identity(os.getpid()), "spawned": time.time()})
    content = {"data": {"path": f"../../datasets/{dataset.id}"}, "strategy": {"name": strategy}}
    run.recipe.write_text(recipe.dump(recipe.build(content)), encoding="utf-8")
    return run, job, ev.Writer(job.events, 1)


@pytest.fixture
def running(home: Home, dataset) -> tuple[Run, Job, ev.Writer]:
    """A run in the middle of its training."""
    run, job, events = make_run(home, dataset, "lora")
    events.state(ev.STARTING)
    events.state(ev.RUNNING)
    events.log("training_starts", steps=90, epochs=3)
    events.metric(10, 0.3, {"loss": 0.7, "learning_rate": 1e-4, "grad_norm": 1.0})
    events.progress(phase="training", step=12, max_steps=90, epoch=0.4, examples_per_second=81.0, eta=100.0)
    return run, job, events


@pytest.fixture
def finished(home: Home, dataset) -> Run:
    """A run with model, report and predictions."""
    run, _, events = make_run(home, dataset)
    events.state(ev.RUNNING)
    for step in range(1, 31):
        events.metric(step, step / 10, {"loss": 1 / step, "learning_rate": 1e-4, "grad_norm": 1.0})
    events.metric(30, 3, {"validation_loss": 0.3, "validation_f1_macro": 0.8, "validation_accuracy": 0.82})
    events.metric(30, 3, {"test_f1_macro": 0.81, "test_accuracy": 0.83})
    events.state(ev.FINISHED, exit_code=0)
    run.model.mkdir()
    (run.model / "model.safetensors").write_bytes(b"weights")
    write_report(run)
    return run


def write_report(run: Run) -> None:
    """report.json and predictions.parquet of sixty test and thirty validation rows, one in five wrong."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from ftui.tasks import classification_report

    rng = random.Random(0)
    splits, tables = {}, []
    for split, rows in (("test", 60), ("validation", 30)):
        true = np.array([i % 2 for i in range(rows)])
        sure = np.array([rng.uniform(0.5, 1) for _ in range(rows)])
        said = np.where(np.arange(rows) % 5 == 0, 1 - true, true)
        scores = np.stack([np.where(said == 0, sure, 1 - sure), np.where(said == 1, sure, 1 - sure)], axis=1)
        metrics = {"accuracy": float((said == true).mean()), "f1_macro": 0.8, "mcc": 0.6, "loss": 0.4}
        splits[split] = classification_report.build(scores, true, LABELS, metrics)
        columns = {
            "split": [split] * rows,
            "row": list(range(rows)),
            "text": [f"{split} 文本 {i}" for i in range(rows)],
            "label": [LABELS[i] for i in true],
            "prediction": [LABELS[i] for i in said],
            "confidence": scores.max(-1).tolist(),
            "scores": scores.tolist(),
        }
        tables.append(pa.table(columns))
    pq.write_table(pa.concat_tables(tables), run.predictions)
    best = {"step": 20, "metric": "validation_loss", "value": 0.3}
    report = {"version": 1, "task": "text-classification", "labels": LABELS, "best": best, "splits": splits}
    run.report.write_text(json.dumps(report), encoding="utf-8")


def reading_of(text: str | None, label: str | None) -> str:
    """How the page holds the choice of these columns."""
    from ftui.ui import readings

    return readings.written("", readings.with_columns("text-classification", "text label", (text, label)))
