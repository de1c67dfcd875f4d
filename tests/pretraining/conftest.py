import csv
import gzip
import json
import random

import pytest
import torch

from ftui.pretraining import tokenizer


@pytest.fixture
def one_thread():
    """So small a model only waits for a second thread, and long where other work runs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def small_corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    dice = random.Random(0)
    sentences = {
        "zh": ["今天天气很好。", "我们去公园散步。", "他喜欢喝热茶！"],
        "en": ["the cat sat on the mat.", "we walked to the park.", "tea is hot!"],
    }
    for language, choices in sentences.items():
        (folder / f"{language}_text").mkdir()
        for name, count in (("some", 300), ("validation", 40)):
            text = "\n\n".join("\n".join(dice.choice(choices) for _ in range(6)) for _ in range(count))
            with gzip.open(folder / f"{language}_text" / f"{name}.txt.gz", "wt", encoding="utf-8") as stream:
                stream.write(text + "\n")
    (folder / "zh_en_translation_tatoeba").mkdir()
    with (folder / "zh_en_translation_tatoeba" / "train.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("en", "zh"), *[("hello.", "你好。"), ("tea is hot!", "茶很热！")] * 20])
    (folder / "zh_chat_kdconv").mkdir()
    turns = [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "今天天气很好。"}]
    with gzip.open(folder / "zh_chat_kdconv" / "train.jsonl.gz", "wt", encoding="utf-8") as stream:
        stream.write((json.dumps({"messages": turns * 4}) + "\n") * 20)
    return folder


@pytest.fixture(scope="module")
def small_tokenizer(small_corpus, tmp_path_factory):
    folder = tmp_path_factory.mktemp("made") / "tokenizer"
    tokenizer.main(["--data", str(small_corpus), "--out", str(folder), "--size", "480"])
    return folder
