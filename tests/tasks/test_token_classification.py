"""Entities: what is encoded, decoded and scored, against cases worked by hand and against seqeval."""

import time

import numpy as np
import pyarrow as pa
import pytest
import transformers

from ftui.core.errors import UserError
from ftui.core.home import starter_models
from ftui.data import spans
from ftui.tasks import entity_report, gazetteer
from ftui.tasks import token_classification as task

LABELS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]


@pytest.fixture(scope="module")
def tokenizer():
    return transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-encoder")


def table(*rows: tuple[str, list]) -> pa.Table:
    texts, entities = zip(*rows, strict=True)
    made = [[{"start": s, "end": e, "label": label} for s, e, label in row] for row in entities]
    return pa.table({"row": range(len(rows)), "text": texts, "spans": pa.array(made, spans.TYPE)})


ROWS = table(
    ("王小明住在北京。", [(0, 3, "PER"), (5, 7, "LOC")]),
    ("Angela Merkel met 李强 in Wuppertal-Barmen!", [(0, 13, "PER"), (18, 20, "PER"), (24, 40, "LOC")]),
    ("没有实体。", []),
    ("😀 臺灣 and naïve Zürich", [(2, 4, "LOC"), (15, 21, "LOC")]),
)


def sure(windows) -> list[np.ndarray]:
    """The logits of a model that always says what the labels say."""
    return [np.eye(len(LABELS))[[max(n, 0) for n in row]] * 20 for row in windows["labels"]]


@pytest.mark.parametrize("max_length", [128, 12])
def test_what_is_encoded_comes_back(tokenizer, max_length):
    windows = task.encode(ROWS, tokenizer, max_length, LABELS)
    assert (len(windows) == ROWS.num_rows) == (max_length == 128)
    assert max(map(len, windows["input_ids"])) <= max_length
    found = task.answers(ROWS, windows, sure(windows), LABELS)
    for answer, true in zip(found, ROWS["spans"].to_pylist(), strict=True):
        assert [{k: e[k] for k in ("start", "end", "label")} for e in answer["entities"]] == true
    assert found[0]["entities"][0]["text"] == "王小明"
    assert found[0]["entities"][0]["score"] == pytest.approx(1, abs=1e-6)
    assert task.report(ROWS, found, LABELS)["metrics"] == {"precision": 1.0, "recall": 1.0, "f1": 1.0}


def test_special_tokens_have_no_label(tokenizer):
    windows = task.encode(ROWS, tokenizer, 128, LABELS)
    for ids, labels in zip(windows["input_ids"], windows["labels"], strict=True):
        assert labels[0] == labels[-1] == task.IGNORED
        assert len(ids) == len(labels)


def test_an_entity_reaches_to_the_ends_of_its_words():
    tokens = {(0, 3): (9, "B-PER", 0.9), (3, 6): (9, "O", 0.9), (7, 10): (9, "I-PER", 0.8), (10, 13): (9, "O", 1.0)}
    assert task._entities("Angela Merkel ok", tokens) == [
        {"label": "PER", "start": 0, "end": 6, "text": "Angela", "score": 0.9},
        {"label": "PER", "start": 7, "end": 13, "text": "Merkel", "score": 0.8},
    ]


def span(start, end, label):
    return {"start": start, "end": end, "label": label}


def test_errors_by_kind():
    true = [span(0, 2, "A"), span(3, 5, "A"), span(6, 8, "B"), span(9, 11, "A"), span(12, 14, "B")]
    said = [span(0, 2, "A"), span(3, 4, "A"), span(6, 8, "A"), span(10, 12, "B"), span(20, 22, "A")]
    kinds = [(kind, t and t["start"], p and p["start"]) for kind, t, p in entity_report.compared(true, said)]
    assert sorted(kinds, key=str) == sorted(
        [("right", 0, 0), ("boundary", 3, 3), ("type", 6, 6), ("boundary_and_type", 9, 10), ("spurious", None, 20), ("missed", 12, None)],
        key=str,
    )  # fmt: skip
    report = entity_report.build([true], [said])
    assert report["errors"] == dict.fromkeys(entity_report.KINDS, 1)
    assert report["metrics"] == {"precision": 0.2, "recall": 0.2, "f1": pytest.approx(0.2)}


