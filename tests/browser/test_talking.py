"""Text generation in the browser: from the sample to an answer that is written before one's eyes, beside the base model's, and
broken off; and from texts alone to guesses for a gap."""

import re

import pytest
from playwright.sync_api import expect

from ftui.core.home import starter_models
from tests.browser.steps import LONG, begun, choose_task, finish, set_number, train

MOST = 1024  # tokens of an answer that the page can be asked for


@pytest.fixture
def tireless(tmp_path):
    """One that has room for such answers, and takes seconds for them."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    folder = tmp_path / "tireless"
    tokenizer = AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 40, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=4 * MOST, pad_token_id=0, eos_token_id=1, bos_token_id=1, **sizes)
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_from_the_sample_to_a_conversation(ui, open_page, tireless):
    page = open_page("/", lang="zh")
    page.locator("#sample-zh_chat").click()
    expect(page.locator("#data-facts")).to_contain_text("120")
    expect(page.locator("#task input")).to_have_value("文本生成")
    expect(page.locator("#text-column input")).to_have_value("messages")
    expect(page.locator("#data-talk")).to_contain_text("<|assistant|>")
    expect(page.locator("#data-talk mark").first).to_contain_text("你好，我是小荷。")

    train(page, model=str(tireless), epochs="1")
    finish(page)
    expect(page.locator("#log-lines")).to_contain_text("模型写道")
    expect(page.locator("#chart-scores")).to_contain_text("困惑度")
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("困惑度")
    expect(page.locator("#beside")).to_contain_text("微调前后对比")
    expect(page.locator("#chart-task-errors")).to_contain_text("对话轮次")
    expect(page.locator("#through-time")).to_contain_text("样例随训练的变化")

    page.locator("#try-it").click()
    expect(page.locator("#question")).to_be_hidden()
    page.locator("#chat-beside input").check()
    page.locator("#chat-message textarea").fill("书在哪里还？")
    page.locator("#chat-send").click()
    expect(page.locator("#chat-tuned .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)
    expect(page.locator("#chat-base .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)

    page.locator("#chat-clear").click()
    expect(page.locator("#chat-tuned .bot")).to_have_count(0)
    page.locator("#chat-settings > button").click()
    for name, value in (("tokens", MOST), ("temperature", 2), ("top-p", 1)):  # no end comes by itself
        set_number(page, f"chat-{name}", value)
    page.locator("#chat-beside input").uncheck()
    page.locator("#chat-message textarea").fill("从头讲起。")
    page.locator("#chat-send").click()
    answer = page.locator("#chat-tuned .bot").first
    expect(answer).to_contain_text(re.compile(r"\S"), timeout=LONG)
    page.locator("#chat-message textarea").fill("再说一遍。")  # what is typed meanwhile stays
    expect(answer).to_contain_text(re.compile(r"(\S+\s+){8}"), timeout=LONG)
    expect(page.locator("#chat-send")).to_be_disabled()
    page.locator("#chat-stop").click()
    expect(page.locator("#chat-message textarea")).to_have_value("再说一遍。")
    page.locator("#chat-send").click()  # which can be pressed as soon as it is heard
    expect(page.locator("#chat-message textarea")).to_have_value("")
    expect(page.locator("#chat-tuned .bot").nth(1)).to_contain_text(re.compile(r"\S"), timeout=LONG)
    assert len(answer.inner_text()) < 2.5 * MOST, "broken off: so many random tokens have four times as many characters"
    page.locator("#chat-stop").click()
    page.locator("#snippets > button").click()
    expect(page.locator("#snippet-code")).to_contain_text("/v1/chat/completions")


@pytest.mark.slow
def test_from_texts_to_a_gap(ui, open_page, toy_model):
    page = open_page("/", lang="en")
    begun(page, "en_bees", "Domain adaptation (hidden words)", toy_model)
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("Perplexity")
    expect(page.locator("#beside")).to_contain_text("Before and after tuning")
    expect(page.locator("#task-errors-title")).to_contain_text("The hardest texts")
    page.locator("#try-it").click()
    page.locator("#question textarea").fill("The bees fly to the ___ in spring.")
    page.locator("#ask").click()
    expect(page.locator("#answer-label")).to_have_text(re.compile(r"\S"), timeout=LONG)
    expect(page.locator("#answer .bar")).to_have_count(10)


@pytest.mark.slow
def test_a_text_that_goes_on_is_broken_off(ui, open_page, tireless):
    page = open_page("/", lang="en")
    page.locator("#sample-en_bees").click()
    expect(page.locator("#task input")).to_have_value("Domain adaptation (hidden words)")
    choose_task(page, "Text generation")
    expect(page.locator("#task input")).to_have_value("Text generation")
    train(page, model=str(tireless), epochs="1")
    finish(page)
    page.locator("#see-evaluation").click()
    expect(page.locator("#through-time")).to_contain_text("Before")
    page.locator("#try-it").click()
    page.locator("#compose-settings > button").click()
    for name, value in (("tokens", MOST), ("temperature", 2)):  # no end comes by itself
        set_number(page, f"compose-{name}", value)
    page.locator("#question textarea").fill("The bees")
    page.locator("#ask").click()
    answer = page.locator("#answer-of-model .written")
    expect(answer).to_have_text(re.compile(r"The bees\S* ?\S"), timeout=LONG)
    expect(page.locator("#ask")).to_be_disabled()
    page.locator("#compose-stop").click()
    stopped = len(answer.inner_text())
    for name, value in (("tokens", 1), ("seed", 7)):
        page.locator(f"#compose-{name} input[type=number], #compose-{name} textarea, #compose-{name} input").first.fill(str(value))
        page.keyboard.press("Tab")
    page.locator("#question textarea").fill("A hive")
    page.locator("#ask").click()
    expect(answer).to_have_text(re.compile(r"^A hive"), timeout=LONG)
    expect(page.locator("#compose-stop")).to_be_disabled()
    assert stopped < 2.5 * MOST, "so many random tokens have four times as many characters"
