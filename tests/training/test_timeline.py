"""Each layer's learning rate and gradient norm: which weights are whose, and that the figures are those of the update."""

import functools
import json

import datasets
import pytest
import torch
import transformers

from ftui.core import events as ev
from ftui.core import recipe as r
from ftui.training import strategies, timeline, used_tokens
from ftui.training.trainer import GroupedTrainer
from tests.conftest import BAD, GOOD, write_csv
from tests.training import test_text2text
from tests.training.test_first_token import QUIET, build
from tests.training.test_strategies import SIZES, is_head


@pytest.mark.parametrize("family", SIZES)
@pytest.mark.parametrize("adapted", [False, True])
def test_every_weight_has_its_layer(family, adapted):
    model = strategies.lora(build(family), r.Lora(r=2)) if adapted else build(family)
    found = timeline.layers(model)
    assert list(found) == ["embeddings", "1", "2", "3", "head"]
    name_of = {id(parameter): name for name, parameter in model.named_parameters()}
    names = {layer: {name_of[id(p)] for p in parameters} for layer, parameters in found.items()}
    assert sum(map(len, names.values())) == len(name_of)
    assert all("embed" in name or "wte" in name or "wpe" in name for name in names["embeddings"])
    assert {name for name in name_of.values() if is_head(name)} <= names["head"]
    for n in (1, 2, 3):
        assert {strategies.layer_of(name) for name in names[str(n)]} == {n - 1}
        assert any(p.requires_grad for p in found[str(n)])
    assert any(p.requires_grad for p in found["embeddings"]) is not adapted


def test_an_encoders_layers_lie_below_a_decoders():
    model = test_text2text.built("t5")
    found = timeline.layers(model)
    assert list(found)[:5] == ["embeddings", "encoder 1", "encoder 2", "decoder 1", "decoder 2"]
    assert sum(map(len, found.values())) == len(list(model.parameters()))
    assert found["decoder 1"][0] is next(model.decoder.block[0].parameters())


@pytest.mark.parametrize("longest", [1e-3, 0.0])  # gradients that are cut short, and those that are not
@pytest.mark.parametrize("fused", [True, False])  # and what cuts them: the optimiser, or the trainer before it
def test_norms_are_those_of_all_the_rows_of_an_update(tmp_path, longest, fused):
    model = strategies.last_n(build("bert", **QUIET), r.LastN(n=2))
    ids = torch.arange(5, 45).view(8, 5)
    labels = torch.tensor([0, 1, 2, 0, 1, 1, 2, 0])
    torch.nn.functional.cross_entropy(model(input_ids=ids).logits, labels).backward()
    wanted = {name: torch.cat([p.grad.flatten() for p in ps if p.grad is not None]).norm().item() for name, ps in timeline.layers(model).items() if ps[0].requires_grad}
    model.zero_grad()

    rows = datasets.Dataset.from_dict({"input_ids": ids.tolist(), "labels": labels.tolist()})
    arguments = transformers.TrainingArguments(
        output_dir=str(tmp_path), max_steps=1, logging_steps=1, per_device_train_batch_size=4, gradient_accumulation_steps=2,
        max_grad_norm=longest, optim="adamw_torch_fused" if fused else "adamw_torch", learning_rate=0.5, lr_scheduler_type="constant",
        use_cpu=True, report_to="none", save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False, label_names=["labels"],
    )  # fmt: skip
    events = ev.Writer(tmp_path / "events.jsonl", 1)
    trainer = GroupedTrainer(
        model=model, args=arguments, train_dataset=rows, data_collator=transformers.default_data_collator, lengths=[5] * 8, rows=3,
        shares={name: 0.5 if "layer.1" in name else 1.0 for name, _ in model.named_parameters()},
        compute_loss_func=lambda outputs, labels, num_items_in_batch: torch.nn.functional.cross_entropy(
            outputs["logits"], labels, reduction="sum") / num_items_in_batch,
        callbacks=[timeline.Timeline(model, events)],
    )  # fmt: skip
    trainer.train()
    [event] = [e for e in ev.read(events.path)[0] if e["type"] == "layers"]
    assert event["step"] == 1
    assert event["learning_rate"] == {"embeddings": None, "1": None, "2": 0.25, "3": 0.5, "head": 0.5}
    assert {name: norm for name, norm in event["grad_norm"].items() if norm is not None} == pytest.approx(wanted, rel=1e-3)


def test_what_overflows_is_no_number(tmp_path):
    events = ev.Writer(tmp_path / "events.jsonl", 1)
    events.layers(1, 0.5, *map(timeline._short, ({"head": 1e-4}, {"head": float("inf")})))
    assert json.loads(events.path.read_text())["grad_norm"] == {"head": None}


def test_gradual_keeps_the_words_frozen_until_their_turn(train_here, tmp_path, monkeypatch):
    """Also where only the embeddings of tokens that occur are trained: here, six of the vocabulary's."""
    few = write_csv(tmp_path / "few.csv", [(" ".join([words[i % 3], words[i // 3 % 3]]), words[0]) for i in range(40) for words in (GOOD, BAD)])
    made = functools.partial(train_here, {"name": "gradual"}, sections={"data": {"path": str(few), "keep_together": "none"}}, logging_steps=1)
    apply, used = used_tokens.apply, []
    monkeypatch.setattr(used_tokens, "apply", lambda *asked: used.append(apply(*asked)) or used[-1])
    told = made()
    assert used[0] is not None
    monkeypatch.setattr(used_tokens, "apply", lambda *_: None)
    for name, weight in made().weights().items():
        torch.testing.assert_close(told.weights()[name], weight, atol=1e-4, rtol=0, msg=name)

    events = [e for e in told.events if e["type"] == "layers"]
    first, last = events[0]["learning_rate"], events[-1]["learning_rate"]
    assert list(first) == ["embeddings", "1", "2", "head"]
    assert first["embeddings"] is first["1"] is None and None not in (first["2"], first["head"])
    assert all(last.values()) and all(events[-1]["grad_norm"].values())
    rates = {e["step"]: e["values"]["learning_rate"] for e in told.events if e["type"] == "metric" and "learning_rate" in e["values"]}
    assert {e["step"]: e["learning_rate"]["head"] for e in events} == pytest.approx(rates, rel=1e-3)