def test_figures_are_those_of_seqeval():
    from seqeval.metrics import classification_report

    rng = np.random.default_rng(0)
    tags = [[list(row) for row in rng.choice(["O", "O", "B-A", "I-A", "B-B", "I-B"], (40, 12))] for _ in range(2)]
    places = [(i, i + 1) for i in range(12)]
    rows = [[[span(a, b, label) for a, b, label in spans.of_tags(row)[0]] for row in side] for side in tags]
    ours = entity_report.build(*rows)
    theirs = classification_report(*tags, output_dict=True, zero_division=0)
    for name in ("precision", "recall"):
        assert ours["metrics"][name] == pytest.approx(theirs["micro avg"][name])
    assert ours["metrics"]["f1"] == pytest.approx(theirs["micro avg"]["f1-score"])
    for row in ours["per_class"]:
        assert row["f1"] == pytest.approx(theirs[row["label"]]["f1-score"])
        assert row["support"] == theirs[row["label"]]["support"]
    low, high = ours["interval"]["f1"]
    assert low < ours["metrics"]["f1"] < high
    assert places


def test_metrics_during_training_ignore_what_stands_for_no_text():
    references = np.array([[-100, 1, 2, 0, -100]])
    logits = np.eye(5)[[[4, 1, 2, 0, 3]]]
    assert task.metrics(logits, references, LABELS) == {"f1": 1.0, "precision": 1.0, "recall": 1.0}


def test_loss_counts_tokens_that_have_a_label():
    import torch

    logits, labels = torch.randn(2, 3, 5), torch.tensor([[-100, 1, 2], [0, -100, -100]])
    whole = task.loss({"logits": logits}, labels)
    torch.testing.assert_close(whole, torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten()))
    parts = [task.loss({"logits": logits[i : i + 1]}, labels[i : i + 1], num_items_in_batch=3) for i in range(2)]
    torch.testing.assert_close(sum(parts), whole)


def test_the_baseline_finds_what_it_has_seen():
    test = table(("李强和王小明。", [(0, 2, "PER"), (3, 6, "PER")]), ("北京, Zurich", [(0, 2, "LOC"), (4, 10, "LOC")]))
    found = gazetteer.score(ROWS, test)
    assert found["metrics"] == {"precision": 1.0, "recall": 0.75, "f1": pytest.approx(6 / 7)}


def test_the_baseline_has_no_trouble_with_as_many_names_as_a_large_file_has():
    """Its time hardly depends on how many names there are: with forty times as many it took thirty times as long."""
    rng = np.random.default_rng(0)
    words = ["".join(row) for row in rng.choice(list("abcdefgh"), (18_000, 8))]
    text = " ".join([words[0], *words[-2000:]])  # nearly all of it are no names

    def seconds(names: list[str]) -> float:
        train = table(*((name, [(0, len(name), "X")]) for name in names))
        began = time.process_time()
        assert gazetteer.score(train, table((text, [(0, 8, "X")])))["metrics"]["recall"] == 1.0
        return time.process_time() - began

    few = seconds(words[:400])
    assert seconds(words[:16_000]) < 10 * few + 1


def test_rows_without_entities_are_refused():
    with pytest.raises(UserError) as caught:
        task.check({"train": table(("没有", []))}, {"spans": "实体"})
    assert caught.value.code == "no_entities"


def test_an_entity_that_shares_a_word_with_the_one_before_begins_at_the_next_word():
    tokens = {(0, 5): (1, "B-PLACE", 1.0), (5, 9): (1, "B-ORG", 1.0), (9, 18): (1, "I-ORG", 1.0)}
    found = task._entities("Northgate Hospital", tokens)
    assert [(e["label"], e["text"]) for e in found] == [("PLACE", "Northgate"), ("ORG", "Hospital")]


def test_the_first_token_of_a_model_without_a_first_special_one_is_tagged():
    tokenizer = transformers.AutoTokenizer.from_pretrained(starter_models() / "starter-lm")
    windows = task.encode(ROWS, tokenizer, 128, LABELS)
    assert windows["offsets"][0][0] == [0, 1]
    found = task.answers(ROWS, windows, sure(windows), LABELS)
    assert [(e["start"], e["end"]) for e in found[0]["entities"]] == [(0, 3), (5, 7)]
