"""Logits only where there is a label: the head of a language model is its dearest layer, and most of what it says in
instruction tuning (about the question, about padding) is thrown away.

The loss and its gradients are those of the full computation: the output layer works on each token by itself.
"""

from __future__ import annotations

from typing import Any

IGNORED = -100


def forward(model: Any, head: Any, inputs: dict, shifted: bool) -> tuple[Any, Any]:
    """(N, V) logits and (N,) labels of the tokens that have one. `inputs`: a batch with labels (B, T); `head`: the model's
    output embeddings; `shifted`: whether the logits of a token are about the next one. A decoder beside an encoder is given
    the labels one token late."""
    inputs = dict(inputs)
    labels = inputs.pop("labels")
    if shifted:
        labels = labels.roll(-1, dims=1)
        labels[:, -1] = IGNORED
        inputs["use_cache"] = False
    elif getattr(model, "module", model).config.is_encoder_decoder:
        inputs["decoder_input_ids"] = getattr(model, "module", model).prepare_decoder_input_ids_from_labels(labels=labels)
        inputs["use_cache"] = False
    wanted = labels != IGNORED
    handle = head.register_forward_pre_hook(lambda module, given: (given[0][wanted], *given[1:]))
    try:
        outputs = model(**inputs)
    finally:
        handle.remove()
    return outputs["logits"], labels[wanted]
