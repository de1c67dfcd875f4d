"""A training outlives its page and the process that shows it; one that dies says why."""

import re

import pytest
from playwright.sync_api import expect

from ftui import jobs
from ftui.core import events as ev
from tests.browser.steps import LONG
from tests.conftest import wait_for


@pytest.fixture
def running(ui, toy_csv, recipe_for):
    """A training that goes on for as long as the test."""
    from ftui.core import recipe as recipes

    run = jobs.start_training(recipes.build(recipe_for(num_train_epochs=900)), ui.home)
    wait_for(lambda: (ev.last(ev.read(run.training().events)[0], "progress") or {}).get("step"))
    return run


def step_shown(page) -> int:
    text = page.locator("#status").inner_text()
    found = re.search(r"([\d,]+)\s*/\s*[\d,]+", text)
    return int(found.group(1).replace(",", "")) if found else -1


@pytest.mark.slow
def test_reload_second_tab_and_a_killed_ui(ui, open_page, running):
    page = open_page(f"/?run={running.id}&tab=log", lang="zh")
    expect(page.locator("#status .badge.running")).to_be_visible()
    wait_for(lambda: step_shown(page) > 0)
    before = step_shown(page)
    page.reload()
    expect(page.locator("#status .badge.running")).to_be_visible()
    wait_for(lambda: step_shown(page) > before)

    second = open_page(f"/?run={running.id}", lang="en")
    expect(second.locator("#status .badge.running")).to_be_visible()
    expect(second.locator("#log-lines")).to_contain_text("Training:")
    page.close()
    wait_for(lambda: step_shown(second) > before)

    ui.kill()
    at_kill = (ev.last(ev.read(running.training().events)[0], "progress"))["step"]
    wait_for(lambda: ev.last(ev.read(running.training().events)[0], "progress")["step"] > at_kill)
    assert jobs.state(running.training()) == ev.RUNNING
    ui.start()
    third = open_page(f"/?run={running.id}", lang="zh")
    expect(third.locator("#status .badge.running")).to_be_visible()
    expect(third.locator("#runs")).to_contain_text("reviews.csv")
    third.locator("#stop").click()
    expect(third.locator("#status .badge.stopped")).to_be_visible(timeout=LONG)
    expect(third.locator("#resume")).to_be_visible()
    third.locator("#resume").click()
    expect(third.locator("#status .badge.running")).to_be_visible(timeout=LONG)
    expect(third.locator("#log-lines")).to_contain_text("检查点继续")


def test_a_failure_says_why(ui, open_page, running):
    import psutil

    page = open_page(f"/?run={running.id}", lang="zh")
    expect(page.locator("#status .badge.running")).to_be_visible()
    psutil.Process(running.training().card()["pid"]).children()[0].kill()
    expect(page.locator("#status .badge.failed")).to_be_visible()
    expect(page.locator("#failure")).to_contain_text("内存不足")
    expect(page.locator("#resume")).to_be_visible()
