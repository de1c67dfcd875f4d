"""Attention of short rows: what the family's own gives, and chance where it has chance."""

import pytest
import torch

from ftui.training import attention
from tests.training.test_first_token import QUIET, batch, build, gradients


@pytest.mark.parametrize("family", ["bert", "electra", "roberta", "xlm-roberta", "camembert", "distilbert", "gpt2", "modernbert"])
@pytest.mark.parametrize("padded", [False, True])
def test_gradients_are_those_of_the_family_s_own(family, padded):
    quiet = {} if family in ("gpt2", "modernbert") else {"dropout": 0.0, "attention_dropout": 0.0, "seq_classif_dropout": 0.0} if family == "distilbert" else QUIET
    model = build(family, **quiet)
    model = model.eval() if family in ("gpt2", "modernbert") else model
    usual, inputs = model.config._attn_implementation, batch(padded)
    whole = gradients(model, inputs)
    attention.attend(model, "cpu", attention.SHORT + 1)
    attention.attend(model, "cuda", 8)
    assert model.config._attn_implementation == usual
    attention.attend(model, "cpu", attention.SHORT)
    assert model.config._attn_implementation == (attention.NAME if quiet else "eager")
    short = gradients(model, inputs)
    assert set(short) == set(whole)
    for name in whole:
        torch.testing.assert_close(short[name], whole[name], atol=1e-5, rtol=1e-5, msg=name)


def test_in_bf16_it_is_as_near_as_bf16_is():
    model, inputs = build("bert", **QUIET), batch(padded=True)
    with torch.autocast("cpu", torch.bfloat16):
        whole = gradients(model, inputs)
        attention.attend(model, "cpu", 8)
        short = gradients(model, inputs)
    for name in whole:
        torch.testing.assert_close(short[name].float(), whole[name].float(), atol=0.03, rtol=0.05, msg=name)


def test_dropout_of_weights_follows_seed_and_chance():
    query, key, value = (torch.randn(8, 4, 33, 16) for _ in range(3))
    module = torch.nn.Identity()
    given = (module, query, key, value, None)
    whole, _ = attention.forward(*given)
    torch.manual_seed(3)
    one, dropped = attention.forward(*given, dropout=0.2)
    torch.manual_seed(3)
    again, _ = attention.forward(*given, dropout=0.2)
    assert torch.equal(one, again) and not torch.equal(one, whole)
    assert abs((dropped == 0).double().mean() - 0.2) < 0.01
    module.eval()
    rests, weights = attention.forward(*given, dropout=0.2)
    torch.testing.assert_close(weights.sum(-1), torch.ones(8, 4, 33))
    torch.testing.assert_close(dropped[dropped != 0], (weights / 0.8)[dropped != 0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(rests, torch.nn.functional.scaled_dot_product_attention(query, key, value).transpose(1, 2), rtol=1e-4, atol=1e-5)


def test_nobody_who_loads_the_model_meets_the_name(tmp_path):
    from transformers import AutoModelForSequenceClassification

    model = build("bert")
    attention.attend(model, "cpu", 8)
    model.save_pretrained(tmp_path)
    assert attention.NAME not in (tmp_path / "config.json").read_text()
    assert AutoModelForSequenceClassification.from_pretrained(tmp_path).config._attn_implementation == "sdpa"
