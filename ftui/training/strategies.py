"""Which weights are trained. Each function takes the model and its part of the recipe and returns the model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ftui.core import recipe as r
from ftui.core.errors import UserError

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def full(model: PreTrainedModel, strategy: r.Full) -> PreTrainedModel:
    """All weights."""
    return model


def frozen(model: PreTrainedModel, strategy: r.Frozen) -> PreTrainedModel:
    """The head alone; the backbone stays as it was pre-trained."""
    for parameter in model.base_model.parameters():
        parameter.requires_grad = False
    return model


def last_n(model: PreTrainedModel, strategy: r.LastN) -> PreTrainedModel:
    """The last n layers of the backbone, what comes after them, and the head."""
    count = layers(model)
    if strategy.n > count:
        raise UserError("too_few_layers", n=strategy.n, layers=count)
    first = count - strategy.n
    for name, parameter in model.base_model.named_parameters():
        number = layer_of(name)
        parameter.requires_grad = number is not None and number >= first or _after_layers(name)
    return model


def lora(model: PreTrainedModel, strategy: r.Lora) -> PreTrainedModel:
    """Low-rank adapters (Hu et al., 2021; peft) and the head."""
    import peft

    heads = [name for name, _ in model.named_children() if name != model.base_model_prefix]
    heads = [name for name in heads if any(True for _ in getattr(model, name).parameters())]

    def wrap(target: str | list[str] | None) -> PreTrainedModel:
        config = peft.LoraConfig(
            task_type=next((kind for name, kind in TASK_TYPES.items() if name in type(model).__name__), None),
            r=strategy.r,
            lora_alpha=strategy.lora_alpha,
            lora_dropout=strategy.lora_dropout,
            target_modules=target,
            exclude_modules=heads if target == "all-linear" else None,
            modules_to_save=heads,
            fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),  # GPT-2's layers
            use_rslora=strategy.use_rslora,
            use_dora=strategy.use_dora,
        )
        return peft.get_peft_model(model, config)

    if strategy.target_modules != "auto":
        try:
            return wrap(strategy.target_modules)
        except ValueError as error:
            raise UserError("lora_targets", targets=strategy.target_modules) from error
    try:
        return wrap(None)  # peft's own choice for this family
    except ValueError:
        return wrap("all-linear")


# What peft calls the task of a model of this class.
TASK_TYPES = {"ForSequenceClassification": "SEQ_CLS", "ForTokenClassification": "TOKEN_CLS", "ForQuestionAnswering": "QUESTION_ANS"}
STRATEGIES: dict[str, Callable] = {"full": full, "frozen": frozen, "last_n": last_n, "lora": lora}

_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")


def layer_of(name: str) -> int | None:
    """The number of the layer that a parameter belongs to, from its name; None outside the layers.

    >>> layer_of("encoder.layer.3.output.dense.weight"), layer_of("embeddings.word_embeddings.weight")
    (3, None)
    """
    found = _LAYER.search(name)
    return int(found.group(1)) if found else None


def layers(model: PreTrainedModel) -> int:
    """How many layers the backbone has."""
    numbers = [layer_of(name) for name, _ in model.base_model.named_parameters()]
    return 1 + max((n for n in numbers if n is not None), default=-1)


def _after_layers(name: str) -> bool:
    """Pooler and final norm come after the last layer."""
    return bool(re.match(r"(pooler|ln_f|norm|final_norm|final_layer_norm)\.", name))


def trained_share(model: PreTrainedModel) -> tuple[int, int]:
    """(weights that are trained, all weights)."""
    return (
        sum(p.numel() for p in model.parameters() if p.requires_grad),
        sum(p.numel() for p in model.parameters()),
    )
