"""The last layer for the first token only gives the gradients of the whole."""

import copy

import pytest
import torch
import transformers

from ftui.core import recipe as r
from ftui.training import first_token, strategies
from ftui.training.attention import attend
from tests.training.test_strategies import SIZES

QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "classifier_dropout": 0.0}
SIZES = {**SIZES, "xlm-roberta": SIZES["roberta"], "camembert": SIZES["roberta"]}


def build(family: str, head: str = "SequenceClassification", **options):
    torch.manual_seed(0)
    config = transformers.AutoConfig.for_model(
        family, vocab_size=50, num_labels=3, pad_token_id=0, initializer_range=0.3, **{**SIZES[family], **options}
    )
    return getattr(transformers, f"AutoModelFor{head}").from_config(config).train()


def batch(padded: bool) -> dict:
    ids = torch.arange(5, 45).view(4, 10)
    mask = torch.ones_like(ids)
    if padded:
        for row, length in enumerate((10, 7, 3, 2)):
            ids[row, length:] = 0
            mask[row, length:] = 0
    return {"input_ids": ids, "attention_mask": mask}


def gradients(model, inputs) -> dict[str, torch.Tensor]:
    model.zero_grad()
    logits = model(**inputs).logits
    torch.nn.functional.cross_entropy(logits, torch.tensor([0, 1, 2, 0])).backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None} | {"logits": logits.detach()}


@pytest.mark.parametrize("family", ["bert", "electra", "roberta", "xlm-roberta"])
@pytest.mark.parametrize("attention", ["sdpa", "eager", "short"])
@pytest.mark.parametrize("padded", [False, True])
def test_gradients_are_those_of_the_whole(family, attention, padded):
    model = build(family, **({} if attention == "short" else {"attn_implementation": attention}), **QUIET)
    if attention == "short":
        attend(model, "cpu", 10)
    inputs = batch(padded)
    whole = gradients(model, inputs)
    assert first_token.apply(model)
    shapes = []
    hook = model.base_model.encoder.layer[-1].register_forward_hook(lambda *call: shapes.append(call[2].shape))
    short = gradients(model, inputs)
    hook.remove()
    assert shapes == [(4, 1, 16)]
    assert set(short) == set(whole)
    assert whole["logits"].std() > 0.05
    for name in whole:
        torch.testing.assert_close(short[name], whole[name], atol=1e-6, rtol=1e-6, msg=name)
    first_token.undo(model)
    assert torch.equal(gradients(model, inputs)["logits"], whole["logits"])


def test_lora_and_checkpointing_go_with_it():
    model = build("bert", **QUIET)
    model = strategies.lora(model, r.Lora(r=2, lora_dropout=0.0, target_modules="all-linear"))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                parameter += 0.1
    whole = gradients(model, batch(True))
    assert first_token.apply(model.get_base_model())
    model.enable_input_require_grads()
    model.activation_checkpointing_enable()
    short = gradients(model, batch(True))
    assert any("lora_A" in name for name in short)
    for name in whole:
        torch.testing.assert_close(short[name], whole[name], atol=1e-6, rtol=1e-6, msg=name)


def test_dropout_drops_as_often_as_in_the_whole():
    model = build("bert", **{**QUIET, "hidden_dropout_prob": 0.25, "attention_probs_dropout_prob": 0.25}).train()
    inputs = {name: value[:1].expand(4000, -1) for name, value in batch(True).items()}
    other = copy.deepcopy(model)
    assert first_token.apply(other)
    with torch.no_grad():
        whole, short = model(**inputs).logits, other(**inputs).logits
    error = (whole.std(0) + short.std(0)) / 4000**0.5
    assert ((whole.mean(0) - short.mean(0)).abs() < 4 * error).all()
    torch.testing.assert_close(whole.std(0), short.std(0), rtol=0.1, atol=0)


@pytest.mark.parametrize(
    ("family", "head"),
    [
        ("distilbert", "SequenceClassification"),
        ("modernbert", "SequenceClassification"),
        ("gpt2", "SequenceClassification"),
        ("bert", "TokenClassification"),
        ("bert", "QuestionAnswering"),
    ],
)
def test_it_steps_aside(family, head):
    assert not first_token.apply(build(family, head))
