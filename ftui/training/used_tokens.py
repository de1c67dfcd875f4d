"""Of the table of token embeddings, only the rows of tokens that the training rows hold are trained.

A token that no training row holds has a gradient of zero for ever: all that AdamW ever does to its row is weight decay.
So the table that learns is that of the tokens that occur, and the decay of the others is one number, brought up to date
with every update and applied where such a row is read (in an evaluation) or saved. Weights and losses are those of the
whole table; a gradient as large as the vocabulary is no longer made, clipped and stepped through in every update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import datasets

WORTH = 0.9  # of a table that is used to this share or more, nothing is left out


class UsedTokens(torch.nn.Module):
    """In the place of an `nn.Embedding` of (V, H): a (U, H) `weight` of the used tokens, which learns, and the rest."""

    def __init__(self, whole: torch.nn.Embedding, used: torch.Tensor):
        super().__init__()
        device = whole.weight.device
        place = torch.full((whole.num_embeddings,), -1, device=device)
        place[used] = torch.arange(len(used), device=device)
        self.whole = [whole]  # in a list: no module of the model meanwhile
        self.padding_idx = None if whole.padding_idx is None else int(place[whole.padding_idx])
        self.weight = torch.nn.Parameter(whole.weight.detach()[used])
        self.register_buffer("used", used, persistent=False)
        self.register_buffer("place", place, persistent=False)
        self.register_buffer("rest", whole.weight.detach(), persistent=False)
        self.register_buffer("kept", torch.ones((), dtype=torch.float64, device=device))  # of the rest, after decay

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """(B, T) token ids give (B, T, H). In training a token that is not of the used ones is an IndexError."""
        places = self.place[ids]
        if self.training:
            return torch.nn.functional.embedding(places, self.weight, self.padding_idx)
        known = torch.nn.functional.embedding(places.clamp(min=0), self.weight)
        others = torch.nn.functional.embedding(ids, self.rest) * self.kept.to(known.dtype)
        return torch.where(places[..., None] < 0, others, known)

    def decay(self, optimizer: torch.optim.Optimizer, *_: Any) -> None:
        """What the optimiser's step did to rows without a gradient; a hook to be called after it."""
        if self.weight.grad is None:
            return  # passed over, as of a layer that isn't thawed yet
        for group in optimizer.param_groups:
            if any(parameter is self.weight for parameter in group["params"]):
                self.kept *= 1 - float(group["lr"]) * group["weight_decay"]

    @torch.no_grad()
    def restored(self) -> torch.nn.Embedding:
        """The whole embedding again, with what was learned."""
        whole = self.whole[0]
        whole.weight *= self.kept.to(whole.weight.dtype)
        whole.weight[self.used] = self.weight
        return whole


def apply(model: Any, rows: datasets.Dataset) -> UsedTokens | None:
    """Let `model` learn the embeddings of the `input_ids` in `rows` (and padding) only. None, and nothing is changed, where
    the table does not learn, is also another layer's (a decoder), or is used nearly as a whole; and where words are guessed,
    for what fills gaps is shown tokens of no row."""
    import pyarrow.compute as pc

    whole = model.get_input_embeddings()
    if type(whole) is not torch.nn.Embedding or whole.max_norm is not None or not whole.weight.requires_grad:
        return None
    if model.get_output_embeddings() is not None:
        return None
    if sum(p is whole.weight for _, p in model.named_parameters(remove_duplicate=False)) != 1:
        return None
    found = set(pc.unique(pc.list_flatten(rows.with_format("arrow")[:]["input_ids"])).to_pylist())
    found |= {token for token in (whole.padding_idx, model.config.pad_token_id) if token is not None}
    if len(found) >= WORTH * whole.num_embeddings:
        return None
    made = UsedTokens(whole, torch.tensor(sorted(found), device=whole.weight.device))
    _put(model, whole, made)
    return made


def undo(model: Any, made: UsedTokens) -> None:
    """Give `model` its whole table back."""
    _put(model, made, made.restored())


def _put(model: Any, old: torch.nn.Module, new: torch.nn.Module) -> None:
    name = next(name for name, module in model.named_modules() if module is old)
    parent, _, last = name.rpartition(".")
    setattr(model.get_submodule(parent), last, new.train(old.training))
