"""Rows of like length in one batch, so that little is padding. The rows per update are what the recipe says."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from transformers.trainer_pt_utils import BatchRebalanceSampler

POOL = 50  # batches that are sorted together: enough to group well, few enough to stay random


class LengthGroupedBatches(BatchRebalanceSampler):
    """Every row once an epoch, in batches of `batch_size` rows of like length, in an order that seed and epoch
    determine alone (a run that is resumed in mid-epoch sees the batches that it would have seen).

    A subclass of `BatchRebalanceSampler` because that is how `Trainer` knows a batch sampler.
    """

    def __init__(self, lengths: list[int], batch_size: int, seed: int):
        super().__init__(lengths, effective_batch_size=batch_size, dp_size=1, grad_accum=1, seed=seed, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        order = torch.randperm(len(self.lengths), generator=generator).tolist()
        size = self.effective_batch_size
        batches = []
        for start in range(0, len(order), size * POOL):
            pool = sorted(order[start : start + size * POOL], key=lambda row: self.lengths[row])
            batches += [pool[i : i + size] for i in range(0, len(pool), size)]
        for number in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[number]

    def __len__(self) -> int:
        return -(-len(self.lengths) // self.effective_batch_size)
