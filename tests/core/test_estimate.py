"""What a training will cost, reckoned from what is known of this machine."""

import dataclasses

import pytest

from ftui.core import estimate, recipe
from ftui.core.base_models import shape
from ftui.core.estimate import Rows, Speed
from ftui.core.home import Home

CONFIG = {"model_type": "bert", "hidden_size": 256, "num_hidden_layers": 4, "num_attention_heads": 4, "vocab_size": 20_000, "intermediate_size": 1024, "max_position_embeddings": 512}
ROWS = Rows(1000, 100, 200, (20, 30, 40))
SPEED = Speed(step=0.02, token=1e-4, validated=3e-5, cached=0.0, answered=4e-5, saved=0.5, start=8.0, end=2.0, warming=0.5, over=300_000_000)


def made(strategy="full", **training):
    return recipe.build({"data": {"path": "x"}, "strategy": {"name": strategy}, "training": {"num_train_epochs": 3, **training}, "device": "cpu"})


def reckoned(one, speeds, rows=ROWS, config=CONFIG, device="cpu"):
    return estimate.estimate(one, config, 8_000_000, rows, speeds, device)


@pytest.fixture
def known(tmp_path):
    """The speed of a full training, kept and read again."""
    home = Home(tmp_path)
    assert estimate.known(home) == {}
    estimate.remember(home, made(), shape(CONFIG), "cpu", SPEED)
    return estimate.known(home)


def test_the_sum_of_what_was_measured(known):
    cost = reckoned(made(), known)
    steps, each = 3 * 63, 32.0
    by_hand = 8 + 2 + 3 * 0.5 + 0.02 * steps + 1e-4 * 3000 * each + 3 * (3e-5 * 100 * each + 0.5) + 4e-5 * 300 * each
    assert cost.source == "same"
    low, high = cost.seconds
    assert low < by_hand < high < 1.6 * low
    assert low == pytest.approx(0.85 * 11.5 + (by_hand - 11.5) / 1.25)
    alike = dataclasses.replace(ROWS, tokens=(30, 30, 30))
    assert reckoned(made(), known, alike).seconds[0] == pytest.approx(low - 0.85)  # two lengths less


def test_the_further_off_the_wider(known):
    other = {**CONFIG, "num_hidden_layers": 6, "hidden_size": 384}
    asked = [(made(), CONFIG, known), (made("lora"), CONFIG, known), (made(), other, known), (made(), CONFIG, {})]
    costs = [reckoned(one, speeds, config=config) for one, config, speeds in asked]
    assert [cost.source for cost in costs] == ["same", "strategy", "model", "guess"]
    widths = [cost.seconds[1] / cost.seconds[0] for cost in costs]
    assert widths == sorted(widths)
    assert sum(costs[2].seconds) > sum(costs[0].seconds)  # more layers take longer


def test_a_guess_on_a_busy_machine_is_longer_and_what_was_measured_stays(known):
    def seconds(speeds: dict, busy: float) -> tuple[float, float]:
        return estimate.estimate(made(), CONFIG, 8_000_000, ROWS, speeds, "cpu", busy).seconds

    idle, busy = seconds({}, 1.0), seconds({}, 4.0)
    assert busy[1] - idle[1] == pytest.approx(3 * (estimate.START + estimate.END) * estimate.SURE["guess"])
    assert seconds(known, 4.0) == seconds(known, 1.0)


def test_no_figure_of_another_device_or_model_without_config(known):
    assert reckoned(made(), known, device="cuda").seconds is None
    assert reckoned(made(), known, config=None).seconds is None


def test_more_epochs_and_longer_rows_take_longer(known):
    first = reckoned(made(), known).seconds[0]
    assert reckoned(made(num_train_epochs=6), known).seconds[0] > 1.3 * first
    assert reckoned(made(), known, dataclasses.replace(ROWS, tokens=(100,))).seconds[0] > 1.3 * first
    assert reckoned(made(max_steps=10), known).seconds[0] < first


def test_frozen_layers_are_computed_once():
    frozen = reckoned(made("frozen"), {})
    assert frozen.seconds[0] < reckoned(made("frozen", cache_frozen=False), {}).seconds[0] < reckoned(made(), {}).seconds[0]


def test_memory(known):
    assert reckoned(made(), known).memory == reckoned(made(), {}).memory + SPEED.over
    few = {"per_device_eval_batch_size": 1}
    settings = [made(**few), made("lora", **few), made(gradient_checkpointing=True, **few), made(per_device_train_batch_size=2, **few), made()]
    long = Rows(1000, 100, 200, (500,))
    full, lora, checkpointed, small, validated = (reckoned(one, {}, long).memory for one in settings)
    assert max(lora, checkpointed, small) < full < validated
    assert reckoned(made(save_total_limit=5), {}).disk > reckoned(made(), {}).disk > reckoned(made("lora"), {}).disk


def test_a_damaged_file_is_no_file(tmp_path, known):
    for text in ("", "[1]", '{"a": 1}', '{"a|b|c|d": {"token": 1}}', '{"cpu 2|x|full|0": {"step": 1}}'):
        (tmp_path / "queue" / "speeds.json").write_text(text)
        assert estimate.known(Home(tmp_path)) == {}
