"""Rows of which a task can learn nothing: one sentence that says why, from the command line and on the Data tab."""

import json

import pytest
import yaml

from ftui.core import languages
from ftui.data import intake
from ftui.ui import readings, workshop
from tests.bad_input.conftest import words

NER, QA, PAIR = "token-classification", "question-answering", "text2text-generation"
TAGGED = {"tokens": "tokens", "ner_tags": "tags"}
ASKED = {"question": "q", "context": "c", "answers": "a"}
BAD = {  # task; columns; what every row is; what the sentence says in either language; whether the Data tab says it as well
    "more words than tags": (NER, TAGGED, {"tokens": ["a", "b"], "tags": ["O"]}, "2 tokens but 1 tags", "却有 1 个标注", True),
    "numbers for tags": (NER, TAGGED, {"tokens": ["a"], "tags": [3]}, "are numbers", "标注是数字", True),
    "no entity": (NER, TAGGED, {"tokens": ["a"], "tags": ["O"]}, "no entity at all", "没有标出任何实体", False),
    "no list of entities": (NER, {"text": "text", "spans": "spans"}, {"text": "abc", "spans": "zzz"}, "no list of entities", "不是实体列表", True),
    "entities elsewhere": (NER, {"text": "text", "spans": "spans"}, {"text": "abc", "spans": [[90, 95, "PER"]]}, "no entity at all", "没有标出任何实体", False),
    "answers elsewhere": (QA, ASKED, {"q": "who?", "c": "some words", "a": "nobody"}, "not in their context", "上下文中", False),
    "no answers": (QA, ASKED, {"q": "who?", "c": "some words", "a": ""}, "No training question has an answer", "没有任何问题", False),
    "odd answers": (QA, ASKED, {"q": "who?", "c": "some words", "a": {"x": 1}}, "is no answer", "不是答案", True),
    "empty targets": (PAIR, {"source": "s", "target": "t"}, {"s": "abc", "t": " "}, "without a target", "没有目标文本", False),
    "one target": (PAIR, {"source": "s", "target": "t"}, {"s": "abc", "t": "x"}, "the same target", "同一个目标文本", False),
    "no labels": ("multi-label-classification", {"text": "text", "labels": "l"}, {"text": "abc", "l": ""}, "No row has a label", "没有任何标签", False),
    "neither 0 nor 1": ("multi-label-classification", {"text": "text", "flags": "x"}, {"text": "abc", "x": 7}, "neither 0 nor 1", "既不是 0 也不是 1", True),
    "words for numbers": ("text-regression", {"text": "text", "number": "n"}, {"text": "abc", "n": "many"}, "are no numbers", "不是数值", True),
    "one number": ("text-regression", {"text": "text", "number": "n"}, {"text": "abc", "n": 2.5}, "the same number", "同一个数值", False),
    "blank texts": ("fill-mask", {"text": "text"}, {"text": " "}, "No row of", "没有一行可以学习", False),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_said_in_one_sentence(kind, home, refused, tmp_path):
    task, columns, row, *said, seen = BAD[kind]
    path, recipe = tmp_path / "rows.jsonl", tmp_path / "recipe.yaml"
    path.write_text("".join(json.dumps(row | {"n_": i}) + "\n" for i in range(20)), encoding="utf-8")
    data = {"path": str(path), "columns": columns, "keep_together": "none"}
    recipe.write_text(yaml.safe_dump({"task": task, "data": data}), encoding="utf-8")
    told = refused("train", recipe)
    for lang, sentence in zip(languages.LANGUAGES, said, strict=True):
        assert sentence in told[lang]
        if seen:
            folder = intake.import_file(path, home).path
            reading = readings.written(folder.name, readings.of(task, columns))
            assert "".join(sentence.split()) in words(workshop.inspect(home, lang, folder.name, reading, "{}")[0])
