"""Evaluation and Playground of one trained run in the browser."""

import csv
import json
import re

import pytest
from playwright.sync_api import expect

from ftui.artifacts.predicting import Predictor
from tests.browser.steps import LONG, drop


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


def test_the_playground_from_example_to_table(open_page, trained, tmp_path):
    source = tmp_path / "texts.csv"
    source.write_text("id,评论内容\n" + "".join(f"{i},很好 喜欢 满意\n" for i in range(70)), encoding="utf-8")
    page = open_page(f"/?run={trained['run'].id}&tab=playground", lang="en")
    page.locator("#examples button").first.click()
    expect(page.locator("#answer-label")).to_have_text(re.compile("正面|负面"), timeout=LONG)
    expect(page.locator("#answer .truth")).to_contain_text("The file says")
    page.locator("#question textarea").fill("很好 喜欢\n很差 讨厌")
    page.locator("#each-line input").check()
    waits, held = page.locator("#answer .pending"), []
    page.route("**/queue/join*", lambda request: held.append(request))
    page.locator("#ask").click()
    expect(waits).not_to_have_count(0)
    for request in held:
        request.continue_()
    page.unroute("**/queue/join*")
    expect(page.locator("#answer tbody tr")).to_have_count(2)
    expect(waits).to_have_count(0)
    expect(page.locator("#history button")).to_have_count(3)
    page.locator("#snippets > button").click()
    expect(page.locator("#snippet-code")).to_contain_text('"inputs"')

    page.locator("#many > button").click()
    page.locator("#many-file input[type=file]").set_input_files(str(source))
    expect(page.locator("#many-column-0 input")).to_have_value("评论内容")
    page.locator("#many-go").click()
    expect(page.locator("#many-done")).to_contain_text("70 rows are done; the first 50 are shown", timeout=LONG)
    with page.expect_download(timeout=LONG) as download:
        page.locator("#many-download").click()
    assert download.value.suggested_filename == "texts-predictions.csv"
    with open(download.value.path(), encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 70
    assert set(rows[0]) == {"id", "评论内容", "prediction", "confidence"}

    # the same server helps to label: the row first of which it is least sure
    source = tmp_path / "unlabelled.txt"
    texts = ["很好 喜欢 满意 喜欢", "很好 很差", "很差 讨厌 讨厌"]
    source.write_text("\n".join(texts), encoding="utf-8")
    sure = [max(answer["scores"].values()) for answer in Predictor(trained["run"].model).predict([{"text": text} for text in texts])]
    page.goto(page.url.partition("?")[0] + "?tab=data")
    drop(page, source)
    page.locator("#labelling > button").click()
    board = page.locator(".board")
    expect(board).to_have_attribute("data-row", "0")
    page.locator("#label-run input").click()
    page.get_by_role("option").nth(1).click()
    expect(board).to_have_attribute("data-row", str(sure.index(min(sure))), timeout=LONG)
    best = board.locator(".best").get_attribute("data-name")
    expect(board.locator(".share").first).to_contain_text("%")
    page.keyboard.press("Enter")
    expect(board).to_contain_text("1 of 3 labelled")
    (labels,) = trained["home"].datasets.glob("*/labels.jsonl")
    assert json.loads(labels.read_text(encoding="utf-8"))["value"] == best
