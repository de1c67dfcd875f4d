"""The Fine-tune tab in the browser: a recipe loaded, an earlier run as a start, a Why? by keyboard."""

import pytest
from playwright.sync_api import expect


@pytest.fixture
def ui(start_ui, trained):
    return start_ui(trained["home"].path)


def test_recipe_earlier_run_and_why(open_page, trained):
    page = open_page("/?tab=data", lang="en", width=390)
    page.locator("#sample-en_reviews").click()
    expect(page.locator("#data-facts")).to_contain_text("en_reviews.csv")
    page.locator("#use-data").click()
    expect(page.locator("#outlook")).to_contain_text("216 training rows")

    page.go_back()
    expect(page.locator("#tab-data-button")).to_have_attribute("aria-selected", "true")
    page.go_forward()
    expect(page.locator("#tab-tune-button")).to_have_attribute("aria-selected", "true")

    why = page.locator("#why-strategy")
    why.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(why.locator("p")).to_be_visible()
    box = why.locator(".answer-box").bounding_box()
    assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#term-strategy svg")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#glossary")).to_be_hidden()
    page.keyboard.press("Escape")
    expect(why.locator("p")).to_be_hidden()
    expect(why.locator("summary")).to_be_focused()

    page.locator("#recipe-yaml > button").click()
    page.locator("#recipe-yaml [role=tab]").nth(2).click()
    page.locator("#recipe-paste textarea").fill("strategy: {name: lora, r: 4}\ntraining: {num_train_epochs: 0}")
    page.locator("#recipe-load").click()
    expect(page.locator("#load-notice [role=alert]")).to_contain_text("num_train_epochs")
    page.locator("#recipe-paste textarea").fill("strategy: {name: lora, r: 4}\ntraining: {num_train_epochs: 2}")
    page.locator("#recipe-load").click()
    expect(page.locator("#set-training-num-train-epochs textarea, #set-training-num-train-epochs input")).to_have_value("2")
    expect(page.locator("#outlook")).to_contain_text("28 steps")
    page.locator("#recipe-yaml [role=tab]").nth(1).click()
    expect(page.locator("#script-code")).to_contain_text("Fine-tunes starter-encoder")
    page.locator("#script-copy").click()
    expect(page.locator("#script-copy")).to_have_text("Copied")

    chosen = page.locator("#set-strategy-name input:checked")
    expect(chosen).to_have_value("lora")
    advised = page.locator("#outlook [data-advised]").get_attribute("data-advised")
    page.locator("#take-advice").click()
    expect(page.locator("#take-advice")).to_be_hidden()
    expect(chosen).to_have_value(advised)

    page.locator("#start-from input").click()
    page.locator("#start-from [role=option], [role=listbox] [role=option]").first.click()
    expect(page.locator("#filled-notice")).to_contain_text("becomes a new run")
    expect(page.locator("#strip")).to_contain_text("reviews.csv")
    expect(page.locator("#tune-facts")).to_contain_text("评论内容 → 情感标签")
    expect(page.locator("#set-training-num-train-epochs textarea, #set-training-num-train-epochs input")).to_have_value("8")
    expect(page.locator("#set-model input").first).to_have_value(str(trained["run"].recipe.read_text()).split("model: ")[1].split("\n")[0])
