"""A base model made smaller before it learns: whole layers, feed-forward neurons, attention heads, unused tokens, weights
near zero. What goes is what matters least: |gradient x activation| on training rows (Michel et al., 2019; Molchanov et al.,
2019). What stays is an ordinary model of its family that `from_pretrained` loads; a family whose configuration cannot
say how it would look is refused.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import TrainerCallback

from ftui.core.errors import UserError
from ftui.core.events import Writer
from ftui.core.home import RUN, publish
from ftui.core.recipe import Prune, Recipe
from ftui.training import models, vocabulary

if TYPE_CHECKING:
    import pyarrow as pa

ROWS = 512  # on which importance is measured
BATCH = 32
STACKS = ("layer", "layers", "h")  # what families call their list of layers
# The module that leaves the feed-forward part of a layer -> those that enter it.
FEED_FORWARD = {
    "output.dense": ("intermediate.dense",),
    "ffn.lin2": ("ffn.lin1",),
    "mlp.down_proj": ("mlp.gate_proj", "mlp.up_proj"),
    "mlp.c_proj": ("mlp.c_fc",),
    "mlp.Wo": ("mlp.Wi",),  # which has input and gate in one
}
WIDTHS = ("intermediate_size", "hidden_dim", "n_inner")
EVEN = 8  # neurons are kept in multiples of it: what processors compute at once


def pruned(
    recipe: Recipe,
    source: str,
    table: pa.Table,
    task: Any,
    labels: list[str],
    folder: Path,
    device: str,
    events: Writer,
) -> str:
    """The folder of the smaller base; where an interrupted run has made it already, as it is."""
    section = recipe.prune
    if section is None or (folder / "config.json").exists():
        return str(folder) if section else source
    model, tokenizer = models.load(source, recipe, functools.partial(task.load_model, labels=labels), events)
    before = _count(model)
    model = model.to(device).eval()
    measured = (
        section.heads < 1
        or section.feed_forward < 1
        or (section.layers is not None and section.layers_by == "importance")
    )
    if measured and not recipe.model.startswith(RUN):
        raise UserError("prune_untrained", model=recipe.model)
    found: dict[str, list[torch.Tensor]] = {}
    if measured:
        events.log("measuring_importance", rows=min(ROWS, table.num_rows))
        found = importance(model, batches(table, task, tokenizer, labels, recipe, device), task.loss)
    structure(model, section, found)
    if section.magnitude:
        sparse(model, section.magnitude)
    with publish(folder) as unfinished:
        model.save_pretrained(unfinished)
        tokenizer.save_pretrained(unfinished)
        if section.vocabulary != "all":
            kept, all_tokens = vocabulary.reduce(unfinished, model, table, section.vocabulary)
            events.log("vocabulary_pruned", kept=kept, all=all_tokens)
        _loads(unfinished, model, task, labels, source)
    events.log("pruned", before=round(before / 1e6, 2), after=round(_count(model) / 1e6, 2))
    return str(folder)


def _count(model: Any) -> int:
    return sum(p.numel() for p in model.parameters())


def _loads(folder: Path, model: Any, task: Any, labels: list[str], source: str) -> None:
    """Raise UserError unless the saved model answers as the one in memory: a configuration may not tell all that it should."""
    again = task.load_model(str(folder), labels, dtype=torch.float32).eval()
    ids = torch.arange(4, 12).remainder(model.get_input_embeddings().weight.shape[0])[None]
    with torch.inference_mode():
        pair = [
            next(iter(m(input_ids=ids.to(m.device), attention_mask=torch.ones_like(ids).to(m.device)).values())).cpu()
            for m in (model, again)
        ]
    if pair[0].shape != pair[1].shape or not torch.allclose(*pair, atol=1e-4):
        raise UserError("prune_family", model=source, family=model.config.model_type)


def batches(
    table: pa.Table, task: Any, tokenizer: Any, labels: list[str], recipe: Recipe, device: str
) -> Iterator[Any]:
    """Up to ROWS training rows, spread over the table, as batches with labels."""
    rows = table.take(list(range(0, table.num_rows, -(-table.num_rows // ROWS))))
    model_limit = recipe.training.max_length
    limit = 256 if model_limit == "auto" else int(model_limit)
    encoded = task.encode(rows, tokenizer, min(limit, tokenizer.model_max_length or limit), labels)
    wanted = [name for name in encoded.column_names if name in (*tokenizer.model_input_names, "labels")]
    examples = encoded.select_columns(wanted).to_list()
    collate = task.collator(tokenizer)
    for start in range(0, len(examples), BATCH):
        yield collate(examples[start : start + BATCH]).to(device)


# ---- what matters


def importance(model: Any, given: Iterator[Any], loss: Callable) -> dict[str, list[torch.Tensor]]:
    """{"layers": a number each, "neurons": (I,) for each layer, "heads": (G,) for each layer where the family can have fewer}:
    |sum over the tokens of gradient x activation|, summed over the rows. The larger, the more the loss hangs on it."""
    found: dict[str, dict[int, torch.Tensor]] = {"layers": {}, "neurons": {}, "heads": {}}

    def note(kind: str, number: int, change: torch.Tensor, groups: int = 1) -> Callable[[torch.Tensor], None]:
        def add(gradient: torch.Tensor) -> None:
            effect = (change.detach() * gradient).sum(1)  # (B, D)
            if kind == "layers":
                effect = effect.sum(-1, keepdim=True)
            elif kind == "heads":
                effect = effect.unflatten(-1, (groups, -1)).sum(-1)
            found[kind][number] = found[kind].get(number, torch.zeros(())) + effect.abs().sum(0).float().cpu()

        return add

    hooks = []
    for number, layer in enumerate(layers(model)):

        def whole(module: Any, args: tuple, options: dict, output: Any, number: int = number) -> None:
            before = args[0] if args else options["hidden_states"]
            after = output[0] if isinstance(output, tuple) else output
            if after.requires_grad:
                after.register_hook(note("layers", number, after - before))

        def neurons(module: Any, args: tuple, number: int = number) -> None:
            if args[0].requires_grad:
                args[0].register_hook(note("neurons", number, args[0]))

        def heads(module: Any, args: tuple, number: int = number, groups: int = 1) -> None:
            if args[0].requires_grad:
                args[0].register_hook(note("heads", number, args[0], groups))

        hooks.append(layer.register_forward_hook(whole, with_kwargs=True))
        leaving = _feed_forward(layer)
        if leaving:
            hooks.append(layer.get_submodule(leaving).register_forward_pre_hook(neurons))
        if head_groups(model):
            hooks.append(
                layer.self_attn.o_proj.register_forward_pre_hook(functools.partial(heads, groups=head_groups(model)))
            )
    for batch in given:
        labels = batch.pop("labels")
        loss(model(**batch), labels).backward()
        model.zero_grad(set_to_none=True)
    for hook in hooks:
        hook.remove()
    return {kind: [by_layer[n] for n in sorted(by_layer)] for kind, by_layer in found.items()}


# ---- what goes


def layers(model: Any) -> Any:
    """The list of a model's layers. Raises UserError for families that have none, or several."""
    lists = [
        module
        for name, module in model.base_model.named_modules()
        if isinstance(module, torch.nn.ModuleList)
        and name.rpartition(".")[2] in STACKS
        and not any(part.isdecimal() for part in name.split("."))
    ]
    if len(lists) != 1:
        raise UserError("prune_family", model=model.config.name_or_path or "-", family=model.config.model_type)
    return lists[0]


