"""Dropout on a CPU with cheaper chance: 16 random bits for each number instead of a draw from a distribution.

torch's own draws one number after the other, which was a tenth of a training of short texts. Here four numbers share one draw
of 64 bits from the same generator (so seeds and resumed runs hold as before). The chance is kept to 2**-17, and what is
kept is scaled by the chance that it truly had, so that the expectation is exact.
"""

from __future__ import annotations

import functools
from typing import Any

import torch

STEPS = 2**16


def apply(model: torch.nn.Module) -> None:
    """Let the model's dropout layers, where they are on a CPU, draw like that. Attention's own dropout is attention.py's."""
    for module in model.modules():
        if type(module) is torch.nn.Dropout and not module.inplace:
            module.forward = functools.partial(_forward, module)  # type: ignore[method-assign]


def _forward(module: Any, values: torch.Tensor) -> torch.Tensor:
    return drop(values, module.p, module.training)


def drop(values: torch.Tensor, p: float, training: bool) -> torch.Tensor:
    """What torch's dropout of chance `p`, to 2**-17, does."""
    dropped = round(p * STEPS)
    if not training or dropped == 0:
        return values
    if values.device.type != "cpu" or dropped == STEPS:
        return torch.nn.functional.dropout(values, p, True)
    count = values.numel()
    bits = torch.empty((count + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    kept = (bits.view(torch.int16)[:count] >= dropped - STEPS // 2).view(values.shape)
    return (values * kept).mul_(STEPS / (STEPS - dropped))
