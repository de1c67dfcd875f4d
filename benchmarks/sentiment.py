"""The figure in the README: starter-encoder on zh_sentiment_reviews (12,000 rows), full tuning, 2 epochs.

    python benchmarks/sentiment.py [--rounds 3]

The product itself is measured: `python -m ftui train` from process start to its last line. Accuracy is that of the data
set's own test file; beside it TF-IDF (characters 1-2) with logistic regression (C=10) on the same rows.
"""

import argparse
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

REPO = Path(__file__).parents[1]
DATA = Path(os.environ.get("FTUI_TEST_DATA") or REPO.parent / "shared" / "data") / "zh_sentiment_reviews"

RECIPE = """
model: starter-encoder
data: {{path: {data}/train.csv, validation_path: {data}/validation.csv, test_path: {data}/test.csv}}
strategy: {{name: full}}
training: {{num_train_epochs: 2, seed: {seed}}}
"""


def rows(name: str) -> tuple[list[str], list[str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        found = list(csv.DictReader(file))
    return [row["text"] for row in found], [row["label"] for row in found]


def baseline() -> float:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    model = make_pipeline(TfidfVectorizer(analyzer="char", ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=1000))
    return model.fit(*rows("train.csv")).score(*rows("test.csv"))


def one_round(seed: int) -> tuple[float, float]:
    """(accuracy on the test file, seconds from process start to the last line)."""
    with tempfile.TemporaryDirectory() as folder:
        recipe = Path(folder) / "recipe.yaml"
        recipe.write_text(RECIPE.format(data=DATA, seed=seed), encoding="utf-8")
        command = [sys.executable, "-m", "ftui", "train", str(recipe), "--home", f"{folder}/home"]
        start = time.perf_counter()
        done = subprocess.run(command, cwd=REPO, stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)["metrics"]["test_accuracy"], time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    rounds = [one_round(42 + number) for number in range(parser.parse_args().rounds)]
    accuracies, seconds = zip(*rounds, strict=True)
    print(f"accuracy: mean {statistics.mean(accuracies):.4f}, each {', '.join(f'{a:.4f}' for a in accuracies)}")
    print(f"seconds: median {statistics.median(seconds):.0f}, each {', '.join(f'{s:.0f}' for s in seconds)}")
    print(f"TF-IDF + logistic regression: {baseline():.4f}")


if __name__ == "__main__":
    main()