def structure(model: Any, section: Prune, found: dict[str, list[torch.Tensor]]) -> None:
    """Take away heads, neurons and layers, in place, and write the configuration accordingly."""
    if section.layers is None and section.feed_forward == 1 and section.heads == 1:
        return
    stack = layers(model)
    if section.layers is not None and section.layers > len(stack):
        raise UserError("too_few_layers", n=section.layers, layers=len(stack))
    if section.heads < 1:
        _fewer_heads(model, stack, section.heads, found["heads"])
    if section.feed_forward < 1:
        _fewer_neurons(model, stack, section.feed_forward, found["neurons"])
    if section.layers is not None and section.layers < len(stack):
        order = list(range(len(stack)))
        if section.layers_by == "importance":
            order.sort(key=lambda n: -float(found["layers"][n].sum()))
            if len(stack) > 1 and set(stack[0].state_dict()) != set(stack[1].state_dict()):
                order.sort(key=lambda n: n > 0)  # ModernBERT's first layer is made otherwise than the others
        _fewer_layers(model, stack, sorted(order[: section.layers]))


def _fewer_layers(model: Any, stack: Any, kept: list[int]) -> None:
    types = getattr(model.config, "layer_types", None)
    for number in reversed(range(len(stack))):
        if number not in kept:
            del stack[number]
    for place, layer in enumerate(stack):
        for module in layer.modules():
            if hasattr(module, "layer_idx"):
                module.layer_idx = place
    if types:
        model.config.layer_types = [types[n] for n in kept]
    model.config.num_hidden_layers = len(kept)


