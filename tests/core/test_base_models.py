"""What is said of a model before it is loaded agrees with what it turns out to be."""

import shutil

import pytest

from ftui.core import base_models, starters
from ftui.core import recipe as r
from ftui.core.base_models import find, parameters, trained_share
from tests.hub import Hub

SMALL = {"hidden_size": 64, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 128, "vocab_size": 500}
FAMILIES = {
    "bert": SMALL,
    "roberta": {**SMALL, "max_position_embeddings": 130},
    "xlm-roberta": {**SMALL, "max_position_embeddings": 130},
    "electra": {**SMALL, "embedding_size": 32},
    "distilbert": {"dim": 64, "n_layers": 4, "n_heads": 4, "hidden_dim": 128, "vocab_size": 500},
    "modernbert": {**SMALL, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "cls_token_id": 1, "sep_token_id": 2},
    "gpt2": {"n_embd": 64, "n_layer": 4, "n_head": 4, "vocab_size": 500, "n_positions": 128, "pad_token_id": 0},
    "llama": {**SMALL, "num_key_value_heads": 2, "pad_token_id": 0},
}
STRATEGIES = [r.Frozen(), r.LastN(n=2), r.Lora(r=4), r.Lora(r=4, target_modules="all-linear"), r.Full()]


@pytest.mark.parametrize("family", FAMILIES)
def test_weights_and_their_trained_share_are_as_measured(family):
    from transformers import AutoConfig, AutoModelForSequenceClassification

    from ftui.training import strategies

    config = AutoConfig.for_model(family, **FAMILIES[family], num_labels=3)
    model = AutoModelForSequenceClassification.from_config(config)
    counted = sum(p.numel() for p in model.base_model.parameters())
    assert parameters(config.to_dict()) == pytest.approx(counted, rel=0.02)
    for strategy in STRATEGIES:
        model = AutoModelForSequenceClassification.from_config(config)
        trained, total = strategies.trained_share(strategies.STRATEGIES[strategy.name](model, strategy))
        assert trained_share(config.to_dict(), strategy, 3) == pytest.approx(trained / total, rel=0.15), strategy


@pytest.mark.parametrize(("family", "sizes"), [("t5", {"num_heads": 4, "d_kv": 16, "d_ff": 128, "num_layers": 3}), ("bart", {"encoder_layers": 3, "decoder_layers": 2, "encoder_ffn_dim": 128, "decoder_ffn_dim": 128, "max_position_embeddings": 64})])
def test_an_encoder_with_a_decoder_is_counted_too(family, sizes):
    from transformers import AutoConfig, AutoModelForSeq2SeqLM

    config = AutoConfig.for_model(family, d_model=64, vocab_size=500, **sizes)
    counted = sum(p.numel() for p in AutoModelForSeq2SeqLM.from_config(config).parameters())
    assert parameters(config.to_dict()) == pytest.approx(counted, rel=0.02)
    assert trained_share(config.to_dict(), r.Lora()) is None


def test_what_the_list_says_follows_from_the_configs_in_it():
    for model in starters.well_known():
        assert parameters(model["config"]) == pytest.approx(model["millions"] * 1e6, rel=0.05), model["id"]


def test_what_a_config_does_not_tell_is_not_guessed():
    assert parameters(None) is None
    assert parameters({"model_type": "bert", "hidden_size": "large"}) is None
    assert trained_share(SMALL, r.Lora(target_modules=["query"])) is None
    assert trained_share(SMALL, r.LastN(n=9)) is None


def test_starters_folders_and_names(toy_model):
    starter = find("starter-encoder")
    assert starter.kind == "starter" and starter.here and starter.bytes is None
    folder = find(str(toy_model))
    assert folder.kind == "folder" and folder.parameters == starters.weights(toy_model)
    assert find(str(toy_model), folders=False).kind == "hub"
    assert not find("starter-../../ftui").here
    listed = find("google-bert/bert-base-chinese")
    assert (listed.kind, listed.language, listed.parameters, listed.bytes) == ("hub", "zh", 102_000_000, 408_000_000)


@pytest.fixture
def hub(toy_model, tmp_path, monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    with Hub({"someone/toy": toy_model}, gated={"someone/gated"}) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        yield hub


def test_the_hub_is_asked_for_a_config_and_never_for_weights(hub, toy_model):
    known, problem = base_models.ask_hub("someone/toy")
    assert problem == "" and not known.here
    assert known.bytes == (toy_model / "model.safetensors").stat().st_size
    assert known.parameters == pytest.approx(starters.weights(toy_model), rel=0.02)
    assert not any("safetensors" in path for path in hub.seen)
    assert find("someone/toy").parameters == known.parameters  # remembered: no network needed


def test_what_the_hub_does_not_give_has_a_reason(hub, monkeypatch):
    assert base_models.ask_hub("someone/missing")[1] == "no_such_model"
    assert base_models.ask_hub("someone/gated")[1] == "gated"
    assert base_models.ask_hub("not a name")[1] == "no_such_model"
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert base_models.ask_hub("someone/other")[1] == "no_network"


def test_downloaded_weights_are_found(hub, toy_model, tmp_path):
    base_models.ask_hub("someone/toy")
    (snapshot,) = (tmp_path / "cache").glob("models--someone--toy/snapshots/*")
    shutil.copy(toy_model / "model.safetensors", snapshot)
    assert find("someone/toy").here
