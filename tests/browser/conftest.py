"""A real page in a real browser."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ftui.core.home import Home
from tests.conftest import REPO

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Ui:
    """`python -m ftui ui` in a process of its own; `start` again takes the same port."""

    def __init__(self, home: Path, *arguments: str):
        self.home = Home(home)
        self.arguments = arguments
        self.port = 0
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-W", "ignore", "-m", "ftui", "ui", "--port", str(self.port), "--home", str(self.home.path)]
        # output goes to the terminal's place, or a full pipe would stop the server
        self.process = subprocess.Popen([*command, *self.arguments], cwd=REPO, stdout=subprocess.PIPE, text=True)
        self.printed = []
        for line in self.process.stdout:
            self.printed.append(line)
            found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
            if found:
                self.port = int(found.group(1))
                break
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


def starting() -> Iterator[Callable[..., Ui]]:
    """`start(home, "--demo")` starts a page; it and all that it has started end when this generator goes on."""
    from ftui import jobs

    started: list[Ui] = []

    def start(home: Path, *arguments: str) -> Ui:
        started.append(Ui(home, *arguments))
        return started[-1]

    yield start
    for ui in started:
        ui.kill()
        for home in [ui.home, *map(Home, (ui.home.path / "visitors").glob("*"))]:
            jobs.end_all(home)


start_ui = pytest.fixture(starting, name="start_ui")
serve_module = pytest.fixture(starting, name="serve_module", scope="module")  # for tests that can share a page


@pytest.fixture
def ui(tmp_path: Path, start_ui: Callable[..., Ui]) -> Ui:
    return start_ui(tmp_path / "home")


@pytest.fixture(scope="module")  # not longer: Playwright keeps an event loop in this thread while it is open
def browser() -> Iterator:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=30_000)  # a loaded machine is slow
    if CHROMIUM is None and not os.environ.get("CI"):
        pytest.skip("no Chromium")
    with sync_playwright() as playwright:
        options = {"args": ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]}
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, **options)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser, ui) -> Iterator[Callable]:
    """`open_page(path, lang="zh", width=1440)` opens a page of its own; errors of its scripts fail the test."""
    contexts, problems = [], []

    def open_(path: str = "/", lang: str = "zh", width: int = 1440, dark: bool = False):
        locale = {"zh": "zh-CN", "en": "en-GB"}[lang]
        context = browser.new_context(
            locale=locale, viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light"
        )
        contexts.append(context)
        context.set_default_timeout(30_000)
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(ui.url + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert problems == []
