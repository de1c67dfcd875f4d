"""How good, fast and large an artefact is: measured in a process of its own, as a server would run it.

    python -m ftui.artifacts.measuring JOB_DIR FOLDER      one JSON document as the last line
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ftui import tasks
from ftui.core import recipe as recipes
from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.core.home import Job, Run, disk_use

if TYPE_CHECKING:
    import pyarrow as pa

    from ftui.artifacts.predicting import Predictor

SINGLE = 60  # questions of one text
BATCH = 32
BATCHES = 6
WRITER = 6  # times fewer questions to a model that writes: each answer is many passes
SPARE = 3  # questions before the clock starts


def measure(job: Job, folder: Path) -> dict:
    """Score, agreement with the source model, speed, memory and size of the artefact in `folder`.

    {"size": bytes, "split", "rows", "metrics": {...}, "agreement": share of rows with the source's label,
    "largest_difference": of a probability, "latency_ms": {"p50", "p95"} at batch 1, "throughput": texts a second at
    batch 32, "peak_memory": bytes of the whole process, "threads"}. Tokenisation is in all times.
    """
    size = disk_use(folder)
    command = [sys.executable, "-m", "ftui.artifacts.measuring", str(job.path), str(folder)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)  # its errors go to the job's log
    lines = done.stdout.strip().splitlines()
    if done.returncode or not lines:
        raise UserError("artefact_unmeasured", exit=done.returncode, problem=lines[-1] if lines else "-")
    return {"version": 1, "size": size, **json.loads(lines[-1])}


def _measure(job: Job, folder: Path) -> dict:
    import torch

    from ftui.artifacts.predicting import Predictor
    from ftui.evaluation.run import score

    memory = Memory()
    run = job.run
    predictor = Predictor(folder)
    split, table = rows(run, predictor.task)
    speaks = tasks.speaks(predictor.task)
    asked = table.slice(0, BATCH * BATCHES)
    inputs = predictor.task.questions(asked) if speaks else asked.select(list(predictor.inputs)).to_pylist()
    events = Writer(job.events, job.card()["attempt"])
    report, said = score(predictor, table, events)
    memory.look()
    few = WRITER if speaks else 1
    speed = {"latency_ms": latency(predictor, inputs, memory, few), "throughput": throughput(predictor, inputs, memory, few)}
    source = said if folder == run.model else _source(run, split, table, events)
    return {
        "split": split,
        "rows": table.num_rows,
        "metrics": report["metrics"],
        **agreement(said, source),
        **speed,
        "peak_memory": memory.peak,
        "threads": torch.get_num_threads(),
    }


def rows(run: Run, task: Any) -> tuple[str, pa.Table]:
    """(name, rows) of the run's own test split; where it has none its validation split, else its training rows."""
    from ftui.data import preparing

    splits = preparing.prepare(recipes.load(run.recipe).data, run.home, task.ROLES, task.STRATIFY).splits
    name = next(name for name in ("test", "validation", "train") if name in splits)
    return name, splits[name]


def agreement(said: pa.Table, source: pa.Table) -> dict:
    """Share of rows with the same answer (numbers: within a tenth of their standard deviation); largest difference of a
    probability, of any label where there are labels, else of the answers' own (None where they have none); of numbers in
    standard deviations."""
    import numpy as np

    mine, theirs = (table["prediction"].to_pylist() for table in (said, source))
    if isinstance(theirs[0], float):
        apart = np.abs(np.array(mine) - np.array(theirs)) / max(float(np.std(theirs)), 1e-9)
        return {"agreement": float((apart < 0.1).mean()), "largest_difference": float(apart.max())}
    same = [a == b for a, b in zip(mine, theirs, strict=True)]
    for column in ("scores", "confidence"):
        if column in said.column_names and column in source.column_names and source[column].null_count == 0:
            pair = [np.array(table[column].to_pylist()) for table in (said, source)]
            return {"agreement": float(np.mean(same)), "largest_difference": float(np.abs(pair[0] - pair[1]).max())}
    return {"agreement": float(np.mean(same)), "largest_difference": None}


def latency(predictor: Predictor, inputs: list[dict], memory: Memory, few: int = 1) -> dict:
    """{"p50", "p95"} in ms of asking one text at a time; `few`: how many times fewer of them are asked."""
    import numpy as np

    times = []
    for number in range(SPARE + SINGLE // few):
        began = time.perf_counter()
        predictor.predict([inputs[number % len(inputs)]])
        times.append(1000 * (time.perf_counter() - began))
    memory.look()
    return {name: round(float(np.percentile(times[SPARE:], share)), 2) for name, share in (("p50", 50), ("p95", 95))}


def throughput(predictor: Predictor, inputs: list[dict], memory: Memory, few: int = 1) -> float:
    """Texts a second, BATCH at a time."""
    starts = range(0, BATCH * (BATCHES // few), BATCH)
    batches = [[inputs[(start + i) % len(inputs)] for i in range(BATCH)] for start in starts]
    predictor.predict(batches[0])
    began = time.perf_counter()
    for batch in batches:
        predictor.predict(batch)
    seconds = time.perf_counter() - began
    memory.look()
    return round(BATCH * len(batches) / seconds, 1)


def _source(run: Run, split: str, table: pa.Table, events: Writer) -> pa.Table:
    """What the source model says of the same rows: as its evaluation wrote it down, else asked again."""
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    if run.predictions.exists():
        written = pq.read_table(run.predictions)
        written = written.filter(pc.equal(written["split"], split))
        if written["row"].to_pylist() == table["row"].to_pylist():
            return written
    from ftui.artifacts.predicting import Predictor
    from ftui.evaluation.run import score

    return score(Predictor(run.model), table, events)[1]


class Memory:
    """The most memory that this process was seen to hold."""

    def __init__(self) -> None:
        import psutil

        self.process, self.peak = psutil.Process(), 0

    def look(self) -> None:
        self.peak = max(self.peak, self.process.memory_info().rss)


if __name__ == "__main__":
    try:
        print(json.dumps(_measure(Job(Path(sys.argv[1])), Path(sys.argv[2]))))
    except UserError as error:
        print(error)
        sys.exit(2)
