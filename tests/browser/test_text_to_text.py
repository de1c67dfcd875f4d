"""Text to text in the browser: from the sample to a target that is written before one's eyes."""

import csv
import re

import pytest
from playwright.sync_api import expect

from ftui.ui.sources import samples_folder
from tests.browser.steps import LONG, finish, train


@pytest.fixture
def small_t5(tmp_path):
    """A T5 with random weights that knows the characters of the Chinese sample."""
    import torch
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration

    with (samples_folder() / "zh_tickets.csv").open(encoding="utf-8") as file:
        characters = sorted({c for row in csv.reader(file) for cell in row for c in cell})
    vocabulary = {word: i for i, word in enumerate(["<pad>", "</s>", "<unk>", *characters])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    tokenizer.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 1)])
    folder = tmp_path / "small-t5"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", model_max_length=128
    ).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 1, "num_heads": 2, "vocab_size": len(vocabulary)}
    T5ForConditionalGeneration(
        T5Config(decoder_start_token_id=0, pad_token_id=0, eos_token_id=1, **sizes)
    ).save_pretrained(folder)
    return folder


@pytest.mark.slow
def test_from_the_sample_to_a_target(ui, open_page, small_t5):
    page = open_page("/", lang="zh")
    page.locator("#sample-zh_tickets").click()
    expect(page.locator("#data-facts")).to_contain_text("240")
    expect(page.locator("#task input")).to_have_value("文本到文本")
    expect(page.locator("#text-column input")).to_have_value("留言")
    expect(page.locator("#label-column input")).to_have_value("标题")

    train(page, model=str(small_t5), epochs="3")
    finish(page)
    page.locator("#see-evaluation").click()
    expect(page.locator("#figures")).to_contain_text("ROUGE-L")
    expect(page.locator("#beside")).to_contain_text("微调前后对比")
    expect(page.locator("#task-errors-title")).to_contain_text("最好与最差")
    page.locator("#try-it").click()
    page.locator("#examples button").first.click()
    expect(page.locator("#answer-of-model")).to_be_visible(timeout=LONG)
    page.locator("#compose-settings button").first.click()
    page.locator("#compose-beside input").check()
    page.locator("#question textarea").fill("上周刚买的台灯闪个不停，我想退货。")
    page.locator("#ask").click()
    expect(page.locator("#answer-of-base")).to_contain_text("微调前", timeout=LONG)
    expect(page.locator("#history button").first).to_contain_text(re.compile("台灯"))
