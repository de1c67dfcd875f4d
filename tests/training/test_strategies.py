"""Which weights each strategy trains, for each family of models."""

import pytest
import torch
import transformers

from ftui.core import recipe as r
from ftui.core.errors import UserError
from ftui.training import adapters, rates, strategies, thawing

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


@pytest.mark.parametrize("family", SIZES)
def test_bitfit_trains_biases_and_the_head(family):
    model = build(family)
    if family in ("modernbert", "llama"):  # they have no biases
        with pytest.raises(UserError) as caught:
            strategies.bitfit(model, r.BitFit())
        assert caught.value.code == "no_biases"
        return
    names = trainable(strategies.bitfit(model, r.BitFit()))
    assert all(name.endswith("bias") or is_head(name) for name in names)
    assert any(not is_head(name) for name in names)
    assert any(is_head(name) for name in names)


@pytest.mark.parametrize("family", SIZES)
def test_gradual_thaws_from_the_top(family):
    model = build(family)
    thaw = thawing.Thaw(strategies.gradual(model, r.Gradual()), r.Gradual(layers_per_epoch=1), epochs=5)
    seen = []
    for epoch in range(5):
        thaw.on_epoch_begin(None, transformers.TrainerState(epoch=float(epoch)), None)
        names = trainable(model)
        assert any(is_head(name) for name in names)
        assert any("embed" in name or "wte" in name for name in names) == (epoch >= 2)
        seen.append({strategies.layer_of(name) for name in names} - {None})
    assert seen == [{2}, {1, 2}, {0, 1, 2}, {0, 1, 2}, {0, 1, 2}]
    assert trainable(model) == {name for name, _ in model.named_parameters()}


@pytest.mark.parametrize(
    ("epochs", "counts"), [(1, [3]), (0.5, [3]), (2, [2, 3]), (3, [1, 2, 3]), (10, [1, 2, 3, 3, 3, 3, 3, 3, 3, 3])]
)
def test_auto_spreads_the_layers_over_the_run(epochs, counts):
    thaw = thawing.Thaw(build("bert"), r.Gradual(), epochs)
    assert [thaw.thawed(epoch) for epoch in range(len(counts))] == counts


@pytest.mark.parametrize("family", SIZES)
def test_layers_further_down_learn_more_slowly(family):
    model = build(family)
    shares = rates.shares(model, r.Full(layer_decay=0.5))
    assert rates.shares(model, r.Full()) is None
    for name, _ in model.named_parameters():
        layer = strategies.layer_of(name)
        if is_head(name):
            assert shares[name] == 1.0
        elif layer is not None:
            assert shares[name] == 0.5 ** (3 - layer)
        elif "embed" in name or "wte" in name:
            assert shares[name] == 0.5**4
    named = dict(model.named_parameters())
    decaying = {name for name in named if name.endswith("weight")}
    made = rates.groups(named, shares, 0.1, 0.01, decaying)
    assert sum(len(group["params"]) for group in made) == len(named)
    assert made[0]["lr"] == 0.1  # the one that the log shows
    for group in made:
        for parameter in group["params"]:
            name = next(n for n, p in named.items() if p is parameter)
            assert group["lr"] == pytest.approx(0.1 * shares[name])
            assert group["weight_decay"] == (0.01 if name in decaying else 0.0)


def test_lora_plus_gives_b_a_higher_rate():
    model = strategies.lora(build("bert"), r.Lora(r=2))
    shares = rates.shares(model, r.Lora(loraplus_lr_ratio=16))
    assert rates.shares(model, r.Lora()) is None
    assert {share for name, share in shares.items() if "lora_B" in name} == {16}
    assert {share for name, share in shares.items() if "lora_B" not in name} == {1}


def weights(model):
    """What a BERT with LoRA computes with: base and adapter together."""
    layer = model.base_model.model.bert.encoder.layer[0].attention.self.query
    return layer.base_layer.weight + layer.get_delta_weight("default")


@pytest.mark.parametrize("init", ["default", "gaussian", "pissa", "olora"])
def test_every_start_of_lora_begins_at_the_base_model(init):
    base = build("bert")
    original = base.bert.encoder.layer[0].attention.self.query.weight.detach().clone()
    model = strategies.lora(base, r.Lora(r=2, init_lora_weights=init))
    layer = model.base_model.model.bert.encoder.layer[0].attention.self.query
    torch.testing.assert_close(weights(model), original, atol=1e-5, rtol=0)
    changed = not torch.equal(layer.base_layer.weight, original)
    assert changed == (init in strategies.CHANGE_BASE)


def test_lora_variants_reach_peft():
    config = strategies.lora(build("bert"), r.Lora(r=2, use_rslora=True, use_dora=True, lora_dropout=0.3)).peft_config["default"]
    assert (config.use_rslora, config.use_dora, config.lora_dropout, config.lora_alpha) == (True, True, 0.3, 16)


def test_a_rank_that_pissa_cannot_bear():
    with pytest.raises(UserError) as caught:
        strategies.lora(build("bert"), r.Lora(r=17, init_lora_weights="pissa"))
    assert caught.value.code == "lora_rank"


@pytest.mark.parametrize("options", [{}, {"use_rslora": True}, {"use_dora": True}])
@pytest.mark.parametrize("init", ["default", "pissa", "olora"])
def test_a_saved_adapter_belongs_to_the_published_base(init, options, tmp_path):
    base = build("bert").eval()
    base.save_pretrained(tmp_path / "base")
    strategy = r.Lora(r=2, init_lora_weights=init, **options)
    model = strategies.lora(base, strategy)
    adapters.remember(model, strategy, tmp_path)
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter += 0.1 * torch.randn_like(parameter)
    adapters.save(model, strategy, tmp_path, tmp_path / "adapter")
    merged = adapters.merge(model, tmp_path / "adapter", None).eval()
    fresh = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "base")
    again = adapters.merge(None, tmp_path / "adapter", fresh).eval()
    assert isinstance(again, transformers.BertForSequenceClassification)
    ids = torch.arange(5, 25).view(2, 10)
    torch.testing.assert_close(again(ids).logits, merged(ids).logits, atol=1e-5, rtol=1e-5)


def test_4_bits_say_what_is_missing(monkeypatch):
    assert adapters.quantised(r.Lora(), "cpu") == {}
    with pytest.raises(UserError) as caught:
        adapters.quantised(r.Lora(load_in_4bit=True), "cpu")
    assert caught.value.code == "quantised_needs_gpu"
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError) as caught:
        adapters.quantised(r.Lora(load_in_4bit=True), "cuda")
    assert caught.value.code == "quantised_needs_package"


def test_lora_targets_that_do_not_exist():
    with pytest.raises(UserError) as caught:
        strategies.lora(build("bert"), r.Lora(target_modules=["nothing"]))
    assert caught.value.code == "lora_targets"


def test_gradual_is_refused_in_several_processes(toy_model, monkeypatch):
    from ftui.tasks import text_classification

    model = text_classification.load_model(str(toy_model), ["a", "b"])
    assert strategies.gradual(model, r.Gradual()) is model
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="one process only"):
        strategies.gradual(model, r.Gradual())
