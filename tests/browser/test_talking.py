"""Text generation in the browser: from the sample to an answer that is written before one's eyes, beside the base model's."""

import re

from playwright.sync_api import expect

from tests.browser.test_way import LONG, finish, train
from tests.training.test_labelled import small_lm  # noqa: F401


def test_from_the_sample_to_a_conversation(ui, open_page, small_lm):  # noqa: F811
    page = open_page("/", lang="zh")
    page.locator("#sample-zh_chat").click()
    expect(page.locator("#data-facts")).to_contain_text("120")
    expect(page.locator("#task input")).to_have_value("文本生成")
    expect(page.locator("#text-column input")).to_have_value("messages")
    expect(page.locator("#data-talk")).to_contain_text("<|assistant|>")
    expect(page.locator("#data-talk mark").first).to_contain_text("你好，我是小荷。")

    train(page, model=str(small_lm), epochs="3")
    finish(page)
    expect(page.locator("#log-lines")).to_contain_text("模型写道")
    expect(page.locator("#chart-scores")).to_contain_text("困惑度")
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("困惑度")
    expect(page.locator("#best-checkpoint")).to_contain_text("微调前")
    expect(page.locator("#chart-task-errors")).to_contain_text("对话轮次")

    page.locator("#try-it").click()
    expect(page.locator("#question")).to_be_hidden()
    page.locator("#chat-beside input").check()
    page.locator("#chat-message textarea").fill("书在哪里还？")
    page.locator("#chat-send").click()
    expect(page.locator("#chat-tuned .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)
    expect(page.locator("#chat-base .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)
    page.locator("#snippets > button").click()
    expect(page.locator("#snippet-code")).to_contain_text("/v1/chat/completions")
