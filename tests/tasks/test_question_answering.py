"""Questions: what is encoded, decoded and scored, against cases worked by hand."""

import doctest
import json
import re
import string
from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
import transformers

from ftui.core.errors import UserError
from ftui.core.home import Home, starter_models
from ftui.data import answers, inspecting, intake, preparing
from ftui.tasks import answer_report
from ftui.tasks import question_answering as task

CONTEXT = "埃菲尔铁塔于1889年建成，位于法国巴黎战神广场。它高330米，由居斯塔夫·埃菲尔的公司设计。The Eiffel Tower is a wrought-iron tower."


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-encoder")


def table(*rows: tuple[str, str, list[str]]) -> pa.Table:
    questions, contexts, texts = zip(*rows, strict=True)
    found = [[{"start": c.index(t), "text": t} for t in row] for c, row in zip(contexts, texts, strict=True)]
    columns = {"row": range(len(rows)), "question": questions, "context": contexts}
    return pa.table({**columns, "answers": pa.array(found, answers.TYPE)})


ROWS = table(
    ("铁塔有多高？", CONTEXT, ["330米"]),
    ("What is it made of?", CONTEXT, ["wrought-iron"]),
    ("谁设计的？", CONTEXT, []),
)


def sure(windows) -> list[list[np.ndarray]]:
    """The logits of a model that always says what the labels say."""
    return [[np.eye(len(ids))[n] * 20 for n in pair] for ids, pair in zip(windows["input_ids"], windows["labels"], strict=True)]


@pytest.mark.parametrize("max_length", [200, 40])
def test_what_is_encoded_comes_back(tokenizer, max_length):
    windows = task.encode(ROWS, tokenizer, max_length, [])
    assert (len(windows) == ROWS.num_rows) == (max_length == 200)
    assert max(map(len, windows["input_ids"])) <= max_length
    found = task.answers(ROWS, windows, sure(windows), [task.ANSWER, task.NONE])
    assert [a["answer"] for a in found] == ["330米", "wrought-iron", ""]
    assert CONTEXT[found[0]["start"] : found[0]["end"]] == "330米"
    assert task.report(ROWS, found, [])["metrics"] == {"f1": 1.0, "exact_match": 1.0}


def test_a_piece_that_stands_in_two_windows_is_no_less_sure(tokenizer):
    rows = table(("谁设计的？", CONTEXT, ["居斯塔夫"]))
    windows = task.encode(rows, tokenizer, 45, [])
    assert sum(label != [0, 0] for label in windows["labels"]) > 1, "several windows hold it"
    [said] = task.answers(rows, windows, sure(windows), [task.ANSWER])
    assert said["answer"] == "居斯塔夫" and said["score"] > 0.99


def test_an_answer_is_always_given_where_all_questions_have_one(tokenizer):
    windows = task.encode(ROWS, tokenizer, 200, [])
    assert task.answers(ROWS, windows, sure(windows), [task.ANSWER])[2]["answer"]


def test_a_question_longer_than_the_window(tokenizer):
    rows = table(("为什么" * 200 + "？", CONTEXT, ["330米"]))
    windows = task.encode(rows, tokenizer, 64, [])
    assert max(map(len, windows["input_ids"])) <= 64
    assert task.answers(rows, windows, sure(windows), [task.ANSWER])[0]["answer"] == "330米"


def test_pieces():
    assert doctest.testmod(answer_report).failed == doctest.testmod(answers).failed == 0


@pytest.mark.parametrize(
    ("references", "answer", "expected"),
    [
        (["the Eiffel Tower"], "Eiffel tower.", (1.0, 1.0)),
        (["1889年"], "于1889年", (0.0, 0.8)),  # 2 of 3 said, 2 of 2 true
        (["Paris", "Paris, France"], "paris france", (1.0, 1.0)),
        (["330米"], "", (0.0, 0.0)),
        ([], "", (1.0, 1.0)),
        ([], "something", (0.0, 0.0)),
        (["北京大学"], "北京", (0.0, 2 / 3)),
        (["1,000 U.S. dollars"], "$1000 US dollars", (1.0, 1.0)),
        (["He doesn't"], "he does", (0.0, 0.5)),
        (["+"], "-", (0.0, 0.0)),
        (["＋", "-"], "-", (1.0, 1.0)),
    ],
)
def test_scores(references, answer, expected):
    assert answer_report.scores(references, answer) == pytest.approx(expected)


