"""Labelling in the browser: by keyboard, across a reload, several labels, marks with mouse and keys, a version of the data set
at the end. A run's suggestions are asked for in test_asks.py, where its server is up."""

import json

import pytest
from playwright.sync_api import expect

from tests.browser.steps import drop

LINES = ["房间干净，服务热情", "隔音太差了", "位置方便", "空调坏了", "早餐丰富"]


def open_board(page):
    page.locator("#labelling > button").click()
    expect(page.locator(".board")).to_be_visible()


@pytest.mark.slow
def test_rows_are_labelled_by_keyboard_and_stay_so_after_a_reload(ui, open_page, tmp_path):
    path = tmp_path / "评论.txt"
    path.write_text("\n".join(LINES) + "\n", encoding="utf-8")
    page = open_page("/", lang="zh")
    drop(page, path)
    expect(page.locator("#labelling > button")).to_contain_text("5 行未标注")
    open_board(page)
    board = page.locator(".board")
    for number, name in enumerate(("正面", "负面")):
        expect(board).to_have_attribute("data-row", str(number))
        page.keyboard.press("n")
        page.keyboard.insert_text(name)
        page.keyboard.press("Enter")
    expect(board).to_have_attribute("data-row", "2")
    page.keyboard.press("s")
    expect(board).to_contain_text("空调坏了")
    page.keyboard.press("1")
    expect(board).to_contain_text("早餐丰富")
    page.keyboard.press("u")
    expect(board).to_contain_text("空调坏了")
    page.keyboard.press("2")
    expect(board).to_contain_text("已标注 3 / 5")

    page.reload()
    open_board(page)
    expect(board).to_contain_text("已标注 3 / 5")
    expect(board).to_contain_text("早餐丰富")
    page.keyboard.press("1")
    expect(board).to_contain_text("位置方便")  # the one that was skipped
    page.locator("[data-do=label][data-name=正面]").click()
    expect(board).to_contain_text("已全部标注")

    page.locator("#label-finish").click()
    expect(page.locator("#data-facts")).to_contain_text("评论-labelled.jsonl")
    expect(page.locator("#label-column input")).to_have_value("label")
    expect(page.locator("#chart-labels")).to_contain_text("正面")
    expect(page.locator("#data-reading")).to_be_hidden()
    (source,) = ui.home.datasets.glob("*/source.jsonl")
    labels = [json.loads(line)["label"] for line in source.read_text(encoding="utf-8").splitlines()]
    assert labels == ["正面", "负面", "正面", "负面", "正面"]


@pytest.mark.slow
def test_several_labels_are_given_and_words_are_marked(ui, open_page, tmp_path):
    path = tmp_path / "news.txt"
    path.write_text("Tim Cook came to Berlin.\nNobody came to 北京大学 today.\n", encoding="utf-8")
    page = open_page("/", lang="en")
    drop(page, path)
    open_board(page)
    page.locator("#task input").click()
    page.get_by_role("option", name="Several labels").click()
    board = page.locator(".board")
    expect(board).to_contain_text("No label applies")  # it has followed, and is open still
    for name in ("fruit", "people"):
        page.locator("[data-new]").fill(name)
        page.keyboard.press("Enter")
        expect(board.locator("[aria-pressed=true]").last).to_contain_text(name)
    page.keyboard.press("1")
    expect(board.locator("[aria-pressed=true]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(board).to_contain_text("Nobody")

    page.locator("#task input").click()
    page.get_by_role("option", name="Named entities").click()
    text = page.locator(".board .marked")
    words = text.locator("i")
    words.nth(0).click()
    words.nth(1).click()  # from the first to the second
    page.keyboard.press("n")
    page.keyboard.insert_text("PER")
    page.keyboard.press("Enter")
    expect(text.locator("[data-label=PER]")).to_have_text("Cook")

    place = words.filter(has_text="Berlin").bounding_box()
    page.mouse.move(place["x"] + 2, place["y"] + place["height"] / 2)
    page.mouse.down()
    page.mouse.move(place["x"] + place["width"] - 2, place["y"] + place["height"] / 2, steps=4)
    page.mouse.up()
    expect(text.locator(".chosen")).to_have_text(["Berlin"])
    page.keyboard.press("1")
    expect(text.locator("[data-label=PER]")).to_have_count(2)
    page.keyboard.press("u")
    expect(text.locator("[data-label=PER]")).to_have_count(1)
    page.keyboard.press("Enter")

    expect(text).to_contain_text("Nobody")
    page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(text.locator(".chosen")).to_have_text(list("北京大学"))
    page.keyboard.press("1")
    expect(text.locator("[data-label=PER]")).to_have_count(1)
    page.keyboard.press("Enter")
    expect(page.locator(".board")).to_contain_text("All of these rows are labelled")
    with page.expect_download() as told:
        page.locator("#label-format input").click()
        page.get_by_role("option", name="Label Studio").click()
        page.locator("#label-download").click()
    tasks = json.loads(told.value.path().read_text(encoding="utf-8"))
    marks = [(one["value"]["text"], one["value"]["labels"]) for task in tasks for one in task["annotations"][0]["result"]]
    assert marks == [("Tim Cook", ["PER"]), ("北京大学", ["PER"])]
