"""The table "Tasks" of the README: what tuning does to each task, on real data, with the starter models.

    python benchmarks/tasks.py [NAME ...] [--minutes 8] [--home DIR] [--rows N]

One row for each of ROWS (`make bench-tasks` makes all). Whatever is finished in --home is not made again, so that the table
can be made in several goes; nothing new begins after --minutes. "Before" is the model before tuning where it can do the
task at all (language models), else the simple model that the report compares with (TF-IDF, gazetteer ...).
"""

import argparse
import gzip
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

REPO = Path(__file__).parents[1]
sys.path.insert(0, str(REPO))
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data")
MOST = 3000  # rows that are learned from


@dataclass(frozen=True)
class Row:
    """A data set and what is learned from it. `metrics`: those that are shown, the main one first; `rows`: at most so many
    training rows; `tested`: at most so many test rows (None: all)."""

    task: str
    train: str
    test: str | None
    metrics: tuple[str, ...]
    columns: dict[str, str] = field(default_factory=dict)
    model: str = "starter-encoder"
    rows: int = MOST
    tested: int | None = None
    sections: dict = field(default_factory=dict)


WRITING = {"task": "text-generation", "model": "starter-lm", "metrics": ("perplexity", "perplexity_character", "rougeL")}
BRIEF = {"training": {"num_train_epochs": 3, "max_length": 256}, "language": {"samples": 32, "max_new_tokens": 48}}
QUICK = {"training": {"num_train_epochs": 3, "max_length": 128}}

ROWS: dict[str, Row] = {
    "zh_instruct_oasst": Row(train="train.jsonl", test="test.jsonl", tested=64, sections=BRIEF, **WRITING),
    "zh_instruct_ruozhiba": Row(train="train.jsonl.gz", test="test.jsonl", rows=1500, tested=200, sections=BRIEF, **WRITING),
    "en_instruct_gpteacher": Row(train="train.jsonl.gz", test="test.jsonl", rows=1500, tested=200, sections=BRIEF, **WRITING),
    "zh_poetry": Row(train="song_ci_300.jsonl", test=None, columns={"text": "text"}, sections=BRIEF, **WRITING),
    "zh_sentiment_reviews": Row("text-classification", "train.csv", "test.csv", ("f1_macro", "accuracy"), sections=QUICK),
    "en_emotion_goemotions": Row(
        "multi-label-classification", "train.csv.gz", "test.csv.gz", ("f1_micro", "map"), {"text": "text", "labels": "labels"}, sections=QUICK
    ),
    "zh_ner_uner": Row("token-classification", "train.conll", "test.conll", ("f1", "precision", "recall"), sections=QUICK),
    "en_ner_wnut17": Row("token-classification", "train.conll", "test.conll", ("f1", "precision", "recall"), sections=QUICK),
    "zh_qa_cmrc2018": Row("question-answering", "train.json.gz", "test.json", ("f1", "exact_match"), rows=1500, tested=500, sections=QUICK),
    "en_qa_xquad": Row("question-answering", "train.json", "test.json", ("f1", "exact_match"), rows=1500, tested=500, sections=QUICK),
}


def shortened(path: Path, rows: int | None, folder: Path) -> Path:
    """The file itself, or its first rows where it has more (of files whose rows are lines; others are read whole)."""
    name = path.name.removesuffix(".gz")
    if rows is None or Path(name).suffix not in (".jsonl", ".csv"):
        return path
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as file:
        lines = file.readlines()
    head = int(name.endswith(".csv"))
    made = folder / f"{path.parent.name}-{rows}-{name}"
    made.write_text("".join(lines[: rows + head]), encoding="utf-8")
    return made


def recipe(name: str, row: Row, folder: Path, rows: int):
    """What the row's training is."""
    from ftui.core import recipe as recipes

    data = {"path": str(shortened(DATA / name / row.train, min(rows, row.rows), folder)), "columns": row.columns}
    if row.test:
        data["test_path"] = str(shortened(DATA / name / row.test, row.tested, folder))
    return recipes.build({"task": row.task, "model": row.model, "data": data, **row.sections})


def measured(name: str, row: Row, home, rows: int) -> dict:
    """{"before", "after", "seconds", "rows"} of a training that is run here to its end."""
    from benchmarks.following import finished
    from ftui import jobs
    from ftui.core import events as ev

    with tempfile.TemporaryDirectory() as folder:
        run = jobs.start_training(recipe(name, row, Path(folder), rows), home)
        job = finished(run.training())
    report, events = json.loads(run.report.read_text(encoding="utf-8")), ev.read(job.events)[0]
    logged = {event["key"]: event["params"] for event in events if event["type"] == "log"}
    test = report["splits"]["test"]
    return {
        "before": (report.get("baseline") or {}).get("metrics", {}),
        "against": (report.get("baseline") or {}).get("name"),
        "after": test["metrics"],
        "tested": test["rows"],
        "seconds": logged["finished"]["seconds"],
    }


def line(name: str, row: Row, found: dict) -> str:
    """A row of the table."""

    def told(metrics: dict) -> str:
        return ", ".join(f"{metric} {metrics[metric]:.3g}" for metric in row.metrics if metrics.get(metric) is not None) or "–"

    return f"| `{name}` | {row.task} | {found['tested']} | {told(found['before'])} ({found['against'] or '–'}) | {told(found['after'])} | {found['seconds']} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ROWS)}")
    parser.add_argument("--minutes", type=float, default=60, help="after which nothing new begins")
    parser.add_argument("--rows", type=int, default=MOST, help="training rows at most")
    parser.add_argument("--home", type=Path, default=Path(tempfile.gettempdir()) / "ftui-bench-tasks")
    options = parser.parse_args()
    unknown = set(options.names) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")

    from ftui.core.home import Home

    home, began, lines = Home(options.home), time.monotonic(), []
    for name in options.names or ROWS:
        row, kept = ROWS[name], options.home / f"{name}-{min(options.rows, ROWS[name].rows)}.json"
        if not kept.exists():
            if time.monotonic() - began > 60 * options.minutes:
                print(f"{name}: no time left", file=sys.stderr)
                continue
            found = measured(name, row, home, options.rows)
            kept.write_text(json.dumps(found), encoding="utf-8")
        lines.append(line(name, row, json.loads(kept.read_text(encoding="utf-8"))))
        print(lines[-1], file=sys.stderr)
    print("| data | task | test rows | before (what) | after | time |\n| --- | --- | --- | --- | --- | --- |\n" + "\n".join(lines))


if __name__ == "__main__":
    main()
