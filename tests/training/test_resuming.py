"""A run that is stopped in mid-epoch and resumed ends with the weights of one that was never broken."""

import pytest
import torch

from ftui.training import microbatches

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
