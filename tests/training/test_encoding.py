"""Rows as tokens: how long they may be, what is said of that, and in which portions they are read."""

import pyarrow as pa
import pytest
import transformers

from ftui import tasks
from ftui.core import events as ev
from ftui.core import recipe as recipes
from ftui.core.home import starter_models
from ftui.tasks import texts
from ftui.training import encoding
from ftui.training.rows import Rows

CLASSES = tasks.get("text-classification")


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-encoder")


def told(tmp_path, tokenizer, config, long_text: str, **training):
    """(what was encoded, the log by key)"""
    recipe = recipes.build({"data": {"path": "x.csv"}, "training": training})
    table = pa.table({"text": ["a good day", "好的", long_text], "label": ["a", "b", "a"]})
    given = Rows({"train": table, "validation": table.slice(0, 2)}, table, ["a", "b"], {"text": "text", "label": "label"})
    events = ev.Writer(tmp_path / "events.jsonl", 1)
    found = encoding.encode(recipe, CLASSES, given, tokenizer, config, events)
    return found, {e["key"]: e["params"] for e in ev.read(events.path)[0] if e["type"] == "log"}


@pytest.mark.parametrize(("training", "length", "cut"), [({}, 512, 1), ({"max_length": 64}, 64, 1), ({"max_length": 512}, 512, 1)])
def test_what_is_cut_is_told(tmp_path, tokenizer, training, length, cut):
    config = transformers.AutoConfig.from_pretrained(starter_models() / "starter-encoder")
    found, log = told(tmp_path, tokenizer, config, "word " * 5000, **training)
    assert (found.max_length, max(found.lengths)) == (length, length)
    assert log["tokenised"]["cut"] == cut and "length_lowered" not in log


def test_nothing_is_encoded_twice_where_nothing_is_cut(tmp_path, tokenizer, monkeypatch):
    config = transformers.AutoConfig.from_pretrained(starter_models() / "starter-encoder")
    asked, encode = [], CLASSES.encode
    monkeypatch.setattr(CLASSES, "encode", lambda *given: asked.append(given) or encode(*given))
    found, log = told(tmp_path, tokenizer, config, "word " * 100)
    assert found.max_length == max(found.lengths) == 102 and log["tokenised"]["cut"] == 0
    assert len(asked) == 2  # train and validation


def test_a_length_beyond_the_model_is_told(tmp_path, tokenizer):
    config = transformers.AutoConfig.from_pretrained(starter_models() / "starter-encoder")
    assert told(tmp_path, tokenizer, config, "word " * 600, max_length=2000)[1]["length_lowered"] == {"wanted": 2000, "max_length": 512}
    free = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-encoder", model_max_length=10**30)
    distances = transformers.T5Config()  # counts distances, not places
    assert told(tmp_path, free, distances, "word " * 2000, max_length=1024)[0].max_length == 1024
    assert told(tmp_path, free, distances, "word " * 2000)[0].max_length == 512  # unless it is said otherwise


def test_portions_are_the_whole(tokenizer, monkeypatch):
    table = pa.table({"text": [f"text {i}" * (i % 5) for i in range(11)], "text_pair": [f"另一个 {i}" for i in range(11)]})
    whole = texts.encode(table, tokenizer, 12)
    monkeypatch.setattr(texts, "SLICE", 3)
    parts = texts.encode(table, tokenizer, 12)
    assert parts.keys() == whole.keys() and all(parts[name].to_pylist() == whole[name].to_pylist() for name in whole)
