"""What a table seems to be, and what a page shows of it."""

import datetime
import random
from pathlib import Path

import pyarrow as pa
import pytest

from ftui.data import inspecting

LONG = [
    "这家酒店的服务非常好，下次还会再来",
    "房间太小了，隔音也很差",
    "an intelligent romantic thriller",
    "worth the price of admission",
]


def table(rows: int = 200, **columns) -> pa.Table:
    """Columns made by functions of the row number."""
    return pa.table({name: [make(i) for i in range(rows)] for name, make in columns.items()})


def prose(i: int) -> str:
    return f"{LONG[i % 4]} {random.Random(i).randrange(10**6)} 次"


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"text": prose, "label": lambda i: str(i % 2)}, ("text", "label")),
        ({"评论内容": prose, "情感标签": lambda i: "正面负面"[i % 2 * 2 :][:2]}, ("评论内容", "情感标签")),
        ({"label": lambda i: i % 2, "text": prose}, ("text", "label")),
        ({"label": lambda i: i % 2 == 0, "Review Text": prose}, ("Review Text", "label")),
        ({"id": lambda i: i, "sentence": prose, "sentiment": lambda i: "pn"[i % 2]}, ("sentence", "sentiment")),
        ({"department": lambda i: f"科{i % 9}", "title": prose, "ask": lambda i: prose(i) * 2}, ("ask", "department")),
        # by what the columns hold
        ({"a": prose, "b": lambda i: "xyz"[i % 3]}, ("a", "b")),
        ({"b": lambda i: i % 5, "a": prose}, ("a", "b")),
        ({"column_1": prose, "column_2": lambda i: ["好评", "差评"][i % 2]}, ("column_1", "column_2")),
        # ids, dates, links and amounts are neither
        ({"uuid": lambda i: f"{i:032x}", "a": prose, "url": lambda i: f"https://example.org/{i}"}, ("a", None)),
        ({"date": lambda i: f"2024-01-0{i % 9 + 1}", "a": prose, "price": lambda i: i * 1.5}, ("a", None)),
        ({"when": lambda i: datetime.date(2024, 1, i % 9 + 1), "a": prose}, ("a", None)),
        ({"user_id": lambda i: i % 4, "评论时间": lambda i: f"2024年1月{i % 9 + 1}日", "评论": prose}, ("评论", None)),
        ({"用户": lambda i: f"user{i}", "用户说了啥": prose, "好不好": lambda i: i % 2}, ("用户说了啥", "好不好")),
        ({"用户评论": prose, "用户情感": lambda i: "正负"[i % 2]}, ("用户评论", "用户情感")),
        ({"Class Index": lambda i: str(i % 4 + 1), "Title": prose, "Description": lambda i: prose(i) * 2}, ("Description", "Class Index")),
        ({"author_type": lambda i: ["bot", "human"][i % 2], "content": prose, "verdict": lambda i: ["ok", "ban"][i // 2 % 2]}, ("content", "verdict")),
        ({"first": prose, "then": lambda i: prose(i + 1)}, ("first", None)),
        ({"x": lambda i: i, "y1": lambda i: i / 7}, (None, None)),
        # nothing to learn from
        ({"text": prose, "label": lambda i: None}, ("text", None)),
        ({"parts": lambda i: ["a", "b"], "ids": lambda i: [1, 2]}, (None, None)),
        # one is left when the other is all alike
        ({"text": prose, "label": lambda i: "same"}, ("text", "label")),
        ({"text": prose, "label": lambda i: f"class {i}"}, ("text", "label")),
        ({"text": lambda i: prose(i) if i % 5 == 0 else None, "content": prose}, ("content", None)),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_guess(columns: dict, expected: tuple) -> None:
    roles = {role: column for role, column in zip(("text", "label"), expected, strict=True) if column}
    assert inspecting.guess(table(**columns)) == {"task": "text-classification", "columns": roles}


def test_guess_sees_labels_that_come_late() -> None:
    """A file sorted by its labels."""
    found = inspecting.guess(table(10_000, a=prose, b=lambda i: "neg" if i < 9000 else "pos"))
    assert found["columns"] == {"text": "a", "label": "b"}


def test_guess_on_hardly_any_rows() -> None:
    assert inspecting.guess(pa.table({"text": ["a"], "label": ["b"]}))["columns"] == {"text": "text", "label": "label"}
    assert inspecting.guess(pa.table({"text": pa.array([], pa.string())}))["columns"] == {}


FILES = {
    "zh_sentiment_reviews/train.csv": ("text", "label"),
    "zh_topic_csl/train.csv": ("text", "label"),
    "zh_summary_csl/train.jsonl": ("abstract", "category"),
    "en_sentiment_mr/train.csv": ("text", "label"),
    "en_sentiment_long_reviews/train.csv.gz": ("text", "label"),
    "en_topic_clinc150/train.csv": ("text", "intent"),
    "en_emotion_goemotions/validation.csv.gz": ("text", "labels"),
    "zh_messy_medical_gbk/medical_qa_gbk.csv": ("ask", "department"),
    "zh_messy_reviews/reviews_raw.csv": ("text", "label"),
}
ROWS = {
    "zh_sentiment_reviews/train.csv": (12_000, "utf-8"),
    "en_sentiment_long_reviews/train.csv.gz": (700, "utf-8"),
    "en_topic_clinc150/train.csv": (15_000, "utf-8"),
    "en_emotion_goemotions/validation.csv.gz": (5426, "utf-8"),
    "zh_messy_medical_gbk/medical_qa_gbk.csv": (7644, "gb18030"),
    "zh_messy_reviews/reviews_raw.csv": (5260, "utf-8"),
    "en_ner_wnut17/train.conll": (3394, "utf-8"),
    "zh_ner_uner/train.conll": (3997, "utf-8"),
    "zh_qa_cmrc2018/train.json.gz": (3219, "utf-8"),
}


@pytest.mark.parametrize("name", FILES)
def test_guess_on_real_data(home, data_folder: Path, name: str) -> None:
    from ftui.data import intake

    found = inspecting.guess(intake.import_file(data_folder / name, home).table())
    assert tuple(found["columns"].values()) == FILES[name]


@pytest.mark.parametrize("name", ROWS)
def test_real_data_is_read_whole(home, data_folder: Path, name: str) -> None:
    from ftui.data import intake

    card = intake.import_file(data_folder / name, home).card()
    assert (card["rows"], card["encoding"], card["skipped_rows"]) == (*ROWS[name], 0)


@pytest.mark.parametrize(
    ("labels", "counts", "without"),
    [
        (["正面", " 正面", "负面", "", None, "  "], [("正面", 2), ("负面", 1)], 3),
        ([1, 0, 1, None], [("1", 2), ("0", 1)], 1),
        ([1.0, 0.0, float("nan"), None, 1.0], [("1", 2), ("0", 1)], 2),
        ([True, False, False], [("false", 2), ("true", 1)], 0),
        ([["a"], ["a"], None], [('["a"]', 2)], 1),
        (["b", "a", "c"], [("a", 1), ("b", 1), ("c", 1)], 0),
        (pa.array([], pa.string()), [], 0),
    ],
)
def test_label_counts_and_missing(labels, counts: list, without: int) -> None:
    made = pa.table({"label": labels})
    assert inspecting.label_counts(made, "label") == counts
    assert inspecting.missing(made, "label") == without


def test_lengths_in_characters() -> None:
    made = pa.table({"text": ["好" * n for n in range(1, 101)] + [None, "", "  "]})
    found = inspecting.lengths(made, "text", None)
    assert (found["unit"], found["rows"], found["max"], found["p50"], found["p95"]) == ("characters", 100, 100, 51, 96)
    assert not found["sampled"]
    assert len(found["edges"]) == len(found["counts"]) + 1
    assert 20 <= len(found["counts"]) <= 31
    assert sum(found["counts"]) == 100
    assert found["edges"][0] == 1
    assert found["edges"][-1] > 100
    assert len({b - a for a, b in zip(found["edges"], found["edges"][1:], strict=False)}) == 1


def test_one_very_long_text_does_not_squeeze_the_others() -> None:
    found = inspecting.lengths(
        pa.table({"text": ["x" * (10 + i % 90) for i in range(500)] + ["x" * 10**6]}), "text", None
    )
    assert found["max"] == 10**6
    assert found["edges"][-1] < 400
    assert found["counts"][-1] == 1
    assert sum(found["counts"]) == 501


@pytest.mark.parametrize(("lengths", "edges"), [([7, 7, 7], [7, 8]), ([], [0, 1]), ([3, 4], [3, 4, 5])])
def test_lengths_of_few_values(lengths: list[int], edges: list[int]) -> None:
    found = inspecting.lengths(pa.table({"text": pa.array(["x" * n for n in lengths], pa.string())}), "text", None)
    assert found["edges"] == edges
    assert found["rows"] == len(lengths)


def test_lengths_of_a_sample() -> None:
    made = pa.table({"text": ["x" * (1 + i % 50) for i in range(20_000)]})
    found = inspecting.lengths(made, "text", None)
    assert found["sampled"]
    assert found["rows"] == inspecting.SAMPLE
    assert found == inspecting.lengths(made, "text", None)
    assert (found["max"], 23 <= found["p50"] <= 28) == (50, True)


def test_lengths_in_tokens(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0, "[CLS]": 1, "[SEP]": 2, "a": 3}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    made = pa.table({"text": ["a b c d e", "a", "a " * 100_000]})
    found = inspecting.lengths(made, "text", tmp_path / "tokenizer.json")
    assert (found["unit"], found["rows"], found["p50"]) == ("tokens", 3, 7)
    assert 100_000 <= found["max"] <= 100_020


PEOPLE = pa.table(
    {
        "text": ["Good", "bad", None, "GOOD enough", "很好"],
        "n": [1, 20, 3, 4, 5],
        "when": [datetime.date(2024, 1, 2)] * 5,
        "tags": [["x"], [], None, ["好"], ["Good"]],
        "share": [0.5, float("nan"), None, 1.0, 2.0],
    }
)


@pytest.mark.parametrize(
    ("start", "count", "search", "numbers", "total"),
    [
        (0, 2, "", [1, 20], 5),
        (4, 20, "", [5], 5),
        (9, 20, "", [], 5),
        (0, 20, "good", [1, 4, 5], 3),
        (1, 1, " GOOD ", [4], 3),
        (0, 20, "20", [1, 20, 3, 4, 5], 5),  # a number, and the dates
        (0, 20, "好", [4, 5], 2),
        (0, 20, "(", [], 0),
    ],
)
def test_rows(start: int, count: int, search: str, numbers: list[int], total: int) -> None:
    names, found, matches = inspecting.rows(PEOPLE, start, count, search)
    assert names == PEOPLE.column_names
    assert [row[1] for row in found] == numbers
    assert matches == total


def test_rows_are_plain_values() -> None:
    assert inspecting.rows(PEOPLE, 0, 2)[1] == [
        ["Good", 1, "2024-01-02", '["x"]', 0.5],
        ["bad", 20, "2024-01-02", "[]", None],
    ]


def test_search_over_several_batches() -> None:
    made = pa.concat_tables([pa.table({"text": [f"row {i}"]}) for i in range(100)])
    assert inspecting.rows(made, 5, 3, "row 1") == (["text"], [["row 14"], ["row 15"], ["row 16"]], 11)
