"""The tasks that have no file of their own here, in the browser: from the sample to an answer."""

import re

import pytest
from playwright.sync_api import expect

from ftui.core.home import starter_models
from tests.browser.steps import LONG, asked, begun, evaluated


@pytest.mark.slow
def test_several_labels_and_their_threshold(ui, open_page, toy_model):
    page = open_page("/", lang="en")
    evaluated(page, "en_feedback", "Several labels", toy_model)
    expect(page.locator("#figures")).to_contain_text("All labels right")
    asked(page)
    head, slider = page.locator("#answer-label"), page.locator("[data-threshold]")
    expect(head).to_have_text(re.compile(r"\S"), timeout=LONG)
    slider.fill("0.01")
    expect(head).to_have_text(re.compile("(?=.*price)(?=.*quality)(?=.*delivery)(?=.*service)"))
    slider.fill("0.99")
    expect(head).to_have_text("No label")


@pytest.mark.slow
def test_two_sentences_and_what_they_are_to_each_other(ui, open_page, toy_model):
    page = open_page("/", lang="en")
    begun(page, "en_pairs", "Text classification", toy_model)
    page.locator("#see-evaluation").click()
    expect(page.locator("#per-class")).to_contain_text("same")
    expect(page.locator("#errors")).to_contain_text(re.compile(r"\S"))
    asked(page)
    second = page.locator("#context textarea")
    expect(second).to_have_value(re.compile(r"\S"))
    expect(page.locator("#answer-label")).to_have_text(re.compile(r"\S"), timeout=LONG)
    page.locator("#question textarea").fill("The washing machine does not spin")
    second.fill("I would like to cancel my order")
    page.locator("#ask").click()
    expect(page.locator("#history button").first).to_contain_text("washing machine", timeout=LONG)


@pytest.mark.slow
def test_a_number_for_a_text(ui, open_page, toy_model):
    page = open_page("/", lang="zh")
    evaluated(page, "zh_scores", "回归（预测数值）", toy_model)
    expect(page.locator("#figures")).to_contain_text("斯皮尔曼相关")
    asked(page)
    expect(page.locator("#answer")).to_contain_text(re.compile(r"\d"), timeout=LONG)


@pytest.mark.slow
def test_questions_are_answered_from_their_context(ui, open_page, toy_model):
    page = open_page("/", lang="zh")
    evaluated(page, "zh_questions", "抽取式问答", toy_model)
    asked(page)
    expect(page.locator("#context textarea")).to_have_value(re.compile(r"\S"))
    expect(page.locator("#answer .card")).to_contain_text(re.compile(r"\S"), timeout=LONG)


@pytest.mark.slow
def test_preferences_from_pairs_to_a_conversation(ui, open_page, tmp_path):
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    tokenizer.save_pretrained(tmp_path / "small-lm")
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 64}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=512, pad_token_id=0, eos_token_id=1, **sizes)).save_pretrained(tmp_path / "small-lm")
    page = open_page("/", lang="en")
    evaluated(page, "en_preferences", "Preferences (DPO)", tmp_path / "small-lm")
    page.locator("#try-it").click()
    page.locator("#chat-message textarea").fill("How are you?")
    page.locator("#chat-beside input").check()
    page.locator("#chat-send").click()
    expect(page.locator("#chat-tuned .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)
    expect(page.locator("#chat-base .bot").first).to_contain_text(re.compile(r"\S"), timeout=LONG)
