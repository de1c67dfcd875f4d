"""A run that is stopped in mid-epoch and resumed ends with the weights of one that was never broken."""

import pytest
import torch

from ftui.core.home import Home
from ftui.evaluation import run as evaluation
from ftui.training import microbatches, trainer
from tests.training.conftest import Trained

STRATEGIES = {
    "gradual": {"name": "gradual", "layers_per_epoch": 1, "layer_decay": 0.8},
    "layer_decay": {"name": "full", "layer_decay": 0.5},
    "last_n": {"name": "last_n", "n": 1},
    "frozen": {"name": "frozen"},
    "bitfit": {"name": "bitfit"},
    "pissa_plus": {"name": "lora", "r": 4, "target_modules": "all-linear", "init_lora_weights": "pissa", "loraplus_lr_ratio": 4},
}


@pytest.mark.parametrize(
    ("name", "stop_at"), [("gradual", 5), ("gradual", 20), ("layer_decay", 20), ("last_n", 5), ("frozen", 20), ("bitfit", 5), ("pissa_plus", 20)]
)
def test_broken_is_unbroken(train_here, monkeypatch, name, stop_at):
    strategy = STRATEGIES[name]
    monkeypatch.setitem(microbatches.TOKENS, "cpu", 64)  # several parts to a batch
    settings = {"num_train_epochs": 2, "learning_rate": 3e-3, "classifier_dropout": 0.2}
    whole = train_here(strategy, **settings).weights()
    first = train_here(strategy, stop_at=stop_at, **settings)
    assert not first.finished
    second = train_here(run=first.run)
    assert second.finished
    step = int(second.logged("resuming")[0]["step"])  # an evaluation asks too
    assert step == 5 if stop_at == 5 else 14 < step < 28, "of 14 steps an epoch"
    again = second.weights()
    for name in whole:
        torch.testing.assert_close(again[name], whole[name], atol=1e-6, rtol=0, msg=name)
    if strategy["name"] == "gradual":
        assert [t["count"] for t in first.logged("thawed")] == ([1, 2] if stop_at == 20 else [1])


@pytest.mark.parametrize("epochs", [1, 2])
def test_a_stop_at_an_epochs_last_step_comes_after_its_validation(train_here, epochs):
    settings = {"num_train_epochs": epochs, "classifier_dropout": 0.2}
    whole = train_here(**settings)
    first = train_here(stop_at=14, **settings)  # of 14 steps an epoch
    assert not first.finished and len(first.curve("validation_loss")) == 1
    second = train_here(run=first.run)
    assert second.finished and second.logged("resuming") == [{"step": "14"}]
    assert first.curve("validation_loss") + second.curve("validation_loss") == pytest.approx(whole.curve("validation_loss"), abs=1e-6)
    again = second.weights()
    for name, weight in whole.weights().items():
        torch.testing.assert_close(again[name], weight, atol=1e-6, rtol=0, msg=name)


PATIENT = {"eval_strategy": "steps", "eval_steps": 2, "early_stopping_patience": 3, "learning_rate": 0.03, "num_train_epochs": 4}


def test_patience_outlasts_a_stop(train_here, monkeypatch):
    whole = train_here(**PATIENT)
    (ended,), (best,) = whole.logged("stopped_early"), whole.logged("best")
    monkeypatch.setattr(trainer, "SAVE_EVERY", -1.0)  # a checkpoint at every step, as a killed run may leave one
    first = train_here(stop_at=ended["step"] + 5, **PATIENT)  # the validations ask, too
    second = train_here(run=first.run)
    assert not first.finished and best["step"] < int(second.logged("resuming")[0]["step"]) < ended["step"]
    assert second.logged("stopped_early") == [ended] and second.logged("best") == [best]


@pytest.mark.parametrize("settings", [PATIENT, {"max_steps": 20}, {"num_train_epochs": 1}])
@pytest.mark.parametrize("strategy", [{"name": "full"}, {"name": "lora", "r": 4}])
def test_a_run_that_had_come_to_its_end_is_not_trained_further(train_here, monkeypatch, settings, strategy):
    def fail(*_):
        raise OSError("no room")

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate_splits", fail)
        with pytest.raises(OSError, match="no room"):
            train_here(strategy, **settings)
    (run,) = Home(train_here.home).all_runs()
    weights = Trained(run, False, []).weights()
    done = train_here(run=run)
    assert done.finished and done.curve("loss") == [] and bool(done.logged("stopped_early")) == (settings is PATIENT)
    for name, weight in done.weights().items():
        assert torch.equal(weights[name], weight), name
