"""Domain adaptation: words are hidden, guessed, and the model that comes out is a base for others."""

import json

import numpy as np
import pyarrow as pa
import pytest
import torch
import transformers

from ftui.artifacts.predicting import Predictor
from ftui.core.errors import UserError
from ftui.core.recipe import Language
from ftui.tasks import fill_mask
from tests.conftest import GOOD
from tests.jobs.test_tasks import shows_it

SECTIONS = {"task": "fill-mask", "language": {"mlm_probability": 0.2}}


@pytest.fixture(scope="module")
def tokenizer(toy_model):
    return transformers.AutoTokenizer.from_pretrained(toy_model)


def table(*texts):
    return pa.table({"row": list(range(len(texts))), "text": list(texts)})


def test_long_texts_have_several_windows_and_the_same_gaps_each_time(tokenizer):
    rows = table("这个 东西 " * 30, "the thing", "")
    found = fill_mask.encode(rows, tokenizer, 16, None, Language())
    assert found["row"] == [0] * 5 + [1] and max(map(len, found["input_ids"])) == 16
    for ids, labels in zip(found["input_ids"], found["labels"], strict=True):
        hidden = [i for i, label in enumerate(labels) if label != -100]
        assert len(hidden) == max(1, round(0.15 * (len(ids) - 2))) and all(ids[i] == tokenizer.mask_token_id for i in hidden)
        assert 0 not in hidden and len(ids) - 1 not in hidden
    assert found.to_list() == fill_mask.encode(rows, tokenizer, 16, None, Language()).to_list()
    with pytest.raises(UserError) as caught:
        fill_mask.encode(table(""), tokenizer, 16, None, Language())
    assert caught.value.code == "nothing_to_predict"


def test_other_words_are_hidden_each_time_that_a_row_is_learned_from(tokenizer):
    (row,) = fill_mask.encode(table("这个 东西 用了 一天 the thing was really and so"), tokenizer, 32, None, Language()).remove_columns("row").to_list()
    whole = [i if label == -100 else label for i, label in zip(row["input_ids"], row["labels"], strict=True)]
    torch.manual_seed(0)
    seen = set()
    for _ in range(40):
        batch = fill_mask.learning_collator(tokenizer, Language())([row])
        assert batch["input_ids"].shape[1] % 8 == 0
        hidden = batch["labels"][0] != -100
        assert batch["labels"][0][hidden].tolist() == np.array([*whole, *[0] * 8])[: len(hidden)][hidden.numpy()].tolist()
        seen |= set(hidden.nonzero().flatten().tolist())
    assert seen == set(range(1, len(whole) - 1))


def test_a_model_without_gaps_is_refused_in_words(tokenizer):
    import copy

    other = copy.deepcopy(tokenizer)
    other.mask_token = None
    with pytest.raises(UserError) as caught:
        fill_mask.encode(table("the thing"), other, 16, None, Language())
    assert caught.value.code == "no_mask_token" and "GPT" in caught.value.hint("en")


def test_the_whole_way_and_on_from_there(train_here, tmp_path):
    """In these texts all words are the same."""
    path = tmp_path / "field.txt"
    path.write_text("\n".join(" ".join([GOOD[i % 8]] * (4 + i % 3)) for i in range(200)), encoding="utf-8")
    sections = SECTIONS | {"data": {"path": str(path), "keep_together": "none"}}
    adapted = train_here(sections=sections, num_train_epochs=15, learning_rate=3e-3)
    assert adapted.finished
    report = json.loads(adapted.run.report.read_text())
    test, before = report["splits"]["test"]["metrics"], report["baseline"]["metrics"]
    assert test["perplexity"] < 3 < 10 < before["perplexity"] and sum(report["splits"]["test"]["losses"]["counts"]) == report["splits"]["test"]["rows"]
    shows_it(adapted.run.home, adapted.run, ("text",))
    (answer, several, none) = Predictor(adapted.run.model).predict(
        [{"text": f"{GOOD[2]} {GOOD[2]} ___ {GOOD[2]}"}, {"text": f"[mask] {GOOD[1]} {GOOD[1]} □ {GOOD[1]}"}, {"text": "the thing"}]
    )
    assert answer["candidates"][0]["token"] == GOOD[2] and answer["candidates"][0]["score"] > 0.4 and len(answer["candidates"]) == 10
    assert [guesses[0]["token"] for guesses in several["candidates"]] == [GOOD[1]] * 2 and fill_mask.said(several) == f"{GOOD[1]} / {GOOD[1]}"
    assert none == {"candidates": []}

    learned = train_here(sections={"model": f"run:{adapted.run.id}"}, num_train_epochs=1, learning_rate=1e-6)
    assert learned.finished
    name = "bert.encoder.layer.0.attention.self.query.weight"
    assert torch.allclose(learned.weights()[name], adapted.weights()[name], atol=1e-4), "it began where the adaptation ended"
