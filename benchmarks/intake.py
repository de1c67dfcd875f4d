"""Import and pre-flight report: rows per second and peak memory at 10 k, 100 k and 1 M rows, beside pandas.

    python benchmarks/intake.py [--rows 10000 100000 1000000] [--text reviews.csv]

pandas does what a script would: read_csv, duplicated, group by text for contradictions, str.contains for HTML, addresses and
numbers. It has no near duplicates, no encodings, no languages and no tokenizer. Each measurement is a process of its own; seconds are
those of the processor (of all threads), so that other work beside it matters little; memory is its peak.
"""

import argparse
import csv
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
SAMPLE = REPO / "assets" / "samples" / "zh_reviews.csv"


def make(path: Path, rows: int, source: Path) -> None:
    """Rows put together from the sentences of real ones: some are copies, some nearly so."""
    rng = random.Random(0)
    with source.open(encoding="utf-8", newline="") as file:
        known = [tuple(row.values())[:2] for row in csv.DictReader(file)]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for _ in range(rows):
            (text, label), (more, _) = rng.choice(known), rng.choice(known)
            writer.writerow([text if rng.random() < 0.05 else f"{text}{more}{rng.randrange(10**6)}", label])


def ours(path: Path, home: Path) -> dict:
    from ftui.core.home import Home, starter_models
    from ftui.data import intake, report

    began = time.process_time()
    dataset = intake.import_file(path, Home(home))
    imported = time.process_time()
    made = report.make(report.look(dataset, {"text": "text", "label": "label"}, tokenizer=starter_models() / "starter-encoder" / "tokenizer.json"))
    return {"import_s": imported - began, "report_s": time.process_time() - imported, "looked_at": made.looked_at}


def pandas_does(path: Path, home: Path) -> dict:
    import pandas as pd

    began = time.process_time()
    table = pd.read_csv(path, dtype=str)
    imported = time.process_time()
    table.duplicated().sum()
    (table.groupby("text")["label"].nunique() > 1).sum()
    for pattern in (r"<[a-z]+[ >/]|&[a-z]+;", r"https?://|www\.", r"\S+@\S+\.\w", r"1[3-9]\d{9}", r"\s{2}|^\s|\s$"):
        table["text"].str.contains(pattern, regex=True).sum()
    return {"import_s": imported - began, "report_s": time.process_time() - imported, "looked_at": len(table)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--text", type=Path, default=SAMPLE, help="a CSV whose first two columns are text and label")
    parser.add_argument("--one", choices=["ftui", "pandas"], help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        measured = {"ftui": ours, "pandas": pandas_does}[chosen.one](chosen.file, chosen.file.parent / "home")
        print(json.dumps({**measured, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
        return
    for rows in chosen.rows:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "rows.csv"
            make(path, rows, chosen.text)
            for name in ("ftui", "pandas"):
                command = [sys.executable, __file__, "--one", name, "--file", str(path)]
                done = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(REPO)})
                found = json.loads(done.stdout)
                speed = rows / found["import_s"]
                print(f"{rows:>9,} rows  {name:<6}  import {found['import_s']:6.1f} s ({speed:,.0f} rows/s)  "
                      f"report {found['report_s']:6.1f} s on {found['looked_at']:,} rows  peak {found['peak_mb']:,.0f} MB")  # fmt: skip


if __name__ == "__main__":
    main()
