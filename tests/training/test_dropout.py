"""Our dropout drops as often as torch's, keeps the expectation, and follows the seed."""

import pytest
import torch

from ftui.training import dropout


def layer(p: float) -> torch.nn.Sequential:
    model = torch.nn.Sequential(torch.nn.Identity(), torch.nn.Dropout(p))
    dropout.apply(model)
    return model


@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_as_often_and_everywhere(p, kind):
    torch.manual_seed(0)
    drop, ones = layer(p), torch.ones(1001, 1001, dtype=kind)
    found = drop(ones)
    kept = found != 0
    error = (p * (1 - p) / ones.numel()) ** 0.5
    assert abs(kept.double().mean() - (1 - p)) < 4 * error
    torch.testing.assert_close(found[kept].double().mean().item(), 1 / (1 - p), rtol=5e-3 if kind is torch.bfloat16 else 1e-4, atol=0)
    lanes = kept.flatten()[: 4 * (kept.numel() // 4)].view(-1, 4).double()  # four numbers share a draw
    assert (abs(lanes.mean(0) - (1 - p)) < 9 * error).all()
    together = torch.corrcoef(lanes.T) - torch.eye(4)
    assert together.abs().max() < 0.01


def test_gradients_pass_where_values_passed():
    torch.manual_seed(1)
    values = torch.randn(7, 33, requires_grad=True)
    found = layer(0.3)(values)
    found.sum().backward()
    torch.testing.assert_close(values.grad * values.detach(), found.detach())
    assert 0 < (values.grad == 0).sum() < values.numel()


def test_it_follows_the_seed_and_rests_outside_training():
    drop, values = layer(0.2), torch.randn(50, 3)
    torch.manual_seed(5)
    first = drop(values)
    assert not torch.equal(first, drop(values))
    torch.manual_seed(5)
    assert torch.equal(first, drop(values))
    assert drop.eval()(values) is values
    assert layer(0.0)(values) is values
