"""Attention of short rows on a CPU: plain matrix products, up to a tenth faster in training than the fused kernel, which is
made for long rows; in the BERT family with our cheaper dropout, which is another tenth."""

from __future__ import annotations

from typing import Any

import torch

from ftui.training.dropout import drop

SHORT = 256  # tokens of a row
NAME = "ftui_short"
FAMILIES = ("bert", "electra", "roberta", "xlm-roberta", "camembert", "distilbert")  # whose eager attention does no more than `forward`


def attend(model: Any, device: str, longest: int) -> None:
    """Let a model whose rows have up to `longest` tokens attend in the fastest way there is."""
    if device != "cpu" or longest > SHORT:
        return
    if model.config.model_type not in FAMILIES or getattr(model.config, "is_decoder", False):
        model.set_attn_implementation("eager")
        return
    from transformers import AttentionInterface, AttentionMaskInterface
    from transformers.masking_utils import eager_mask

    AttentionInterface.register(NAME, forward)
    AttentionMaskInterface.register(NAME, eager_mask)
    model.set_attn_implementation(NAME)


def forward(
    module: Any, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, attention_mask: torch.Tensor | None,
    scaling: float | None = None, dropout: float = 0.0, **_: Any,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """What `eager_attention_forward` of these families computes: (B, H, T, D) give (B, T, H, D) and the weights (B, H, T, T).
    Under autocast the weights of padded batches stay bf16 as those of others do, where a float32 mask would make them float32."""
    weights = torch.matmul(query * (query.size(-1) ** -0.5 if scaling is None else scaling), key.transpose(2, 3))
    if attention_mask is not None:
        weights = weights + attention_mask.to(weights.dtype)
    weights = drop(torch.softmax(weights, dim=-1), dropout, module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights
