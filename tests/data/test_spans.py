"""Tags, cells and CoNLL files become spans that cut the right words out of the text."""

import doctest

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.errors import UserError
from ftui.data import conll, forms, inspecting, intake, spans


def test_examples_in_the_docstrings():
    assert doctest.testmod(spans).failed == 0


@pytest.mark.parametrize(
    ("tags", "expected", "mended"),
    [
        ("O B-A I-A O", [(1, 3, "A")], 0),
        ("B-A B-A", [(0, 1, "A"), (1, 2, "A")], 0),
        ("B-A I-B", [(0, 1, "A"), (1, 2, "B")], 1),  # a continuation of another kind
        ("O I-A I-A", [(1, 3, "A")], 1),
        ("S-A B-B M-B E-B O", [(0, 1, "A"), (1, 4, "B")], 0),  # BMES
        ("U-A B-B L-B", [(0, 1, "A"), (1, 3, "B")], 0),  # BILOU
        ("E-A E-A", [(0, 1, "A"), (1, 2, "A")], 2),
        ("A A O B", [(0, 2, "A"), (3, 4, "B")], 0),  # labels without a place
        ("B-creative-work I-creative-work", [(0, 2, "creative-work")], 0),
        ("", [], 0),
    ],
)
def test_tags(tags, expected, mended):
    assert spans.of_tags(tags.split()) == (expected, mended)


def test_broken_sequences_are_read_as_seqeval_reads_them():
    from seqeval.metrics.sequence_labeling import get_entities

    for tags in ("O I-A I-A B-A O I-B B-B I-A", "I-A I-B I-B O B-A I-A I-A", "S-A E-B I-B O"):
        theirs = [(first, last + 1, label) for label, first, last in get_entities(tags.split())]
        assert spans.of_tags(tags.split())[0] == theirs


def column(*rows) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(rows)])


def test_tokens_and_tags_cut_the_same_words():
    texts, found, mended = spans.from_tags(
        column(["Angela", "Merkel", "besuchte", "北", "京", "."]), column(["B-PER", "I-PER", "O", "B-LOC", "I-LOC", "O"]), "tags"
    )
    [text], [row] = texts.to_pylist(), found.to_pylist()
    assert text == "Angela Merkel besuchte北京."
    assert [(text[s["start"] : s["end"]], s["label"]) for s in row] == [("Angela Merkel", "PER"), ("北京", "LOC")]
    assert mended == {"mended_tags": 0}


@pytest.mark.parametrize(
    ("tokens", "tags", "code"),
    [(["a", "b"], ["O"], "tags_do_not_fit"), (["a", "b"], ["1", "2"], "tags_are_numbers")],
)
def test_tags_that_cannot_be_used(tokens, tags, code):
    with pytest.raises(UserError) as caught:
        spans.from_tags(column(tokens), column(tags), "tags")
    assert caught.value.code == code
    assert caught.value.message("zh") and caught.value.hint("en")


@pytest.mark.parametrize(
    "cell",
    [
        [{"start": 0, "end": 2, "label": "PER"}],
        '[{"start": 0, "end": 2, "label": "PER"}]',
        "[[0, 2, \"PER\"]]",
        '{"entities": [[0, 2, "PER"]]}',
        '[{"start_offset": 0, "end_offset": 2, "label": "PER"}]',  # doccano
        '[{"value": {"start": 0, "end": 2, "labels": ["PER"]}, "type": "labels"}]',  # Label Studio
    ],
)
def test_cells(cell):
    found, mended = spans.from_cells(["张三来了"], column(cell), "spans")
    assert found.to_pylist() == [[{"start": 0, "end": 2, "label": "PER"}]]
    assert not mended


def test_what_does_not_fit_is_left_out_and_counted():
    cell = '[[0, 2, "A"], [1, 3, "B"], [3, 99, "C"], [2, 2, "D"]]'
    found, mended = spans.from_cells(["张三来了"], column(cell), "spans")
    assert [s["label"] for s in found.to_pylist()[0]] == ["A"]
    assert mended == {"spans_overlap": 1, "spans_outside": 2}


def test_a_cell_that_is_no_list_of_entities():
    with pytest.raises(UserError) as caught:
        spans.from_cells(["张三"], column("张三是人名"), "spans")
    assert caught.value.code == "spans_unreadable"
    assert "[[0, 5" in caught.value.hint("zh")


