"""States of the frozen part, kept and read again: the loss and gradients of the whole model, and never another's."""

import shutil

import datasets
import pytest
import torch

from ftui.core import recipe as r
from ftui.training import features, first_token, strategies
from tests.training.test_first_token import QUIET, build

KINDS = {
    "frozen": r.Frozen(),
    "last_n": r.LastN(n=1),
}


def rows() -> datasets.Dataset:
    ids = [list(range(5, 5 + length)) for length in (9, 3, 6, 6)]
    return datasets.Dataset.from_dict({"input_ids": ids, "attention_mask": [[1] * len(row) for row in ids], "labels": [0, 1, 2, 0]})


def collate(batch: list[dict]) -> dict:
    longest = max(len(row["input_ids"]) for row in batch) + 1
    made = {
        name: torch.tensor([row[name] + [0] * (longest - len(row[name])) for row in batch])
        for name in ("input_ids", "attention_mask")
    }
    return made | ({"labels": torch.tensor([row["labels"] for row in batch])} if "labels" in batch[0] else {})


def gradients(model, batch) -> dict:
    model.zero_grad()
    logits = model(**{k: v for k, v in batch.items() if k in ("input_ids", "attention_mask")}).logits
    labels = batch["labels"].reshape(-1, *[1] * (logits.ndim - 2)).expand(logits.shape[:-1])
    torch.nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten()).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None} | {"logits": logits.detach()}


@pytest.mark.parametrize("family", features.LAYERS)
@pytest.mark.parametrize("strategy", KINDS)
@pytest.mark.parametrize("head", ["SequenceClassification", "TokenClassification"])
def test_loss_and_gradients_are_those_of_the_whole(family, strategy, head, tmp_path):
    quiet = QUIET if family not in ("distilbert", "modernbert") else {}
    model = build(family, head, **quiet)
    model = strategies.STRATEGIES[strategy](model, KINDS[strategy]).eval()
    single = first_token.apply(model)
    whole = gradients(model, collate(list(rows())))
    made = features.Features(model, features.boundary(model, KINDS[strategy]), single, bf16=False)
    added, found = made.add(rows(), tmp_path, collate, lambda: None)
    assert not found
    made.apply()
    batch = made.collator(collate)(list(added))
    made.feed(batch["states"])
    if not single and head == "TokenClassification":
        model.base_model.embeddings.word_embeddings = None  # nobody reads it any more
    short = gradients(model.eval(), batch)
    assert set(short) == set(whole)
    if head == "TokenClassification":  # padding's own logits mean nothing
        return compare(short["logits"][batch["attention_mask"].bool()], whole["logits"][batch["attention_mask"].bool()])
    for name in whole:
        compare(short[name], whole[name])


def compare(short: torch.Tensor, whole: torch.Tensor) -> None:
    torch.testing.assert_close(short, whole, atol=5e-3, rtol=5e-3)  # float16 keeps three digits


def test_another_row_or_weight_is_another_key():
    model = strategies.last_n(build("bert"), r.LastN(n=1))
    made = features.Features(model, 2, True, bf16=False)
    key = made.key(rows())
    assert made.key(rows()) == key
    other = rows().to_dict()
    other["input_ids"][2][1] += 1
    assert made.key(datasets.Dataset.from_dict(other)) != key
    assert features.Features(model, 1, True, bf16=False).key(rows()) != key
    with torch.no_grad():
        model.classifier.weight += 1
        assert made.key(rows()) == key, "the head learns: nothing depends on it"
        model.bert.encoder.layer[1].output.dense.bias[3] += 1e-3
    assert made.key(rows()) != key


def test_later_runs_share_it_and_say_so(train_here, tmp_path):
    first = train_here({"name": "last_n", "n": 1})
    again = train_here({"name": "last_n", "n": 1}, per_device_eval_batch_size=7)
    assert first.logged("cache_made")
    assert again.logged("cache_found")
    for name, weight in first.weights().items():
        torch.testing.assert_close(again.weights()[name], weight, atol=0, rtol=0)
    assert train_here({"name": "frozen"}).logged("cache_made")
    shutil.rmtree(tmp_path / "home" / "cache")
    assert train_here({"name": "frozen"}).logged("cache_made"), "the cache may be deleted at any time"


def test_the_oldest_goes_first(tmp_path):
    import os

    for name in ("old", "new", "middle"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "states.npy").write_bytes(b"0" * 100)
        os.utime(tmp_path / name, (1000, {"old": 1, "middle": 2, "new": 3}[name]))
    features.bound(tmp_path, most=250)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["middle", "new"]


def test_it_steps_aside_and_says_why(train_here, tmp_path, monkeypatch):
    monkeypatch.setattr(features, "LARGEST", 100)
    assert train_here({"name": "frozen"}, max_steps=2).logged("cache_large")
    from ftui.core import events as ev

    events = ev.Writer(tmp_path / "events.jsonl", 1)
    recipe = r.build({"data": {"path": "x"}, "strategy": {"name": "frozen"}})
    encoded = {"train": rows()}
    given = (recipe, encoded, collate, tmp_path, events, lambda: None, False, False)
    assert features.prepare(strategies.frozen(build("gpt2"), r.Frozen()), *given) == (None, encoded)
    assert [e["key"] for e in ev.read(events.path)[0]] == ["cache_family"]
