import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoTokenizer

from ftui.pretraining import chat, generator_tokenizer, lm, seq2seq

STARTERS = Path(__file__).resolve().parents[2] / "assets" / "starter"
COMES_BACK = [
    "我爱北京天安门，2008年！\n第二行",
    "  The Cat's  well-known \t story (of 3.14).\n",
    "好吃😀👍🏽，下次还来：臺灣的龍與龘、𠮷野家",
    "café naïve «oui»",
]


@pytest.fixture(scope="module")
def made(small_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("generators")
    generator_tokenizer.main(["--data", str(small_corpus), "--out", str(folder), "--size", "500"])
    return folder


@pytest.mark.parametrize("text", COMES_BACK)
@pytest.mark.parametrize("name", ["lm", "seq2seq"])
def test_text_comes_back_to_the_letter(made, name, text):
    tokenizer = AutoTokenizer.from_pretrained(made / name)
    ids = tokenizer(text)["input_ids"]
    assert (ids[-1] == tokenizer.eos_token_id) == (name == "seq2seq")  # T5 wants the end said, a Llama does not
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


def test_characters_and_digits_stay_alone(made):
    tokenizer = AutoTokenizer.from_pretrained(made / "lm")
    pieces = [tokenizer.decode([number]) for number in tokenizer("今天天气很好。the 2026")["input_ids"]]
    assert pieces[:7] == list("今天天气很好。") and pieces[-4:] == list("2026")


def test_chat_is_written_by_the_template_and_only_answers_are_learnt(made):
    tokenizer = AutoTokenizer.from_pretrained(made / "lm")
    said = [{"role": "user", "content": "hi "}, {"role": "assistant", "content": "tea!"}]
    assert tokenizer.apply_chat_template(said, tokenize=False) == "<|user|>hi<|end|><|assistant|>tea!<|end|>"
    asked = tokenizer.apply_chat_template(said[:1], tokenize=False, add_generation_prompt=True)
    assert asked == "<|user|>hi<|end|><|assistant|>"
    ids, targets = chat.encode(said, tokenizer)
    learnt = [number for number in targets if number >= 0]
    assert tokenizer.decode(ids) == tokenizer.apply_chat_template(said, tokenize=False)
    assert tokenizer.decode(learnt) == "tea!<|end|>"


def test_english_turns_are_turns():
    dialogues = chat.english_dialogues()
    assert len(dialogues) > 100
    assert all(isinstance(said["content"], str) and said["content"] for turn in dialogues for said in turn)
    assert len({turn[0]["content"] for turn in dialogues}) == len(dialogues)


def test_the_language_model_goes_on_after_a_stop_and_learns_to_chat(made, small_corpus, tmp_path, one_thread):
    common = ["--data", str(small_corpus), "--tokenizer", str(made / "lm"), "--max-steps", "40"]
    common += "--layers 1 --width 64 --heads 2 --batch-tokens 512 --block 64 --learning-rate 0.01".split()

    def run(name: str, *more: str) -> dict:
        return lm.main([*common, "--out", str(tmp_path / name), "--work", str(tmp_path / f"{name}.work"), *more])

    first = run("stopped", "--stop-after", "10")
    second, whole = run("stopped"), run("whole")
    assert second["steps"] == whole["steps"] == 40
    assert second["held_out_loss"] == pytest.approx(whole["held_out_loss"], rel=0.02)
    assert first["first_loss"] < 2.0  # it begins with a table of pairs: guessing among 500 would be 6.2
    assert second["held_out_loss"] < first["held_out_loss"]

    chat.main(
        ["--data", str(small_corpus), "--model", str(tmp_path / "whole"), "--work", str(tmp_path / "whole.work")]
        + ["--passes", "1", "--english-times", "0"]
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "whole")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "whole")
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "你好"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    answer = model.generate(**asked, max_new_tokens=4, do_sample=False)
    assert answer.shape[1] > asked["input_ids"].shape[1]
    assert model.dtype == torch.float32


def test_span_corruption_loses_nothing():
    row, marks, end = np.arange(1000, 1128), list(range(10, 74)), 1
    for seed in range(50):
        source, target = seq2seq.take_out(row, 0.15, marks, end, np.random.default_rng(seed))
        assert source[-1] == target[-1] == end
        parts, mark = {}, None
        for token in target[:-1]:
            if token in marks:
                parts[mark := token] = []
            else:
                parts[mark].append(token)
        whole = [piece for token in source[:-1] for piece in parts.get(token, [token])]
        assert whole == list(row)
        assert 5 <= len(row) - sum(token >= 1000 for token in source) <= 40


def test_the_rewriter_learns_and_loads(made, small_corpus, tmp_path, one_thread):
    common = ["--data", str(small_corpus), "--tokenizer", str(made / "seq2seq"), "--max-steps", "24"]
    common += "--layers 1 --width 64 --heads 2 --batch-tokens 512 --block 64 --learning-rate 0.01".split()

    def run(name: str, *more: str) -> dict:
        return seq2seq.main([*common, "--out", str(tmp_path / name), "--work", str(tmp_path / f"{name}.work"), *more])

    first = run("stopped", "--stop-after", "8")
    second, whole = run("stopped"), run("whole")
    assert second["held_out_loss"] == pytest.approx(whole["held_out_loss"], rel=0.02)
    assert second["held_out_loss"] < first["held_out_loss"] < first["first_loss"]
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "whole")
    model = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "whole")
    assert model.config.dropout_rate == 0.1
    asked = tokenizer([seq2seq.TO_CHINESE + "hello."], return_tensors="pt")
    assert model.generate(**asked, max_new_tokens=4).shape[0] == 1


def test_rows_of_a_batch_are_of_like_length():
    rows = [([1] * length, [1] * length) for length in range(1, 41)]
    parts = list(chat.batches(rows, 8, 0, random.Random(0)))
    assert sum(len(ids) for ids, _ in parts) == 40
    assert all(int((targets >= 0).sum(1).min()) > ids.shape[1] - 8 for ids, targets in parts)


def test_starter_lm_loads_keeps_to_its_template_and_writes():
    folder = STARTERS / "starter-lm"
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)
    assert model.dtype == torch.float32 and 5e6 < model.num_parameters() < 9e6
    assert all(bool(torch.isfinite(value).all()) for value in model.state_dict().values())
    assert all(tokenizer.decode(tokenizer(text)["input_ids"]) == text for text in COMES_BACK)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello!"}], add_generation_prompt=True, return_tensors="pt", return_dict=True
    )
    written = model.generate(**asked, max_new_tokens=40, do_sample=False)[0]
    assert int(written[-1]) == tokenizer.eos_token_id  # an answer has an end
