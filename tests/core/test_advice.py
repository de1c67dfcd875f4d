"""Which strategy is proposed, and with which settings."""

import pytest

from ftui.core import advice, estimate, languages, recipe

GB = 1_000_000_000
BERT = {"model_type": "bert", "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "vocab_size": 21_128, "intermediate_size": 3072, "max_position_embeddings": 512}
SMALL = {**BERT, "hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 1024}


def asked(rows, labels=2, weights=102_000_000, gpu=False, free=16 * GB, length=30, **training):
    made = recipe.build({"data": {"path": "x"}, "device": "cpu", "training": {"num_train_epochs": 3, **training}})
    config = BERT if weights > 50_000_000 else SMALL
    read = estimate.Rows(rows, rows // 10, rows // 5, (length,))
    return made, advice.advise(made, rows, labels, weights, gpu, lambda r: estimate.estimate(r, config, weights, read, {}, "cpu"), free)


@pytest.fixture(autouse=True)
def _one_processor(monkeypatch):
    """A hundred thousand million operations a second, whatever machine the test runs on."""
    monkeypatch.setattr(estimate, "processor", lambda: 1e11)


@pytest.mark.parametrize(
    ("expected", "reason", "options"),
    [
        ("full", "small", {"rows": 216, "weights": 7_500_000}),
        ("frozen", "few_rows", {"rows": 12}),
        ("lora", "large", {"rows": 500}),
        ("full", "enough", {"rows": 3000}),
        ("lora", "memory", {"rows": 3000, "free": 3 * GB}),
        ("last_n", "long", {"rows": 9_000}),
        ("frozen", "very_long", {"rows": 90_000}),
        ("frozen", "very_long", {"rows": 900_000}),
        ("full", "gpu", {"rows": 50_000, "gpu": True}),
        ("lora", "gpu_memory", {"rows": 50_000, "weights": 7_000_000_000, "gpu": True}),
    ],
)
def test_strategy_and_reason(expected, reason, options):
    _, told = asked(**options)
    assert (told.strategy, told.reason) == (expected, reason)
    assert all(languages.text("advice_" + told.reason, lang) for lang in languages.LANGUAGES)


def test_settings_that_make_it_fit_and_no_more():
    assert asked(500, free=4 * GB)[1].settings == {}
    made, told = asked(500, free=3 * GB, length=300, per_device_train_batch_size=32)
    assert told.settings["training.per_device_train_batch_size"] * told.settings["training.gradient_accumulation_steps"] == 32
    changed = recipe.changed(advice.with_strategy(made, told.strategy), [f"{name}={value}" for name, value in told.settings.items()])
    assert changed.steps(500) == made.steps(500)  # the rows of an update stay
    _, little = asked(500, free=GB // 2, length=300)
    assert little.settings["training.max_length"] == 128 and little.settings["training.gradient_checkpointing"]


def test_what_was_chosen_of_a_strategy_stays():
    made = recipe.build({"data": {"path": "x"}, "strategy": {"name": "lora", "r": 4}})
    assert advice.with_strategy(made, "lora") is made
    assert advice.with_strategy(made, "frozen").strategy == recipe.Frozen()