def _feed_forward(layer: Any) -> str | None:
    names = {name for name, _ in layer.named_modules()}
    return next((leaving for leaving, entering in FEED_FORWARD.items() if {leaving, *entering} <= names), None)


def _fewer_neurons(model: Any, stack: Any, share: float, found: list[torch.Tensor]) -> None:
    field = next((name for name in WIDTHS if hasattr(model.config, name)), None)
    if field is None or len(found) != len(stack) or _feed_forward(stack[0]) is None:
        raise UserError("prune_family", model=model.config.name_or_path or "-", family=model.config.model_type)
    count = len(found[0])
    keep = min(count, max(EVEN, round(count * share / EVEN) * EVEN))
    for layer, scores in zip(stack, found, strict=True):
        chosen = scores.topk(keep).indices.sort().values
        leaving = _feed_forward(layer)
        assert leaving is not None
        _narrow(layer.get_submodule(leaving), chosen, inputs=True)
        for name in FEED_FORWARD[leaving]:
            module = layer.get_submodule(name)
            twice = name.endswith("Wi")
            _narrow(module, torch.cat([chosen, chosen + count]) if twice else chosen, inputs=False)
    setattr(model.config, field, keep)


def head_groups(model: Any) -> int:
    """How many groups of heads (queries that share keys and values) a layer has, where the configuration can say that there
    are fewer heads than the width has room for; 0 for families that cannot: BERT's kind, GPT-2."""
    config = model.config
    fits = (
        getattr(config, "head_dim", None)
        and hasattr(layers(model)[0], "self_attn")
        and hasattr(layers(model)[0].self_attn, "o_proj")
    )
    return int(config.num_key_value_heads) if fits else 0


def _fewer_heads(model: Any, stack: Any, share: float, found: list[torch.Tensor]) -> None:
    groups, config = head_groups(model), model.config
    if not groups:
        raise UserError("prune_heads_shape", family=config.model_type)
    size, each = config.head_dim, config.num_attention_heads // groups
    possible = [
        n for n in range(1, groups + 1) if config.hidden_size % (n * each) == 0
    ]  # what the family's configuration accepts
    keep = max((n for n in possible if n <= max(1, round(groups * share))), default=possible[0])
    for layer, scores in zip(stack, found, strict=True):
        chosen = scores.topk(keep).indices.sort().values
        keys = (chosen[:, None] * size + torch.arange(size)).flatten()
        queries = (chosen[:, None] * size * each + torch.arange(size * each)).flatten()
        attention = layer.self_attn
        _narrow(attention.q_proj, queries, inputs=False)
        _narrow(attention.k_proj, keys, inputs=False)
        _narrow(attention.v_proj, keys, inputs=False)
        _narrow(attention.o_proj, queries, inputs=True)
    config.num_attention_heads, config.num_key_value_heads = keep * each, keep


def _narrow(module: Any, kept: torch.Tensor, inputs: bool) -> None:
    """Keep these inputs or outputs of a linear layer (GPT-2's Conv1D has its weight the other way round)."""
    linear = isinstance(module, torch.nn.Linear)
    kept = kept.to(module.weight.device)
    module.weight = torch.nn.Parameter(
        module.weight.detach().index_select(int(inputs) if linear else 1 - int(inputs), kept).clone()
    )
    if not inputs and module.bias is not None:
        module.bias = torch.nn.Parameter(module.bias.detach().index_select(0, kept).clone())
    if linear:
        module.out_features, module.in_features = module.weight.shape
    else:
        module.nx, module.nf = module.weight.shape


# ---- weights near zero


def sparse(model: Any, share: float) -> None:
    """Set this share of the layers' weights, the smallest, to zero. The model is neither smaller in memory nor faster."""
    from torch.nn.utils import prune

    chosen = [
        (module, "weight")
        for module in layers(model).modules()
        if getattr(module, "weight", None) is not None and module.weight.ndim == 2
    ]
    prune.global_unstructured(chosen, pruning_method=prune.L1Unstructured, amount=share)
    for module, name in chosen:
        prune.remove(module, name)


class Zeros(TrainerCallback):
    """Keeps at zero what `sparse` has set to zero, after each step and, with `apply`, in the finished model."""

    def __init__(self, model: Any):
        self.masks = {
            name: p.detach() != 0 for name, p in model.named_parameters() if p.ndim == 2 and bool((p == 0).any())
        }

    def on_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **_: Any) -> None:
        self.apply(model)

    def apply(self, model: Any) -> None:
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self.masks and parameter.shape == self.masks[name].shape:
                    parameter.mul_(self.masks[name].to(parameter.device))
