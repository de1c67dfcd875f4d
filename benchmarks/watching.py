"""What it costs to watch a training's log in the browser: python -m benchmarks.watching [--rounds 3]

A run that tells its progress once a second and a point every two seconds; the page that follows it, in turn with Gradio's script as it
is and as ftui.ui.frontend changes it. Cores that the browser's and the server's processes take, medians of the rounds. Needs Chromium.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.log import at_work
from benchmarks.pages import chromium, follow, served
from ftui.core.home import Home
from ftui.ui import frontend

SPAN = 15.0  # seconds of a measurement
PAST = 2000  # lines and points that are there already


def used(name: str) -> float:
    """Seconds of a core that the processes of that name below this one have taken."""
    times = [one.cpu_times() for one in psutil.Process().children(recursive=True) if name in one.name()]
    return sum(time.user + time.system for time in times)


def progress(events, over: threading.Event) -> None:
    step = PAST
    while not over.wait(1.0):
        step += 1
        events.progress(phase="training", step=step, max_steps=10 * PAST, examples_per_second=80.0, eta=100.0)
        if step % 2:
            events.metric(step, 1, {"loss": 1 / step, "learning_rate": 1e-4})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    from playwright.sync_api import sync_playwright

    plain, _ = frontend.script()
    found: dict[str, list[tuple[float, float]]] = {"as it is": [], "changed": []}
    over = threading.Event()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        run, events = at_work(Home(Path(folder)), PAST)
        threading.Thread(target=progress, args=(events, over), daemon=True).start()
        with served(folder) as address:
            for script in [*found] * rounds:
                page = chromium(playwright).new_page(viewport={"width": 1440, "height": 900})
                if script == "as it is":
                    page.route(f"**/{plain.name}", lambda route: route.fulfill(path=plain, content_type="text/javascript"))
                follow(page, address, run.id)
                page.wait_for_timeout(4000)
                began = [used("chrom"), used("python"), time.perf_counter()]
                page.wait_for_timeout(1000 * SPAN)
                ended = [used("chrom"), used("python"), time.perf_counter()]
                browsers, server, seconds = (after - before for before, after in zip(began, ended, strict=True))
                found[script].append((browsers / seconds, server / seconds))
                page.context.browser.close()
        over.set()
    print("| Gradio's script | browser, cores | server, cores |\n| --- | --- | --- |")
    for script, figures in found.items():
        browsers, servers = zip(*figures, strict=True)
        print(f"| {script} | {statistics.median(browsers):.2f} ({min(browsers):.2f} – {max(browsers):.2f}) | {statistics.median(servers):.2f} |")


if __name__ == "__main__":
    main()
