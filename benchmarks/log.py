"""How soon a line and a point of a running training are seen in the browser: python -m benchmarks.log [--lines 100000]

The events file of a run that is at work already holds half as many log lines and half as many points; then the one and
the other are written, in turn, and each is awaited in the page, frame by frame. Needs Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.pages import REPOSITORY, chromium, follow, served
from ftui.core import events as ev
from ftui.core import recipe
from ftui.core.home import Home
from ftui.data import intake
from ftui.jobs import processes


def at_work(home: Home, lines: int):
    """(run, writer) of a run that belongs to this process, with a long past."""
    dataset = intake.import_file(REPOSITORY / "assets" / "samples" / "en_reviews.csv", home)
    run = home.new_run()
    job = run.new_job("train")
    job.write_card({**job.card(), **processes.identity(os.getpid()), "spawned": time.time()})
    run.recipe.write_text(recipe.dump(recipe.build({"data": {"path": f"../../datasets/{dataset.id}"}})), encoding="utf-8")
    events = ev.Writer(job.events, 1)
    events.state(ev.RUNNING)
    common = {"time": time.time(), "attempt": 1}
    with open(job.events, "a", encoding="utf-8") as file:
        for step in range(1, lines // 2 + 1):
            told = {**common, "type": "log", "level": "info", "key": "checkpoint", "params": {"step": step}}
            point = {**common, "type": "metric", "step": step, "epoch": 1, "values": {"loss": 1 / step, "learning_rate": 1e-4}}
            file.write(json.dumps(told) + "\n" + json.dumps(point) + "\n")
    events.progress(phase="training", step=lines // 2, max_steps=lines, examples_per_second=80.0, eta=100.0)
    return run, events


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run, events = at_work(Home(Path(folder)), options.lines)
        with served(folder) as address:
            page = chromium(playwright).new_page()
            follow(page, address, run.id)
            seen: dict[str, list[float]] = {"line": [], "point": []}
            for step in range(options.lines, options.lines + options.rounds):
                checks = {
                    "line": f"document.querySelector('#log-lines .log').textContent.includes('step {step}.')",
                    "point": f"document.querySelector('#chart-loss .chart').data[0].x.at(-1) === {step}",
                }
                for kind, check in checks.items():
                    events.log("checkpoint", step=step) if kind == "line" else events.metric(step, 1, {"loss": 0.5})
                    began = time.perf_counter()
                    page.wait_for_function(check, polling="raf", timeout=30_000)
                    seen[kind].append(time.perf_counter() - began)
            page.context.browser.close()
            events.state(ev.STOPPED)
    for kind, times in seen.items():
        print(f"{kind:6} median {statistics.median(times):.2f} s  (min {min(times):.2f}, max {max(times):.2f})")


if __name__ == "__main__":
    main()
