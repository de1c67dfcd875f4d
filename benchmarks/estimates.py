"""What the estimate said before a training, and what then happened: python -m benchmarks.estimates DATA_FOLDER

In a new home: a short measurement, then one run after the other, each estimated just before it starts. Where other work
goes on beside it, $OMP_NUM_THREADS=1 keeps the threads of a training from waiting for each other.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import pyarrow.parquet as pq

from ftui import jobs
from ftui.cli.following import follow
from ftui.core import base_models, estimate
from ftui.core import recipe as recipes
from ftui.core.home import Home, disk_use
from ftui.data import intake
from ftui.jobs import costs

RUNS = (  # data, rows, strategy, epochs
    ("en_sentiment_mr", 1500, "full", 2),
    ("en_sentiment_mr", 1500, "lora", 2),
    ("en_sentiment_mr", 3000, "lora", 2),
    ("en_sentiment_mr", 3000, "frozen", 5),
    ("zh_sentiment_reviews", 1200, "frozen", 3),
    ("zh_sentiment_reviews", 1500, "full", 3),
)


def sample(folder: Path, rows: int, home: Home) -> Path:
    """The first training rows of a data set, imported."""
    table = intake.import_file(next(folder.glob("train.*")), home).table().slice(0, rows)
    file = home.path / "rows.parquet"
    pq.write_table(table, file)
    return intake.import_file(file, home, f"{folder.name}.parquet").path


def main(data: Path) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        home = Home(Path(scratch) / "home")
        home.path.mkdir()
        for number, (name, rows, strategy, epochs) in enumerate(RUNS):
            content = {"data": {"path": str(sample(data / name, rows, home))}, "strategy": {"name": strategy}, "device": "cpu"}
            recipe = recipes.build({**content, "training": {"num_train_epochs": epochs, "save_total_limit": 1}})
            if number == 0:
                guessed = costs.of(recipe, home)
                assert guessed.seconds
                print(f"before anything was measured: {guessed.seconds[0]:.0f} to {guessed.seconds[1]:.0f} s", flush=True)
                costs.measure(recipe, home)
            cost = costs.of(recipe, home)
            assert cost.seconds
            run = jobs.start_training(recipe, home)
            job = run.training()
            assert job is not None
            follow(job)
            took = jobs.summary(run)["seconds"]
            known = base_models.find(recipe.model)
            longest = costs.rows_of(recipe, home, known).longest(recipe)
            sizes = base_models.shape(known.config)
            assert sizes and known.parameters
            speed = estimate.known(home)[estimate.key(recipe, sizes, "cpu")]
            peak = estimate.memory(recipe, known.config, known.parameters, longest) + speed.over
            middle = sum(cost.seconds) / 2
            print(
                f"{name} {rows} rows {strategy} {epochs} epochs: {cost.seconds[0]:.0f} to {cost.seconds[1]:.0f} s ({cost.source}), took"
                f" {took:.0f} s ({took / middle - 1:+.0%} of the middle); memory {cost.memory / 1e9:.2f} GB, took {peak / 1e9:.2f};"
                f" disk at most {cost.disk / 1e6:.0f} MB, model {disk_use(run.model) / 1e6:.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
