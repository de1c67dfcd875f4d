"""Conversations of which nothing can be learned: one sentence that says why, from the command line and on the Data tab."""

import json

import pytest
import yaml

from ftui.core import languages
from ftui.data import intake
from ftui.ui import readings, workshop
from tests.bad_input.conftest import words

USER, ASSISTANT = ({"role": role, "content": "说点什么 say it"} for role in ("user", "assistant"))
EMPTY, OTHER = {"role": "assistant", "content": " "}, {"role": "narrator", "content": "once"}
BAD = {  # what every row is; the code; what the sentence says in either language
    "nobody answers": ({"messages": [USER]}, "no_conversations", "only one side", "只有一方"),
    "nobody asks": ({"messages": [ASSISTANT]}, "no_conversations", "before anybody has asked", "提问之前"),
    "empty answers": ({"messages": [USER, EMPTY]}, "no_conversations", "an empty answer", "回答为空"),
    "others speak": ({"messages": [OTHER, OTHER]}, "no_conversations", "neither system, user nor assistant", "既不属于"),
    "no list": ({"messages": "hello"}, "conversation_unreadable", "row 1", "第 1 行"),
    "the same answer twice": ({"prompt": "hi", "chosen": "a", "rejected": "a"}, "no_conversations", "two different answers", "两个不同回答"),
    "one answer alone": ({"instruction": "hi", "output": ["a"]}, "no_conversations", "two different answers", "两个不同回答"),
}
FORMS = {"messages": ("text-generation", {}), "prompt": ("preference-tuning", {"chosen": "chosen", "rejected": "rejected"}), "instruction": ("preference-tuning", {"ranked": "output"})}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_wrong_is_said_in_one_sentence(kind, home, refused, tmp_path):
    row, code, *said = BAD[kind]
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps(row | {"n": i}, ensure_ascii=False) + "\n" for i in range(20)), encoding="utf-8")
    recipe = tmp_path / "recipe.yaml"
    first = next(iter(row))
    task, columns = FORMS[first][0], {first: first} | FORMS[first][1]
    recipe.write_text(yaml.safe_dump({"task": task, "model": "starter-lm", "data": {"path": str(path), "columns": columns}}), encoding="utf-8")
    told = refused("train", recipe)
    for lang, sentence in zip(languages.LANGUAGES, said, strict=True):
        assert sentence in told[lang]
        folder = intake.import_file(path, home).path
        reading = readings.written(folder.name, readings.of(task, columns))
        assert "".join(sentence.split()) in words(workshop.inspect(home, lang, folder.name, reading, "{}")[0])


def test_good_rows_are_kept_beside_bad_ones_and_each_is_counted_once(home, tmp_path):
    from ftui.core.recipe import Data
    from ftui.data import preparing

    rows = [[USER, {"role": "assistant", "content": f"ok {i}"}] for i in range(20)] + [[USER], [USER, EMPTY], [OTHER, USER, ASSISTANT]]
    path = tmp_path / "talk.jsonl"
    path.write_text("".join(json.dumps({"conversations": row}) + "\n" for row in rows), encoding="utf-8")
    prepared = preparing.prepare(Data(path=str(path), keep_together="none"), home, ("messages",), None)
    assert sum(table.num_rows for table in prepared.splits.values()) == 21
    assert prepared.dropped == {"one_sided": 1, "answers_empty": 1, "turns_of_others": 1}
