"""The last layer for the [CLS] position only, where nothing else of it is ever read.

A classifier of the BERT kind looks at the first token of the last layer alone. That layer still needs keys and values
of all tokens, but its query, its output and the whole feed-forward part are needed for the first token only. Loss and
gradients are those of the full computation: the same to rounding without dropout, the same in distribution with it.
It steps aside (False) for models that read more of the last layer: other families, heads for tokens or spans,
decoders.
"""

from __future__ import annotations

import types
from typing import Any

from ftui.training import attention

FAMILIES = (
    "BertForSequenceClassification",
    "ElectraForSequenceClassification",
    "RobertaForSequenceClassification",
    "XLMRobertaForSequenceClassification",
)


def apply(model: Any) -> bool:
    """Let the model's last layer compute the first token only; whether it is a model where that is right."""
    if type(model).__name__ not in FAMILIES or model.config.is_decoder or model.config.add_cross_attention:
        return False
    if getattr(model.config, "_attn_implementation", "eager") not in ("eager", "sdpa", attention.NAME):
        return False
    layer = model.base_model.encoder.layer[-1]
    layer.forward = types.MethodType(_forward, layer)
    return True


def undo(model: Any) -> None:
    """Let the last layer compute all tokens again."""
    model.base_model.encoder.layer[-1].__dict__.pop("forward", None)


def _forward(layer: Any, hidden_states: Any, attention_mask: Any = None, *_: Any, **__: Any) -> Any:
    """(B, T, H) hidden states and a mask of (B, 1, T or 1, T), or None, give (B, 1, H)."""
    from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

    own = layer.attention.self
    first = hidden_states[:, :1]

    def heads(projected: Any) -> Any:
        return projected.view(*projected.shape[:2], -1, own.attention_head_size).transpose(1, 2)

    computed, _weights = ALL_ATTENTION_FUNCTIONS["sdpa"](
        own,
        heads(own.query(first)),
        heads(own.key(hidden_states)),
        heads(own.value(hidden_states)),
        None if attention_mask is None else attention_mask[:, :, :1],
        dropout=own.dropout.p if layer.training else 0.0,
        scaling=own.scaling,
    )
    output = layer.attention.output(computed.reshape(*first.shape[:2], -1), first)
    return layer.feed_forward_chunk(output)
