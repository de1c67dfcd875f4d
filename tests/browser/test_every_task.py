"""The tasks that have no file of their own here, in the browser: from the sample to an answer."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.test_way import LONG, finish, train


def evaluated(page, sample: str, task: str, model, epochs: str = "2") -> None:
    """From the sample to its evaluation."""
    page.locator(f"#sample-{sample}").click()
    expect(page.locator("#task input")).to_have_value(task)
    train(page, model=str(model), epochs=epochs)
    finish(page)
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("0.")
    expect(page.locator("#chart-task-errors .main-svg").first).to_be_visible()


def asked(page) -> None:
    """The first example, in the playground."""
    page.locator("#try-it").click()
    page.locator("#examples button").first.click()


@pytest.mark.slow
def test_several_labels_and_their_threshold(ui, open_page, toy_model):
    page = open_page("/", lang="en")
    evaluated(page, "en_feedback", "Several labels", toy_model)
    expect(page.locator("#figures")).to_contain_text("All labels right")
    asked(page)
    head, slider = page.locator("#answer-label"), page.locator("[data-threshold]")
    expect(head).to_have_text(re.compile(r"\S"), timeout=LONG)
    slider.fill("0.01")
    expect(head).to_have_text(re.compile("(?=.*price)(?=.*quality)(?=.*delivery)(?=.*service)"))
    slider.fill("0.99")
    expect(head).to_have_text("No label")
