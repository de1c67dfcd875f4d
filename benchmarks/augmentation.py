"""The table "Augmentation" of the README: test accuracy on 200 training rows, with and without each augmentation.

    python benchmarks/augmentation.py [--sets NAME ...] [--ways NAME ...] [--rows 200] [--share 1.0] [--seeds 5] [--max-length 64] [--minutes 8]

Every cell is the product's own training (starter-encoder, its own learning rate and epochs, no validation rows) on
`--rows` rows of the train file, another choice of rows and another seed each time, measured on the same `--tested` rows of
the test file. `--share 1.0` makes one new row for each. New rows also mean more steps: "twice the epochs" takes as many steps
on the plain rows. What has been measured is kept in `--kept`; nothing new begins after `--minutes`, and the table shows what is there.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
SETS = {"zh_sentiment_reviews": "label", "en_sentiment_mr": "label", "zh_topic_csl": "label", "en_topic_clinc150": "domain"}
WAYS = {
    "none": {},
    "twice the epochs": {},
    "masked_lm": {"name": "masked_lm"},
    "random_delete": {"name": "random_delete"},
    "random_swap": {"name": "random_swap"},
    "character_noise": {"name": "character_noise"},
    "synonyms": {"name": "synonyms"},  # WordNet: English, where nltk has it
}


def accuracy(name: str, way: str, seed: int, options: argparse.Namespace) -> float:
    """Of one training, on the test rows."""
    import pandas as pd

    from ftui.core import events as ev
    from ftui.core import recipe as recipes
    from ftui.core.context import Context
    from ftui.core.home import Home
    from ftui.training.run import train

    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for part, rows, dice in (("train", options.rows, seed), ("test", options.tested, 0)):
            table = pd.read_csv(DATA / name / f"{part}.csv", dtype=str, keep_default_na=False)
            paths[part] = Path(folder) / f"{part}.csv"
            table.sample(min(rows, len(table)), random_state=dice)[["text", SETS[name]]].to_csv(paths[part], index=False)
        data = {
            "path": str(paths["train"]),
            "test_path": str(paths["test"]),
            "validation_size": 0,
            "columns": {"text": "text", "label": SETS[name]},
            "augment": [WAYS[way] | {"share": options.share}] if WAYS[way] else [],
        }
        epochs = recipes.build({"data": data}).epochs(options.rows) * (2 if way == "twice the epochs" else 1)
        run = Home(Path(folder) / "home").new_run()
        recipe = recipes.build({"data": data, "training": {"num_train_epochs": epochs, "seed": seed, "max_length": options.max_length}})
        run.recipe.write_text(recipes.dump(recipe), encoding="utf-8")
        job = run.new_job("train")
        train(Context(job, {}, ev.Writer(job.events, 1)))
        return json.loads(run.report.read_text(encoding="utf-8"))["splits"]["test"]["metrics"]["accuracy"]


def table(kept: dict[str, float], options: argparse.Namespace) -> None:
    """Mean accuracy, and beside it the mean difference to "none" of the same seeds with its standard error."""
    print("| augmentation | " + " | ".join(options.sets) + " |\n" + "| --- " * (1 + len(options.sets)) + "|")
    for way in options.ways:
        cells = []
        for name in options.sets:
            pairs = [(kept.get(_key(name, way, seed, options)), kept.get(_key(name, "none", seed, options))) for seed in range(options.seeds)]
            there = [(a, b) for a, b in pairs if a is not None and b is not None]
            if not there:
                cells.append("-")
                continue
            gains = [100 * (a - b) for a, b in there]
            error = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
            gain = "" if way == "none" else f" ({statistics.mean(gains):+.1f} ± {error:.1f})"
            few = f", {len(there)} seeds" if len(there) < options.seeds else ""
            cells.append(f"{100 * statistics.mean(a for a, _ in there):.1f}{gain}{few}")
        print(f"| {way} | " + " | ".join(cells) + " |")


def _key(name: str, way: str, seed: int, options: argparse.Namespace) -> str:
    return f"{name} {options.rows} {options.share} {options.max_length} {way} {seed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="+", default=["zh_sentiment_reviews", "en_sentiment_mr"], choices=list(SETS))
    parser.add_argument("--ways", nargs="+", default=[way for way in WAYS if way != "synonyms"], choices=list(WAYS))
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--tested", type=int, default=1000)
    parser.add_argument("--share", type=float, default=1.0)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--max-length", type=int, default=64, help="tokens of a text that are read")
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--kept", type=Path, default=REPO / ".work" / "augmentation.json")
    options = parser.parse_args()
    options.kept.parent.mkdir(parents=True, exist_ok=True)
    kept = json.loads(options.kept.read_text()) if options.kept.exists() else {}
    end = time.monotonic() + 60 * options.minutes
    for seed in range(options.seeds):
        for name in options.sets:
            for way in options.ways:
                key = _key(name, way, seed, options)
                if key in kept or time.monotonic() > end:
                    continue
                began = time.monotonic()
                kept[key] = accuracy(name, way, seed, options)
                options.kept.write_text(json.dumps(kept, indent=1))
                print(f"{key}: {kept[key]:.3f} ({time.monotonic() - began:.0f} s)", file=sys.stderr, flush=True)
    table(kept, options)


if __name__ == "__main__":
    main()
