"""Sources and targets: recognised by their names, read from texts and lists of texts."""

import json

import pyarrow as pa
import pytest

from ftui.core.errors import UserError
from ftui.core.home import Home
from ftui.core.recipe import Data
from ftui.data import forms, inspecting, preparing, targets
from ftui.ui import sources

ROLES = ("source", "target")


def columns(**made):
    """Ten rows of free texts, each column with words of its own."""
    return pa.table({name: [f"{value} {i}" if isinstance(value, str) else value[i % len(value)] for i in range(10)] for name, value in made.items()})


@pytest.mark.parametrize(
    ("table", "source", "target"),
    [
        (columns(id="a", en="some words", zh="一些词"), "en", "zh"),
        (columns(中文="一些词", 英文="some words"), "中文", "英文"),
        (columns(title="a title", article="a long article"), "article", "title"),
        (columns(abstract="an abstract", title="a title"), "abstract", "title"),
        (columns(document="a document", abstract="an abstract"), "document", "abstract"),
        (columns(正文="很长的正文", 标题="短标题"), "正文", "标题"),
        (columns(title="a title", text="a long text", summary="a summary"), "text", "summary"),
        (columns(source="the source", target="the target"), "source", "target"),
        (columns(input="the input", output="the output"), "input", "output"),
    ],
)
def test_recognised_by_their_names(table, source, target):
    assert inspecting.guess(table) == {"task": "text2text-generation", "columns": {"source": source, "target": target}}


@pytest.mark.parametrize(
    "table",
    [
        columns(text="a text", title="a title", label=["good", "bad"]),
        columns(input="the input", output=["yes", "no"]),
        columns(source_text="one text", target_text="another text", label=["0", "1"]),
        columns(en="some words", zh="一些词", de="ein paar Worte"),
    ],
)
def test_labels_are_no_targets_and_three_languages_no_pair(table):
    assert inspecting.guess(table)["task"] != "text2text-generation"


def test_any_two_texts_where_it_is_meant():
    table = columns(a="short", b="something much longer", n=["1", "2"])
    assert forms.recognise(table) is None
    assert forms.suggest(ROLES, table) == {"source": "b", "target": "a"}
    assert forms.suggest(ROLES, columns(a="only one")) == {}


def test_lists_of_sentences_and_of_references():
    rows = pa.table({"source": [["One.", "Two."], None], "target": [["First.", "Second."], []]})
    found, mended = forms.read(ROLES, rows, {"source": "source", "target": "target"})
    assert found["source"].to_pylist() == ["One. Two.", None] and found["target"].to_pylist() == ["First.", None] and mended == {}


def test_rows_without_a_target_are_left_out_and_counted(tmp_path):
    rows = [{"article": f"Article number {i}", "summary": " " if i % 5 == 0 else f"Number {i}"} for i in range(60)]
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    made = preparing.prepare(Data(path=str(path), keep_together="none"), Home(tmp_path / "home"), ROLES, None)
    assert made.dropped == {"empty_target": 12} and sum(len(t) for t in made.splits.values()) == 48
    assert made.columns == {"source": "article", "target": "summary"}


def test_a_file_without_two_texts_is_refused_in_words(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("article,kind\n" + "\n".join(f"Article {i},a" for i in range(20)), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        preparing.prepare(Data(path=str(path)), Home(tmp_path / "home"), ROLES, None)
    assert caught.value.code == "column_not_guessed" and "source" in caught.value.message("en")


@pytest.mark.parametrize(("name", "expected"), [("zh_tickets.csv", ("留言", "标题")), ("en_tickets.csv", ("message", "title"))])
def test_the_samples_are_read_as_they_are_meant(name, expected, tmp_path):
    table = preparing.resolve(str(sources.samples_folder() / name), Home(tmp_path / "home")).table()
    assert inspecting.guess(table) == {"task": "text2text-generation", "columns": dict(zip(ROLES, expected, strict=True))}
    assert len(table) == 240 and targets.is_free(table[expected[1]])
