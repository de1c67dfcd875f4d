"""How fast each weight learns beside the others: layer-wise decay (Clark et al., 2020) and LoRA+ (Hayou et al., 2024)."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from ftui.core import recipe as r
from ftui.training import strategies

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


def shares(model: PreTrainedModel, strategy: r.Strategy) -> dict[str, float] | None:
    """{name of a parameter: its share of the learning rate}, None where all have the whole of it.

    With `layer_decay` d the head has 1, the last layer d, the one below d squared, and so on down to the embeddings.
    With `loraplus_lr_ratio` the B matrices have that many times the rate.
    """
    names = [name for name, _ in model.named_parameters()]
    if isinstance(strategy, r.Full | r.Gradual) and strategy.layer_decay < 1:
        return {name: strategy.layer_decay**d for name, (_, d) in zip(names, strategies.depths(model), strict=True)}
    if isinstance(strategy, r.Lora) and strategy.loraplus_lr_ratio > 1:
        return {name: strategy.loraplus_lr_ratio if "lora_B" in name else 1.0 for name in names}
    return None


def groups(
    named: dict[str, Parameter], shares: dict[str, float], rate: float, weight_decay: float, decaying: Collection[str]
) -> list[dict]:
    """The optimiser's groups, those with the whole rate first (theirs is the rate that is logged).

    `named`: the parameters that learn; `decaying`: names of those with weight decay (no biases, no norms).
    """
    made = []
    for share in sorted({shares[name] for name in named}, key=lambda share: (share != 1.0, -share)):
        mine = [name for name in named if shares[name] == share]
        for names, decay in (
            ([name for name in mine if name in decaying], weight_decay),
            ([name for name in mine if name not in decaying], 0.0),
        ):
            if names:
                made.append({"params": [named[name] for name in names], "lr": rate * share, "weight_decay": decay})
    return made
