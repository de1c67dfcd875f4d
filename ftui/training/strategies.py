"""Which weights are trained. Each function takes the model and its part of the recipe and returns the model."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from ftui.core import recipe as r
from ftui.core.errors import UserError
from ftui.training import ranks

if TYPE_CHECKING:
    from torch.nn import Parameter
    from transformers import PreTrainedModel


def full(model: PreTrainedModel, strategy: r.Full) -> PreTrainedModel:
    """All weights."""
    return model


def frozen(model: PreTrainedModel, strategy: r.Frozen) -> PreTrainedModel:
    """The head alone; the backbone stays as it was pre-trained. Of a model that reads with an encoder and writes with a decoder
    the encoder stays, with the table of words that both share; the decoder learns."""
    writes = model.config.is_encoder_decoder and model.get_output_embeddings() is not None
    for parameter in (model.get_encoder() if writes else model.base_model).parameters():
        parameter.requires_grad = False
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UserError("nothing_trains", strategy=strategy.name)
    return model


def last_n(model: PreTrainedModel, strategy: r.LastN) -> PreTrainedModel:
    """The last n layers of the backbone, what comes after them, and the head."""
    count = layers(model)
    if strategy.n > count:
        raise UserError("too_few_layers", n=strategy.n, layers=count)
    for parameter, depth in depths(model):
        parameter.requires_grad = depth <= strategy.n
    return model


def gradual(model: PreTrainedModel, strategy: r.Gradual) -> PreTrainedModel:
    """The head and the uppermost layers first, more with every epoch (Howard and Ruder, 2018): thawing.py."""
    if not layers(model):
        raise UserError("too_few_layers", n=1, layers=0)
    if ranks.count() > 1:  # what they exchange is fixed when they begin
        raise UserError("gradual_processes")
    return model


def bitfit(model: PreTrainedModel, strategy: r.BitFit) -> PreTrainedModel:
    """The biases (Ben Zaken et al., 2022) and the head."""
    biases = 0
    for name, parameter in model.base_model.named_parameters():
        parameter.requires_grad = name.endswith("bias")
        biases += name.endswith("bias")
    if not biases:
        raise UserError("no_biases", family=model.config.model_type)
    return model


def lora(model: PreTrainedModel, strategy: r.Lora) -> PreTrainedModel:
    """Low-rank adapters (Hu et al., 2021; peft) and the head."""
    import peft

    speaks = model.get_output_embeddings() is not None  # a language model keeps the head that it was trained with
    heads = [] if speaks else [name for name, _ in model.named_children() if name != model.base_model_prefix]
    heads = [name for name in heads if any(True for _ in getattr(model, name).parameters())]

    def wrap(target: str | list[str] | None) -> PreTrainedModel:
        config = peft.LoraConfig(
            task_type=_task_type(model, speaks),
            r=strategy.r,
            lora_alpha=strategy.lora_alpha,
            lora_dropout=strategy.lora_dropout,
            target_modules=target,
            exclude_modules=heads or None if target == "all-linear" else None,
            modules_to_save=heads or None,
            fan_in_fan_out=any(type(module).__name__ == "Conv1D" for module in model.modules()),  # GPT-2's layers
            use_rslora=strategy.use_rslora,
            use_dora=strategy.use_dora,
            init_lora_weights=strategy.init_lora_weights if strategy.init_lora_weights != "default" else True,
        )
        return peft.get_peft_model(model, config)

    if strategy.load_in_4bit:
        model = peft.prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
    if strategy.init_lora_weights in CHANGE_BASE and strategy.r > _smallest_side(model):
        raise UserError("lora_rank", r=strategy.r, largest=_smallest_side(model), init=strategy.init_lora_weights)
    if strategy.target_modules != "auto":
        try:
            return wrap(strategy.target_modules)
        except ValueError as error:
            raise UserError("lora_targets", targets=strategy.target_modules) from error
    try:
        return wrap(None)  # peft's own choice for this family
    except ValueError:
        return wrap("all-linear")


def _task_type(model: PreTrainedModel, speaks: bool) -> str | None:
    if model.config.is_encoder_decoder and speaks:
        return "SEQ_2_SEQ_LM"
    if speaks and hasattr(model, "prepare_inputs_for_generation"):
        return "CAUSAL_LM"
    return next((kind for name, kind in TASK_TYPES.items() if name in type(model).__name__), None)


# What peft calls the task of a model of this class.
TASK_TYPES = {"ForSequenceClassification": "SEQ_CLS", "ForTokenClassification": "TOKEN_CLS", "ForQuestionAnswering": "QUESTION_ANS"}
CHANGE_BASE = ("pissa", "olora")  # ways to begin that move a part of the base weights into the adapter

STRATEGIES: dict[str, Callable] = {
    "full": full,
    "frozen": frozen,
    "last_n": last_n,
    "gradual": gradual,
    "bitfit": bitfit,
    "lora": lora,
}

_LAYER = re.compile(r"(?:^|\.)(?:layer|layers|h|block)\.(\d+)\.")


def layer_of(name: str) -> int | None:
    """The number of the layer that a parameter belongs to, from its name; None outside the layers.

    >>> layer_of("encoder.layer.3.output.dense.weight"), layer_of("embeddings.word_embeddings.weight")
    (3, None)
    """
    found = _LAYER.search(name)
    return int(found.group(1)) if found else None


def layers(model: PreTrainedModel) -> int:
    """How many layers the backbone has, those of an encoder and of a decoder together."""
    return 1 + max((n for n in _numbers(model).values() if n is not None), default=-1)


def encoder_layers(model: PreTrainedModel) -> int:
    """How many of the layers are those of an encoder below a decoder; 0 for a model that is not made of both."""
    if not model.config.is_encoder_decoder:
        return 0
    numbers = [layer_of(name) for name, _ in model.base_model.named_parameters() if name.startswith("encoder.")]
    return 1 + max((n for n in numbers if n is not None), default=-1)


def _numbers(model: PreTrainedModel) -> dict[str, int | None]:
    """{parameter of the backbone: the number of its layer}. Where there are an encoder and a decoder, the decoder's layers
    come after the encoder's, whose last norm belongs to its last layer."""
    found = {name: layer_of(name) for name, _ in model.base_model.named_parameters()}
    below = encoder_layers(model)
    if not below:
        return found
    found |= {name: below - 1 for name in found if name.startswith("encoder.") and _after_layers(name)}
    return {name: n + below if n is not None and name.startswith("decoder.") else n for name, n in found.items()}


def depths(model: PreTrainedModel) -> list[tuple[Parameter, int]]:
    """How far each parameter is from the top: 0 for the head and what comes after the layers, 1 for the last layer,
    one more than there are layers for the embeddings."""
    count = layers(model)
    backbone = {id(parameter): name for name, parameter in model.base_model.named_parameters()}
    numbers = _numbers(model)

    def depth(parameter: Parameter) -> int:
        name = backbone.get(id(parameter))
        if name is None or (_after_layers(name) and not name.startswith("encoder.")):
            return 0
        number = numbers[name]
        return count + 1 if number is None else count - number

    return [(parameter, depth(parameter)) for parameter in model.parameters()]


def _smallest_side(model: PreTrainedModel) -> int:
    """The largest rank that every matrix of the layers can have."""
    sides = [min(p.shape) for name, p in model.base_model.named_parameters() if p.ndim == 2 and layer_of(name) is not None and "bias" not in name]
    return min(sides)


def _after_layers(name: str) -> bool:
    """Pooler, final norm and a head of its own come after the last layer."""
    return bool(re.match(r"(?:(?:encoder|decoder)\.)?(pooler|ln_f|norm|final_norm|final_layer_norm|layer_norm|lm_head)\.", name))


def trained_share(model: PreTrainedModel) -> tuple[int, int]:
    """(weights that are trained, all weights)."""
    return (
        sum(p.numel() for p in model.parameters() if p.requires_grad),
        sum(p.numel() for p in model.parameters()),
    )
