"""Evaluation and Playground of one trained run in the browser."""

import csv
import re

import pytest
from playwright.sync_api import expect

LONG = 180_000


@pytest.fixture
def ui(start_ui, trained):
    return start_ui(trained["home"].path)


def test_a_cell_of_the_matrix_shows_its_rows_by_mouse_and_keyboard(open_page, trained):
    page = open_page(f"/?run={trained['run'].id}&tab=evaluation", lang="en")
    cell = page.locator('#confusion button[data-pick="0,0"]')
    expect(page.locator("#errors table")).to_be_visible()
    expect(page.locator("#beside")).to_contain_text("TF-IDF")
    count = re.search(r": ([\d,]+) rows", cell.get_attribute("aria-label")).group(1)
    cell.click()
    expect(page.locator("#errors-title")).to_contain_text(f"Rightly called “正面”: {count} rows")
    page.locator("#all-errors").click()
    expect(page.locator("#errors-title")).to_contain_text("Wrong answers")
    cell.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.locator("#errors-title")).to_contain_text("Rightly called “负面”")
    expect(page.locator("#all-errors")).to_be_visible()
    with page.expect_download(timeout=LONG) as download:
        page.locator("#save-predictions").click()
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        assert len(list(csv.DictReader(file))) > 60
