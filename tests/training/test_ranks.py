"""A model in pieces: what relies on whole weights steps aside, and the pieces are put together again. The pieces themselves
(FSDP, DeepSpeed) need GPUs: here there is one."""

import json
import types

import pytest
import torch

from ftui.core.errors import UserError
from ftui.training import microbatches, ranks


@pytest.mark.parametrize("strategy", [{"name": "full"}, {"name": "frozen"}, {"name": "lora", "target_modules": "all-linear"}])
def test_what_is_learned_in_pieces_is_the_model_that_is_saved(train_here, monkeypatch, strategy):
    settings = {"per_device_train_batch_size": 8, "gradient_accumulation_steps": 2, "classifier_dropout": 0.0}
    monkeypatch.setattr(ranks, "sharded", lambda: "FSDP")
    with pytest.raises(UserError, match="GPUs"):
        train_here(strategy, **settings)
    monkeypatch.setattr(ranks, "check_device", lambda *_: None)
    parts, gathered, cut = [], [], microbatches.Cut.__call__
    monkeypatch.setattr(microbatches.Cut, "__call__", lambda self, rows: parts.append((len(rows), cut(self, rows))) or parts[-1][1])

    def told(trainer, build, gather=ranks.gathered):
        model = gather(trainer, build)
        assert model is not trainer.model
        gathered.append([{name: weight.clone() for name, weight in one.state_dict().items()} for one in (model, trainer.model)])
        return model

    monkeypatch.setattr(ranks, "gathered", told)
    run = train_here(strategy, **settings)
    assert run.finished and parts[0][0] == 8 and all(len(made["parts"]) == 1 for _, made in parts)
    assert not [e for e in run.events if e["type"] == "layers"] and not run.logged("cache_made")
    [[put_together, learned]] = gathered
    assert put_together.keys() == learned.keys() and all(torch.equal(put_together[name], learned[name]) for name in learned)
    assert json.loads(run.run.report.read_text())["splits"]["test"]["metrics"]["accuracy"] > 0.6


def test_their_launcher_says_what_cuts_the_model(monkeypatch):
    assert ranks.sharded() == ""
    monkeypatch.setenv("ACCELERATE_USE_DEEPSPEED", "true")
    assert ranks.sharded() == "DeepSpeed"
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "True")
    assert ranks.sharded() == "FSDP"


def test_pieces_of_another_model_are_not_taken(monkeypatch):
    """A weight with two names may come once; one that is missing may not."""

    class Tied(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.words, self.head, self.norm = torch.nn.Linear(2, 3, bias=False), torch.nn.Linear(2, 3, bias=False), torch.nn.Linear(1, 1)
            self.head.weight = self.words.weight

    learned = {name: weight.clone() + 1 for name, weight in Tied().state_dict().items() if name != "head.weight"}
    trainer = types.SimpleNamespace(accelerator=types.SimpleNamespace(get_state_dict=lambda _: learned), model_wrapped=None)
    assert torch.equal(ranks.gathered(trainer, Tied).head.weight, learned["words.weight"])
    monkeypatch.setenv("RANK", "1")
    assert ranks.gathered(trainer, Tied) is None
    monkeypatch.setenv("RANK", "0")
    del learned["norm.bias"]
    with pytest.raises(RuntimeError, match=r"norm\.bias"):
        ranks.gathered(trainer, Tied)
