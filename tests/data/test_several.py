"""Several labels in a row, numbers, and two texts beside each other, as files have them."""

import doctest

import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.data import forms, inspecting, intake, preparing, roles, several

MULTI, NUMBER = ("text", "labels", "text_pair"), ("text", "number", "text_pair")


def chunked(*cells) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(list(cells))])


@pytest.mark.parametrize("module", [several, forms, roles])
def test_examples(module):
    assert doctest.testmod(module).failed == 0 < doctest.testmod(module).attempted


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["a|b", "a", ""], [["a", "b"], ["a"], []]),
        (["快、好", "快，不错、好"], [["快", "好"], ["快，不错", "好"]]),
        (["a; b ;a", None], [["a", "b"], []]),
        (['["x", "y"]', "['z']", "[]"], [["x", "y"], ["z"], []]),
        ([["b", "a"], []], [["b", "a"], []]),
        ([[1, 2], [3]], [["1", "2"], ["3"]]),
    ],
)
def test_labels_are_split_as_the_column_does_it(cells, expected):
    assert several.labels(chunked(*cells)).to_pylist() == expected


def test_flags_are_the_labels_that_apply_and_anything_else_is_refused():
    found = several.flags({"rude": chunked(1, 0, None), "spam": chunked("True", "是", "0")})
    assert found.to_pylist() == [["rude", "spam"], ["spam"], []]
    with pytest.raises(UserError) as caught:
        several.flags({"rude": chunked("0", "maybe")})
    assert caught.value.code == "no_flag" and "Row 2" in caught.value.message()


def test_what_is_no_number_is_left_out_unless_most_are_none():
    assert several.numbers(chunked("1.5", "n/a", "2", ""), "score").to_pylist() == [1.5, None, 2.0, None]
    with pytest.raises(UserError) as caught:
        several.numbers(chunked("good", "bad", "3"), "score")
    assert caught.value.code == "no_numbers"


def import_csv(home: Home, tmp_path, text: str):
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    return intake.import_file(path, home)


@pytest.mark.parametrize(
    ("head", "row", "task", "columns"),
    [
        ("text,toxic,rude,spam", lambda i: f"words {i},{i % 2},{i % 3 % 2},0", "multi-label-classification", {"text": "text", "flags": "toxic, rude, spam"}),
        ("text,tags", lambda i: f"words {i},{'a|b' if i % 3 else 'c'}", "multi-label-classification", {"text": "text", "labels": "tags"}),
        ("text,similarity", lambda i: f"words {i},{i / 7:.2f}", "text-regression", {"text": "text", "number": "similarity"}),
        ("s1,s2,score", lambda i: f"one {i},two {i},{i / 7:.2f}", "text-regression", {"text": "s1", "text_pair": "s2", "number": "score"}),
        ("premise,hypothesis,label", lambda i: f"it is {i},it was {i},{'yes' if i % 2 else 'no'}", "text-classification",
         {"text": "premise", "text_pair": "hypothesis", "label": "label"}),
        # a file that has labels besides is for them
        ("text,label,score,checked,seen", lambda i: f"words {i},{'pos' if i % 2 else 'neg'},{i / 7:.2f},{i % 2},0", "text-classification",
         {"text": "text", "label": "label"}),
        ("text,stars", lambda i: f"words {i},{i % 5 + 1}", "text-classification", {"text": "text", "label": "stars"}),
    ],
)  # fmt: skip
def test_the_task_is_recognised(tmp_path, head, row, task, columns):
    dataset = import_csv(Home(tmp_path), tmp_path, head + "\n" + "".join(row(i) + "\n" for i in range(40)))
    guessed = inspecting.guess(dataset.table())
    assert guessed == {"task": task, "columns": columns}


def test_rows_are_read_and_what_is_missing_is_counted(tmp_path):
    dataset = import_csv(Home(tmp_path), tmp_path, "a,b,c,d,n\nx,y,1,0,2.5\nx2,,0,1,3\n,z,1,1,4\nx4,w,0,0,none\n")
    columns = {"text": "a", "text_pair": "b", "flags": "c, d"}
    table, dropped = preparing.filled(dataset.table(), columns, MULTI)
    assert table["labels"].to_pylist() == [["c"], []] and table["text_pair"].to_pylist() == ["y", "w"]
    assert dict(dropped) == {"empty_text": 1, "empty_text_pair": 1}
    table, dropped = preparing.filled(dataset.table(), {"text": "a", "number": "n"}, NUMBER)
    assert table["number"].to_pylist() == [2.5, 3.0] and dict(dropped) == {"empty_text": 1, "empty_number": 1}
    with pytest.raises(UserError) as caught:
        preparing.find_columns(dataset.table(), {"text": "a", "flags": "c, nowhere"}, MULTI, "a.csv")
    assert caught.value.code == "column_missing" and "nowhere" in caught.value.message()
