"""The product's page, and the browser that a benchmark looks at it with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


@contextmanager
def served(home: str) -> Iterator[str]:
    """The address of a page of its own on the home at this path; the page's process ends with the block."""
    command = [sys.executable, "-W", "ignore", "-m", "ftui", "ui", "--port", "0", "--home", home]
    ui = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        yield next(found.group() for line in ui.stdout if (found := re.search(r"http://\S+", line)))
    finally:
        ui.terminate()
        ui.wait()


def chromium(playwright):
    """A browser of Playwright's: Debian's Chromium where there is one."""
    return playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-background-networking"])


def follow(page, address: str, run: str) -> None:
    """Open the log of a run and wait for its first curve."""
    page.goto(f"{address}/en/?run={run}&tab=log")
    page.wait_for_function("document.querySelector('#chart-loss .chart')?.data", timeout=60_000)
