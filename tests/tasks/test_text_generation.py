"""What is learned of a conversation: the answers, token by token."""

import math

import numpy as np
import pyarrow as pa
import pytest
import transformers

from ftui.core.errors import UserError
from ftui.core.home import starter_models
from ftui.core.recipe import Language
from ftui.data import conversations
from ftui.tasks import metrics, templates, text_generation, writing_report

TALK = [
    {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"},
    {"role": "user", "content": "今天呢？"}, {"role": "assistant", "content": "下雨。"},
]  # fmt: skip
# As Qwen's: a line break after the mark; and one that forgets what was said before the last question.
BREAKS = "{%- for m in messages -%}{{- '<|user|>' + m.role + '\\n' + m.content + '<|end|>\\n' -}}{%- endfor -%}{%- if add_generation_prompt -%}{{- '<|user|>assistant\\n' -}}{%- endif -%}"
FORGETS = "{%- for m in messages -%}{{- m.role + ':' + (m.content if loop.last or m.role != 'user' else '...') + eos_token -}}{%- endfor -%}"


@pytest.fixture(params=["own", "plain", "breaks", "forgets"])
def tokenizer(request):
    made = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    made.chat_template = {"own": made.chat_template, "plain": None, "breaks": BREAKS, "forgets": FORGETS}[request.param]
    return made


def table(*rows):
    return pa.table({"row": list(range(len(rows))), "messages": pa.array(rows, conversations.TYPE)})


def learned(windows, tokenizer, number=0):
    ids = [label for label in windows["labels"][number] if label != -100]
    return tokenizer.decode(ids)


def test_answers_alone_are_learned_with_their_ends(tokenizer):
    windows = text_generation.encode(table(TALK), tokenizer, 512, [], Language())
    assert learned(windows, tokenizer).replace("\n", "") == "Hello<|end|>下雨。<|end|>"
    assert windows["characters"] == [len("Hello下雨。")]
    turns = [t for t, label in zip(windows["turns"][0], windows["labels"][0], strict=True) if label != -100]
    assert set(turns) == {1, 2} and turns == sorted(turns)


def test_or_all(tokenizer):
    windows = text_generation.encode(table(TALK), tokenizer, 512, [], Language(loss_on="all"))
    assert windows["labels"][0][0] == -100 and windows["labels"][0][1:] == windows["input_ids"][0][1:]


@pytest.mark.parametrize("choice", templates.CHOICE)
def test_another_template_can_be_chosen(choice):
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    windows = text_generation.encode(table(TALK), tokenizer, 512, [], Language(chat_template=choice))
    assert learned(windows, tokenizer).replace("\n", "") == "Hello<|end|>下雨。<|end|>"
    assert tokenizer.chat_template == templates.CHOICE[choice] and templates.ends(tokenizer) == {tokenizer.eos_token_id}
    first = tokenizer.decode(windows["input_ids"][0])
    assert first.index("Be brief.") < first.index("Hi") and {"plain": "### User:", "chatml": "<|im_start|>user", "alpaca": "### Instruction:"}[choice] in first


def test_a_system_prompt_for_those_that_have_none(tokenizer):
    told, other = Language(system="Be brief."), Language(system="Be long.")
    assert text_generation.encode(table(TALK[1:]), tokenizer, 512, [], told).to_list() == text_generation.encode(table(TALK), tokenizer, 512, [], other).to_list()
    story = [{"role": "text", "content": "一二三"}]
    assert text_generation.encode(table(story), tokenizer, 512, [], told).to_list() == text_generation.encode(table(story), tokenizer, 512, [], Language()).to_list()


def test_the_ends_of_answers_are_known(tokenizer):
    templates.adopt(tokenizer)
    assert templates.ends(tokenizer) == {tokenizer.eos_token_id}


def test_characters_are_those_of_the_answers():
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    talk = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "雨 ok 🙂"}]  # the face is several tokens
    windows = text_generation.encode(table(talk), tokenizer, 512, [], Language())
    assert windows["characters"] == [len("雨 ok 🙂")]


def test_long_texts_are_cut_into_windows_and_long_questions_at_their_beginning():
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    story = [{"role": "text", "content": "一二三四五六七八九十" * 3}]
    asked = [{"role": "user", "content": "字" * 40}, {"role": "assistant", "content": "好的"}]
    windows = text_generation.encode(table(story, asked), tokenizer, 16, [], Language())
    assert windows["row"] == [0, 0, 1] and max(map(len, windows["input_ids"])) <= 16
    assert sum(map(len, windows["input_ids"][:2])) == 31 and learned(windows, tokenizer, 2) == "好的<|end|>"


def test_a_template_that_refuses_is_told():
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    tokenizer.chat_template = "{{ raise_exception('System role not supported') }}"
    with pytest.raises(UserError) as caught:
        text_generation.encode(table(TALK), tokenizer, 512, [], Language())
    assert caught.value.code == "template_refuses" and "System role" in caught.value.message("zh")


def test_scores_of_texts_are_those_of_the_libraries():
    found = metrics.Written().compute(predictions=["今天下雨了", "很好"], references=["今天下雨", "不好"])
    assert found["rouge1"] == pytest.approx((2 * 4 / 9 + 2 * 1 / 4) / 2)
    import sacrebleu

    bleu = sacrebleu.corpus_bleu(["今天下雨了", "很好"], [["今天下雨", "不好"]], tokenize="zh", force=True).score / 100
    assert found["bleu"] == pytest.approx(bleu) and bleu > 0.1
    assert metrics.rouge("The cat sat", "the CAT ran")["rougeL"] == pytest.approx(2 / 3)


def test_the_report_by_hand():
    row = {"reference": "abcd", "text": None, "asked": "?"}
    found = [
        {**row, "loss": 4.0, "tokens": 2, "characters": 4, "turns": {1: (2, 4.0)}},
        {**row, "loss": 2.0, "tokens": 4, "characters": 8, "turns": {1: (1, 0.5), 2: (3, 1.5)}, "text": "abcd"},
    ]
    report = writing_report.build(found)
    assert report["metrics"]["loss"] == 1.0 and report["metrics"]["perplexity"] == pytest.approx(math.e)
    assert report["metrics"]["perplexity_character"] == pytest.approx(math.exp(0.5))
    assert report["by_turn"] == [{"turn": 1, "answers": 2, "tokens": 3, "loss": 1.5}, {"turn": 2, "answers": 1, "tokens": 3, "loss": 0.5}]
    assert report["metrics"]["rougeL"] == 1.0 and report["written"] == 1
    low, high = report["interval"]["perplexity"]
    assert low == pytest.approx(math.exp(0.5)) and high == pytest.approx(math.exp(2))
    rows = writing_report.predictions(pa.table({"row": [3, 4]}), found)
    assert rows["prediction"] == [None, "abcd"] and rows["rougeL"] == [None, 1.0]
    assert np.allclose(rows["loss"], [2.0, 0.5])
