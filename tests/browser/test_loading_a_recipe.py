"""A recipe is loaded in the browser: what it says of the rows is kept, shown on the Data tab, and trained with."""

import re

import pytest
from playwright.sync_api import expect

from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.data import intake
from ftui.ui import filling, workshop
from tests.browser.steps import drop, load_recipe

RECIPE = """
task: text-classification
data:
  columns: {label: label, text: text}
  test_size: 0.125
  clean: [{name: lowercase}]
  group_column: user
"""


def users(path, rows: int):
    """A file of so many rows, by forty users."""
    path.write_text("text,label,user\n" + "".join(f"This is Row {i},{'ab'[i % 2]},u{i % 40}\n" for i in range(rows)), encoding="utf-8")
    return path


@pytest.mark.slow
def test_its_cleaning_and_its_split_outlive_the_change_of_the_reading(ui, open_page, tmp_path):
    page = open_page("/", lang="en")
    drop(page, users(tmp_path / "users.csv", 200))
    expect(page.locator("#data-steps")).to_contain_text("None yet")
    load_recipe(page, RECIPE)
    expect(page.locator("#load-notice")).to_contain_text("filled from the recipe")
    page.locator("#recipe-yaml [role=tab]").first.click()
    for setting in ("group_column: user", "name: lowercase", "test_size: 0.125"):
        expect(page.locator("#recipe-code")).to_contain_text(setting)
    folder = ui.home.dataset(re.search(r"data=(\w+)", page.url)[1])

    page.locator("#tab-data-button").click()
    expect(page.locator("#data-steps .step")).to_have_count(1)
    expect(page.locator("#data-steps")).to_contain_text("200 rows changed")
    expect(page.locator("#split-column input")).to_have_value("user")
    assert workshop.saved(folder) == {
        "task": "text-classification", "columns": {"label": "label", "text": "text"},
        "plan": {"clean": [{"name": "lowercase"}], "group_column": "user"},
    }  # fmt: skip
    page.locator("[data-pick='remove:0']").click()
    expect(page.locator("#data-steps .step")).to_have_count(0)
    assert workshop.saved(folder)["plan"] == {"group_column": "user"}

    load_recipe(page, RECIPE)  # the reading is the same now
    page.locator("#tab-data-button").click()
    expect(page.locator("#data-steps .step")).to_have_count(1)
    assert workshop.saved(folder)["plan"] == {"clean": [{"name": "lowercase"}], "group_column": "user"}


@pytest.mark.slow
def test_an_earlier_run_of_other_data_brings_its_own_cleaning_and_split(ui, open_page, tmp_path):
    dataset = intake.import_file(users(tmp_path / "users.csv", 200), ui.home)
    workshop.save(dataset.path, "text-classification", {"text": "user", "label": "label"}, {"folds": 5})
    run = ui.home.new_run()
    ev.Writer(run.new_job("train").events, 1).state(ev.FINISHED, exit_code=0)
    made = filling.read(RECIPE.replace("data:", f"data:\n  path: ../../datasets/{dataset.id}"))
    run.recipe.write_text(recipes.dump(made), encoding="utf-8")
    page = open_page("/", lang="en")
    drop(page, users(tmp_path / "other.csv", 100))
    page.locator("#use-data").click()
    page.locator("#start-from input").click()
    page.locator("[role=listbox] [role=option]").first.click()
    expect(page.locator("#filled-notice")).to_contain_text("is open now")
    expect(page.locator("#tune-facts")).to_contain_text("text → label")

    page.locator("#tab-data-button").click()
    expect(page.locator("#data-facts")).to_contain_text("users.csv")
    expect(page.locator("#data-steps")).to_contain_text("200 rows changed")
    expect(page.locator("#split-column input")).to_have_value("user")
    assert workshop.saved(dataset.path) == {"task": made.task, "columns": made.data.columns, "plan": workshop.plan_of(made)}
