"""Two visitors of a demo see nothing of each other, and what a demo does not allow is said in words."""

import re

import pytest
from playwright.sync_api import expect

from ftui import jobs
from tests.browser.steps import drop, set_field


@pytest.fixture
def ui(tmp_path, start_ui):
    return start_ui(tmp_path / "home", "--demo")


def homes(ui) -> list:
    from ftui.core.home import Home

    return [Home(p) for p in sorted((ui.home.path / "visitors").glob("*"))]


def test_visitors_are_kept_apart(ui, open_page, toy_csv):
    first = open_page("/", lang="en")
    expect(first.locator(".way")).to_have_text("demo")
    drop(first, toy_csv)
    first.locator("#use-data").click()
    set_field(first, "training-max-steps", "1") if first.locator("#set-training-max-steps").is_visible() else None
    first.locator("#start-training").click()
    first.wait_for_url(re.compile("run="))
    address = first.url.removeprefix(ui.url)
    [mine] = [home for home in homes(ui) if home.all_runs()]
    expect(first.locator("#runs")).to_contain_text("reviews.csv")

    second = open_page(address, lang="en")
    expect(second.locator("body")).to_contain_text("There is no run")
    expect(second.locator("#runs")).not_to_contain_text("reviews.csv")
    second.goto(ui.url + re.sub(r"&?(run|tab)=[^&]*", "", address))
    expect(second.locator("#data-empty, #strip").first).to_be_visible()
    expect(second.locator("#data-view")).not_to_be_visible()
    assert homes(ui) == [mine]  # who only looks has no folder
    assert ui.home.all_runs() == []

    first.reload()
    expect(first.locator("#runs")).to_contain_text("reviews.csv")
    jobs.end_all(mine)


def test_what_a_demo_does_not_allow_is_said(ui, open_page, toy_csv):
    page = open_page("/", lang="zh")
    drop(page, toy_csv)
    page.locator("#use-data").click()
    set_field(page, "training-num-train-epochs", "1000")
    page.locator("#start-training").click()
    expect(page.locator("#tune-notice")).to_contain_text("演示版最多")
    assert all(not home.all_runs() for home in homes(ui))
