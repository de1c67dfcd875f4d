"""What a person does on the page, as the tests of whole ways need it."""

import re

from playwright.sync_api import expect

LONG = 180_000  # milliseconds: for a training on a busy machine


def set_field(page, name: str, value: str) -> None:
    field = page.locator(f"#set-{name} input, #set-{name} textarea").first
    field.fill(value)
    field.press("Tab")


def drop(page, path) -> None:
    page.locator("#drop input[type=file]").set_input_files(str(path))
    expect(page.locator("#data-facts")).to_contain_text(path.name)


def set_number(page, name: str, value: float) -> None:
    box = page.locator(f"#{name} input[type=number]")
    box.fill(str(value))
    box.press("Tab")


def choose_task(page, task: str) -> None:
    page.locator("#task input").click()
    page.get_by_role("option", name=task).click()


def set_model(page, model: str) -> None:
    box = page.locator("#set-model input").first
    box.fill(model)
    box.press("Enter")


def load_recipe(page, text: str) -> None:
    """Paste a recipe on Fine-tune."""
    page.locator("#tab-tune-button").click()
    if not page.locator("#recipe-yaml [role=tab]").first.is_visible():
        page.locator("#recipe-yaml > button").click()
    page.locator("#recipe-yaml [role=tab]").nth(2).click()
    page.locator("#recipe-paste textarea").fill(text)
    page.locator("#recipe-load").click()


def train(page, model: str | None = None, epochs: str = "1") -> None:
    """From a chosen data set to a finished training."""
    page.locator("#use-data").click()
    if model:
        set_model(page, model)
    set_field(page, "training-num-train-epochs", epochs)
    page.locator("#start-training").click()
    page.wait_for_url(re.compile(r"run="))


def finish(page) -> None:
    expect(page.locator("#status .badge.finished")).to_be_visible(timeout=LONG)


def begun(page, sample: str, task: str, model, epochs: str = "2") -> None:
    """From a sample to its finished training."""
    page.locator(f"#sample-{sample}").click()
    expect(page.locator("#task input")).to_have_value(task)
    train(page, model=str(model), epochs=epochs)
    finish(page)


def evaluated(page, *given, **options) -> None:
    """From a sample (as `begun` has it) to its evaluation."""
    begun(page, *given, **options)
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("0.")
    expect(page.locator("#chart-task-errors .main-svg").first).to_be_visible()


def asked(page) -> None:
    """The first example, in the playground."""
    page.locator("#try-it").click()
    page.locator("#examples button").first.click()