words = st.lists(st.text("ab好的9.", min_size=1, max_size=4), min_size=1, max_size=12)


@given(words, st.data())
def test_spans_to_tags_and_back(tokens, data):
    """Whatever is tagged in BIO comes back from the spans as it was."""
    text, places = spans.join(tokens)
    tags, before = [], "O"
    for _ in tokens:
        choices = ["O", "B-A", "B-B"] + ([f"I-{before[2:]}"] if before != "O" else [])
        before = data.draw(st.sampled_from(choices))
        tags.append(before)
    named, mended = spans.of_tags(tags)
    entities = [{"start": places[a][0], "end": places[b - 1][1], "label": label} for a, b, label in named]
    assert mended == 0
    assert spans.tags(entities, places) == tags
    assert [text[a:b] for a, b in places] == tokens


CONLL = "-DOCSTART-\tO\n\n张\tB-PER\n三\tI-PER\n在\tO\n北\tB-LOC\n京\tI-LOC\n\n你\tO\n好\tO\n"


@pytest.mark.parametrize("name", ["train.conll", "train.txt", "ner.bio", "train.tsv"])
@pytest.mark.parametrize("separator", ["\t", " ", " -X- _ "])
def test_conll(tmp_path, name, separator, home):
    path = tmp_path / name
    path.write_text(CONLL.replace("\t", separator), encoding="utf-8")
    dataset = intake.import_file(path, home)
    assert dataset.card()["format"] == "conll"
    assert dataset.table().to_pylist() == [
        {"tokens": list("张三在北京"), "ner_tags": ["B-PER", "I-PER", "O", "B-LOC", "I-LOC"]},
        {"tokens": list("你好"), "ner_tags": ["O", "O"]},
    ]


@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_conll_of_characters_whose_bytes_are_white_space_elsewhere(tmp_path, encoding, home):
    path = tmp_path / "train.conll"
    path.write_text(CONLL.replace("你", "入").replace("好", "怠"), encoding=encoding)  # 0x85 and 0xA0 among their bytes
    assert intake.import_file(path, home).card()["format"] == "conll"


def test_a_hash_sign_is_a_token_and_a_comment_is_none(tmp_path, home):
    assert doctest.testmod(conll).failed == 0
    path = tmp_path / "tweets.conll"
    path.write_text("# text = # Berlin rocks\n# O\nBerlin B-LOC\nrocks O\n\n# newdoc\nok O\n", encoding="utf-8")
    assert intake.import_file(path, home).table()["tokens"].to_pylist() == [["#", "Berlin", "rocks"], ["ok"]]


def test_a_table_of_words_is_no_conll(tmp_path, home):
    path = tmp_path / "words.tsv"
    path.write_text("word\tclass\nO\tB\n\ncat\tnoun\n", encoding="utf-8")
    assert intake.import_file(path, home).card()["format"] == "tsv"


@pytest.mark.parametrize(
    ("table", "columns"),
    [
        ({"id": ["1", "2"], "tokens": [["a", "b"], ["c"]], "ner_tags": [["O", "B-A"], ["O"]]}, {"tokens": "tokens", "ner_tags": "ner_tags"}),
        ({"words": ["a b", "c d"], "bio": ["O B-A", "O O"]}, {"tokens": "words", "ner_tags": "bio"}),
        ({"文本": ["张三来了", "没有"], "实体": ['[[0, 2, "PER"]]', "[]"]}, {"text": "文本", "spans": "实体"}),
        ({"text": ["张三来了"], "entities": [[{"start": 0, "end": 2, "label": "PER"}]]}, {"text": "text", "spans": "entities"}),
    ],
)
def test_the_task_is_recognised(table, columns):
    assert inspecting.guess(pa.table(table)) == {"task": "token-classification", "columns": columns}
    assert inspecting.guess(pa.table(table), "text-classification")["task"] == "text-classification"


def test_a_role_that_no_form_has():
    with pytest.raises(UserError) as caught:
        forms.choose(("text", "spans"), pa.table({"a": ["x"]}), {"label": "a"})
    assert caught.value.code == "role_unknown"
