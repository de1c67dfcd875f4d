"""A search for settings in the browser: begun, stopped, gone on with, and its best settings trained with."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import LONG, drop, set_field, set_model


def begin(page, minutes: str, trials: str) -> None:
    """Fill the form of a search and start it."""
    for box, value in (("minutes", minutes), ("most", trials)):
        field = page.locator(f"#search-{box} input")
        field.fill(value)
        field.press("Tab")
    page.locator("#start-search").click()


@pytest.mark.slow
def test_stopped_gone_on_with_and_its_settings_taken(ui, open_page, toy_csv, toy_model):
    page = open_page("/", lang="en")
    drop(page, toy_csv)
    page.locator("#use-data").click()
    set_model(page, str(toy_model))
    set_field(page, "training-num-train-epochs", "2")
    page.locator("#open-search").click()
    expect(page.locator("#search-form")).to_be_visible()
    begin(page, "0", "3")
    expect(page.locator("#search-notice")).to_contain_text(re.compile("minute", re.I))
    begin(page, "5", "40")
    page.wait_for_url(re.compile(r"run="))
    expect(page.locator("#search-trials")).to_contain_text("(yours)", timeout=LONG)
    expect(page.locator("#search-by-setting .main-svg").first).to_be_visible(timeout=LONG)
    page.locator("#stop").click()
    expect(page.locator("#status .badge.stopped")).to_be_visible(timeout=LONG)
    before = page.locator("#search-trials tbody tr").count()
    assert 1 <= before < 40
    page.locator("#resume").click()
    expect(page.locator("#search-trials tbody tr").nth(before)).to_be_visible(timeout=LONG)
    page.reload()
    expect(page.locator("#search-trials tbody tr").nth(before)).to_be_visible(timeout=LONG)
    page.locator("#use-settings").click()
    expect(page.locator("#set-training-learning-rate input")).to_have_value(re.compile(r"\d"))
