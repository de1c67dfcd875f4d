"""Which weights each strategy trains, for each family of models."""

import pytest
import transformers

from ftui.core import recipe as r
from ftui.core.errors import UserError
from ftui.training import strategies

SIZES = {
    "bert": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16},
    "roberta": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16},
    "electra": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16, "embedding_size": 16},
    "distilbert": {"dim": 16, "n_layers": 3, "n_heads": 2, "hidden_dim": 16},
    "modernbert": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16},
    "gpt2": {"n_embd": 16, "n_layer": 3, "n_head": 2},
    "llama": {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 2, "intermediate_size": 16},
}


def build(family: str):
    config = transformers.AutoConfig.for_model(family, vocab_size=50, num_labels=2, pad_token_id=0, **SIZES[family])
    return transformers.AutoModelForSequenceClassification.from_config(config)


def trainable(model) -> set[str]:
    return {name for name, parameter in model.named_parameters() if parameter.requires_grad}


def is_head(name: str) -> bool:
    return any(part in name for part in ("classifier", "score", "head.", "pre_classifier"))


@pytest.mark.parametrize("family", SIZES)
def test_full_trains_everything(family):
    model = strategies.full(build(family), r.Full())
    trained, total = strategies.trained_share(model)
    assert trained == total


@pytest.mark.parametrize("family", SIZES)
def test_frozen_trains_the_head_alone(family):
    names = trainable(strategies.frozen(build(family), r.Frozen()))
    assert names
    assert all(is_head(name) for name in names)


@pytest.mark.parametrize("family", SIZES)
def test_last_n_trains_the_last_layers_and_the_head(family):
    model = strategies.last_n(build(family), r.LastN(n=1))
    names = trainable(model)
    assert strategies.layers(model) == 3
    numbers = {strategies.layer_of(name) for name in names}
    assert 2 in numbers
    assert not numbers & {0, 1}
    assert any(is_head(name) for name in names)
    assert not any("embed" in name for name in names)
    with pytest.raises(UserError):
        strategies.last_n(build(family), r.LastN(n=4))


@pytest.mark.parametrize("family", SIZES)
def test_lora_trains_adapters_and_the_head(family):
    model = strategies.lora(build(family), r.Lora(r=2))
    names = trainable(model)
    assert any("lora_" in name for name in names)
    assert all("lora_" in name or is_head(name) for name in names)
    trained, total = strategies.trained_share(model)
    assert trained < total / 2


def test_lora_targets_that_do_not_exist():
    with pytest.raises(UserError) as caught:
        strategies.lora(build("bert"), r.Lora(target_modules=["nothing"]))
    assert caught.value.code == "lora_targets"
