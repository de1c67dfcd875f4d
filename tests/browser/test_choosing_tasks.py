"""Another task than text classification in the browser: from its sample to a marked text, and its file to a table."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import LONG, choose_task, finish, train


@pytest.mark.slow
def test_named_entities_from_the_sample_to_an_answer(ui, open_page, toy_model):
    page = open_page("/", lang="en")
    page.locator("#sample-en_entities").click()
    expect(page.locator("#data-facts")).to_contain_text("180")
    expect(page.locator("#task input")).to_have_value("Named entities")
    expect(page.locator("#form input")).to_have_value("words + tags")
    expect(page.locator("#label-column input")).to_have_value("ner_tags")
    expect(page.locator("#chart-labels")).to_contain_text("PERSON")
    expect(page.locator("#split")).to_contain_text("130")

    choose_task(page, "Question answering")
    expect(page.locator("#data-findings")).to_contain_text("“Question answering” needs a column for: question, context, answer.")
    expect(page.locator("#third-column")).to_be_visible()
    page.locator("#task input").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("option", name="Named entities")).to_be_hidden()
    choose_task(page, "Named entities")  # opens it again
    expect(page.locator("#third-column")).to_be_hidden()
    expect(page.locator("#data-findings")).not_to_contain_text("needs a column")

    train(page, model=str(toy_model), epochs="2")
    finish(page)
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("Recall")
    page.locator("#try-it").click()
    page.locator("#examples button").first.click()
    expect(page.locator("#answer")).to_contain_text(re.compile(r"\d+ entit|No entit"), timeout=LONG)
