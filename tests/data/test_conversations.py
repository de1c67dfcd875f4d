"""Conversations in every way that files write them."""

import json

import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.recipe import Data
from ftui.core.steps import build_steps
from ftui.data import cleaning, conversations, forms, preparing

SAID = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]
ROLES = ("messages",)


def lines(path, rows):
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"messages": SAID}, SAID),
        ({"id": 1, "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Hello"}]}, SAID),
        ({"messages": json.dumps(SAID)}, SAID),
        ({"messages": [{"role": "system", "content": "Be kind"}, *SAID]}, [{"role": "system", "content": "Be kind"}, *SAID]),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}, SAID[1]]}, SAID),
        ({"instruction": "Add", "input": "1 2", "output": "3"}, [{"role": "user", "content": "Add\n1 2"}, {"role": "assistant", "content": "3"}]),
        ({"instruction": "Hi", "output": "Hello"}, SAID),
        ({"instruction": "And?", "input": "", "output": "Yes", "history": [["Hi", "Hello"]]}, [*SAID, {"role": "user", "content": "And?"}, {"role": "assistant", "content": "Yes"}]),
        ({"prompt": "Hi", "completion": "Hello"}, SAID),
        ({"问题": "你好", "回答": "您好"}, [{"role": "user", "content": "你好"}, {"role": "assistant", "content": "您好"}]),
    ],
)  # fmt: skip
def test_every_form_becomes_messages(tmp_path, row, expected):
    words = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
    rows = []
    for word in words:  # the same, each with a word of its own at the end
        text = json.dumps(row, ensure_ascii=False).replace("Hello", f"Hello {word}").replace("您好", f"您好{word}")
        rows.append(json.loads(text.replace('"3"', f'"3 {word}"').replace('"Yes"', f'"Yes {word}"')))
    path = lines(tmp_path / "a.jsonl", rows)
    table = preparing.resolve(path, Home(tmp_path / "home")).table()
    assert forms.recognise(table)["task"] == "text-generation"
    made = preparing.prepare(Data(path=path, keep_together="none"), Home(tmp_path / "home"), ROLES, None).splits
    found = [messages for split in made.values() for messages in split["messages"].to_pylist()]
    assert len(found) == len(words)
    first = next(m for m in found if any(part["content"].endswith("one") for part in m))
    plain = [{**m, "content": m["content"].removesuffix(" one").removesuffix("one")} for m in first]
    assert plain == expected


def test_plain_text_is_chosen_but_never_taken_for_itself(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("\n".join(f"Line number {i} of a story that goes on." for i in range(12)), encoding="utf-8")
    table = preparing.resolve(str(path), Home(tmp_path / "home")).table()
    assert forms.recognise(table) is None
    made, columns, _ = preparing.usable(str(path), Home(tmp_path / "home"), {}, ROLES)
    assert list(columns) == ["text"] and made["messages"][3].as_py() == [{"role": "text", "content": "Line number 3 of a story that goes on."}]


def test_labels_are_no_answers():
    rows = [{"question": f"What is {i}?", "answer": "yes" if i % 2 else "no"} for i in range(30)]
    assert forms.recognise(pa.Table.from_pylist(rows)) is None


@pytest.mark.parametrize(
    ("turns", "left", "told"),
    [
        ([("user", "Hi")], None, {"one_sided": 1}),
        ([("assistant", "Hi")], None, {"turns_before_question": 1, "one_sided": 1}),
        ([("user", "Hi"), ("assistant", " ")], None, {"answers_empty": 1}),
        ([("user", "Hi"), ("assistant", "Hello"), ("user", "Bye")], SAID, {}),
        ([("user", "Hi"), ("tool", "42"), ("assistant", "Hello")], SAID, {"turns_of_others": 1}),
        ([("user", "H"), ("user", "i"), ("assistant", "Hello")], [{"role": "user", "content": "H\ni"}, SAID[1]], {}),
    ],
)  # fmt: skip
def test_what_lacks_a_side_is_counted(turns, left, told):
    column = pa.chunked_array([pa.array([json.dumps([{"role": who, "content": what} for who, what in turns])])])
    found, mended = conversations.from_cells(column, "messages")
    assert found.to_pylist() == [left] and mended == told


def test_a_cell_that_is_none_is_named():
    with pytest.raises(UserError) as caught:
        conversations.from_cells(pa.chunked_array([pa.array(["[]", "hello"])]), "talk")
    assert caught.value.code == "conversation_unreadable"
    assert "row 1" in caught.value.message("en") and "talk" in caught.value.message("zh")


def test_the_workshop_rewrites_each_message():
    table = pa.table({"row": [0, 1], "messages": pa.array([SAID, [{"role": "user", "content": "<b></b>"}, SAID[1]]], conversations.TYPE)})
    (outcome,) = cleaning.run(table, build_steps([{"name": "strip_html"}]))
    assert outcome.table["messages"].to_pylist() == [SAID] and outcome.dropped.tolist() == [1]
    assert cleaning.texts(table)[0] == "Hi Hello"