def of_squad(reference: str, answer: str) -> tuple[float, float]:
    """(exact match, F1) as SQuAD's evaluation script has it."""

    def normal(text: str) -> str:
        kept = "".join(c for c in text.lower() if c not in set(string.punctuation))
        return " ".join(re.sub(r"\b(a|an|the)\b", " ", kept).split())

    said, true = normal(answer).split(), normal(reference).split()
    shared = sum((Counter(said) & Counter(true)).values())
    precision, recall = shared / len(said), shared / len(true)
    return float(normal(answer) == normal(reference)), 2 * precision * recall / (precision + recall) if shared else 0.0


@pytest.mark.parametrize("answer", ["the St. Paul's-Church", "3,5 (approx.)", "an e-mail, in the U.K.", "Paul's church", "mail"])
@pytest.mark.parametrize("reference", ["St Paul's Church", "approx. 3.5", "e-mail in UK"])
def test_english_scores_are_those_of_squad(reference, answer):
    assert answer_report.scores([reference], answer) == pytest.approx(of_squad(reference, answer))


def test_report_by_length_and_without_answer():
    report = answer_report.build([["330米"], ["北京大学东门外面"], []], ["330米", "北京", "x"])
    assert [(g["name"], g["rows"]) for g in report["by_length"]] == [("1–3", 1), ("4–8", 1)]
    assert report["no_answer"] == {"questions": 1, "right": 0, "silent_though_answerable": 0}
    assert report["metrics"]["exact_match"] == pytest.approx(1 / 3)


SQUAD = {
    "version": "1.1",
    "data": [{"title": "铁塔", "paragraphs": [{"context": CONTEXT, "qas": [
        {"id": "1", "question": "多高？", "answers": [{"text": "330米", "answer_start": CONTEXT.index("330米")}]},
        {"id": "2", "question": "哪年？", "answers": [{"text": "1889年", "answer_start": 0}]},
        {"id": "3", "question": "谁？", "answers": [{"text": "没有这段", "answer_start": 3}]},
        {"id": "4", "question": "为何？", "answers": [], "is_impossible": True},
    ]}]}],
}  # fmt: skip


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path / "home")


def test_squad(tmp_path, home):
    path = tmp_path / "squad.json"
    path.write_text(json.dumps(SQUAD, ensure_ascii=False), encoding="utf-8")
    dataset = intake.import_file(path, home)
    assert dataset.card()["rows"] == 4
    assert inspecting.guess(dataset.table())["task"] == "question-answering"
    rows, columns, dropped = preparing.usable(str(path), home, {}, task.ROLES)
    assert set(columns) == set(task.ROLES)
    assert rows["row"].to_pylist() == [0, 1, 3]
    for row in rows.to_pylist():
        for answer in row["answers"]:
            assert row["context"].startswith(answer["text"], answer["start"])
    assert dropped["answers_missing"] == dropped["answers_moved"] == dropped["empty_answers"] == 1


def test_a_table_with_answers_in_words(tmp_path, home):
    path = tmp_path / "qa.csv"
    path.write_text("问题,段落,答案\n多高？,它高330米。,330米\n谁？,不知道是谁。,\n", encoding="utf-8")
    rows, _, _ = preparing.usable(str(path), home, {}, task.ROLES)
    assert rows["answers"].to_pylist() == [[{"start": 2, "text": "330米"}], []]


def test_rows_without_answers_are_refused():
    with pytest.raises(UserError) as caught:
        task.check({"train": table(("谁？", CONTEXT, []))}, {"answers": "答案"})
    assert caught.value.code == "no_answers"


def test_metrics_during_training():
    starts, ends = np.eye(6)[[2, 0, 1]], np.eye(6)[[3, 0, 4]]
    references = np.array([[2, 3], [0, 0], [1, 2]])
    assert task.metrics((starts, ends), references, [task.ANSWER]) == {"f1": pytest.approx((1 + 4 / 6) / 2), "exact_match": 0.5}
    assert task.metrics((starts, ends), references, [task.ANSWER, task.NONE])["exact_match"] == pytest.approx(2 / 3)


def test_loss_is_that_of_the_model():
    import torch

    starts, ends, labels = torch.randn(3, 5), torch.randn(3, 5), torch.tensor([[1, 2], [0, 0], [3, 4]])
    both = [torch.nn.functional.cross_entropy(part, labels[:, i]) for i, part in enumerate((starts, ends))]
    torch.testing.assert_close(task.loss({"start_logits": starts, "end_logits": ends}, labels), sum(both) / 2)
