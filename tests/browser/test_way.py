"""The whole way in the browser: a file, a training, an evaluation, an answer."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import LONG, drop, finish, set_field, train
from tests.conftest import reviews, wait_for


@pytest.mark.slow
def test_the_chinese_sample_from_start_to_answer(ui, open_page):
    page = open_page("/", lang="zh")
    page.locator("#sample-zh_reviews").click()
    expect(page.locator("#data-facts")).to_contain_text("zh_reviews.csv")
    expect(page.locator("#data-facts")).to_contain_text("300")
    expect(page.locator("#text-column input")).to_have_value("评论内容")
    expect(page.locator("#label-column input")).to_have_value("情感标签")
    expect(page.locator("#rows")).to_contain_text("评论内容")
    expect(page.locator("#split")).to_contain_text("216")
    train(page)
    finish(page)
    expect(page.locator("#log-lines")).to_contain_text("数据就绪")
    expect(page.locator("#chart-loss .main-svg").first).to_be_visible()

    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("0.")
    expect(page.locator("#confusion")).to_contain_text("正面")
    expect(page.locator("#per-class")).to_contain_text("负面")
    page.locator("#try-it").click()
    page.locator("#question textarea").fill("物流很快，质量也很好，非常满意")
    page.locator("#ask").click()
    expect(page.locator("#answer-label")).to_have_text(re.compile("正面|负面"), timeout=LONG)
    page.locator("#take-it").click()
    page.locator("#make-safetensors").click()
    expect(page.locator("#artefacts")).to_contain_text("safetensors", timeout=LONG)
    run = ui.home.all_runs()[0]
    wait_for(lambda: (run.exports / "safetensors" / "model.safetensors").exists())
    with page.expect_download(timeout=LONG) as download:
        page.locator("#download-zip").click()
    assert download.value.suggested_filename.endswith(".zip")


@pytest.mark.slow
def test_a_gbk_file_with_another_model_in_english(ui, open_page, tmp_path, toy_model):
    path = tmp_path / "评论 gbk.csv"
    rows = "".join(f'"{text}",{label}\n' for text, label in reviews(120))
    path.write_bytes(("评论内容,情感标签\n" + rows).encode("gbk"))
    page = open_page("/", lang="en")
    drop(page, path)
    expect(page.locator("#data-facts")).to_contain_text(re.compile("GB18030|GBK", re.I))
    expect(page.locator("#rows")).to_contain_text("正面")
    train(page, model=str(toy_model), epochs="2")
    finish(page)
    expect(page.locator("#log-lines")).to_contain_text("Data ready")
    page.locator("#see-evaluation").click()
    expect(page.locator("#per-class")).to_contain_text("正面")


def test_a_bad_file_is_one_sentence_and_nothing_is_lost(ui, open_page, tmp_path, toy_csv):
    page = open_page("/", lang="zh")
    drop(page, toy_csv)
    content = {"empty.csv": b"", "header.csv": b"text,label\n", "rubbish.csv": bytes(range(256)) * 50, "broken.jsonl": b'{"a": 1}\n{"a": \n'}
    for name, there in content.items():
        (tmp_path / name).write_bytes(there)
        page.locator("#drop input[type=file]").set_input_files(str(tmp_path / name))
        expect(page.locator("#data-notice")).to_contain_text(name)
        assert "Traceback" not in page.content()
        expect(page.locator("#data-facts")).to_contain_text(toy_csv.name)


def test_a_bad_value_is_said_at_its_place(ui, open_page, toy_csv):
    page = open_page("/", lang="zh")
    drop(page, toy_csv)
    page.locator("#use-data").click()
    set_field(page, "training-learning-rate", "-1")
    page.locator("#start-training").click()
    expect(page.locator("#tune-notice")).to_contain_text("学习率")
    assert ui.home.all_runs() == []


def test_language_follows_the_browser_and_can_be_chosen(open_page):
    assert open_page("/", lang="zh").title().startswith("ftui")
    page = open_page("/", lang="en")
    expect(page.locator("#use-data, #samples").first).to_be_visible()
    expect(page.locator("#tab-data-button, [role=tab]").first).to_contain_text("Data")
    page.locator("#switch-language").click()
    expect(page.locator("[role=tab]").first).to_contain_text("数据")
    page.goto(page.url.split("/zh")[0] + "/")
    expect(page.locator("[role=tab]").first).to_contain_text("数据")
