"""Gradients that are shortened by the optimiser as it reads them move the weights as gradients that were shortened before."""

import copy

import pytest
import torch
from transformers import Trainer

from ftui.training.trainer import GroupedTrainer
from tests.training.test_first_token import QUIET, build
from tests.training.test_used_tokens import trained


@pytest.mark.parametrize("scale", [0.01, 1000.0])  # of the loss: gradients shorter and longer than 1
def test_weights_are_those_of_clipped_gradients(tmp_path, monkeypatch, scale):
    begun = build("bert", **QUIET)
    norms = []
    plain = GroupedTrainer._clip_grad_norm

    def told(trainer, model):
        norms.append(plain(trainer, model).item())
        return torch.tensor(norms[-1])

    monkeypatch.setattr(GroupedTrainer, "_clip_grad_norm", told)
    one = trained(copy.deepcopy(begun), tmp_path, None, scale=scale)
    monkeypatch.setattr(GroupedTrainer, "_clip_grad_norm", Trainer._clip_grad_norm)
    other = trained(copy.deepcopy(begun), tmp_path, None, scale=scale)
    assert (min(norms) > 1) if scale > 1 else (max(norms) < 1)
    for (name, value), expected in zip(one.named_parameters(), other.parameters(), strict=True):
        torch.testing.assert_close(value, expected, atol=2e-6, rtol=1e-5, msg=name)
