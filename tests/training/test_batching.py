import random

import pytest

from ftui.training.batching import LengthGroupedBatches, TokenBatches


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 1000])
def test_every_row_once_and_the_same_number_of_batches_each_epoch(rows):
    rng = random.Random(1)
    lengths = [rng.randint(3, 100) for _ in range(rows)]
    batches = LengthGroupedBatches(lengths, 16, seed=3)
    seen = []
    for epoch in range(3):
        batches.set_epoch(epoch)
        epoch_batches = list(batches)
        assert len(epoch_batches) == len(batches)
        assert sorted(row for batch in epoch_batches for row in batch) == list(range(rows))
        assert all(len(batch) <= 16 for batch in epoch_batches)
        seen.append(epoch_batches)
    batches.set_epoch(1)
    assert list(batches) == seen[1]
    assert rows < 100 or seen[0] != seen[1]


def test_little_padding():
    rng = random.Random(0)
    lengths = [rng.randint(5, 200) for _ in range(4000)]

    def padded(batches):
        return sum(len(b) * max(lengths[row] for row in b) for b in batches)

    plain = [list(range(i, i + 16)) for i in range(0, 4000, 16)]
    assert padded(LengthGroupedBatches(lengths, 16, seed=0)) < 0.65 * padded(plain)


def test_few_batches_are_others_each_epoch():
    lengths = list(range(5, 5 + 8 * 16))
    batches = LengthGroupedBatches(lengths, 16, seed=0)
    first = [set(batch) for batch in batches]
    batches.set_epoch(1)
    assert max(len(one & other) for one in first for other in map(set, batches)) < 8
    assert all(max(batch) - min(batch) > 64 for batch in first)


@pytest.mark.parametrize("rows", [16, 17, 33, 100, 1000, 1001])
def test_ranks_share_the_batches_of_one(rows):
    rng = random.Random(1)
    lengths = [rng.randint(3, 100) for _ in range(rows)]
    one = list(LengthGroupedBatches(lengths, 16, seed=3))
    shares = [LengthGroupedBatches(lengths, 8, seed=3, rank=rank, ranks=2) for rank in range(2)]
    assert len(shares[0]) == len(shares[1]) == len(list(shares[0]))
    together = [sorted(a + b) for a, b in zip(*shares, strict=True)]
    assert sorted(row for batch in together for row in batch) == list(range(rows))
    assert all(len(batch) > 0 for share in shares for batch in share)
    if rows % 16 != 1:
        assert together == [sorted(batch) for batch in one]


def test_token_batches_keep_order_and_budget():
    rng = random.Random(1)
    lengths = sorted((rng.randint(3, 100) for _ in range(500)), reverse=True)
    batches = list(TokenBatches(lengths, 1000))
    assert [row for batch in batches for row in batch] == list(range(500))
    for batch in batches:
        assert len(batch) * max(lengths[row] for row in batch) <= 1000
    assert len(batches[-1]) > 3 * len(batches[0])
    assert list(TokenBatches([5, 2000, 5], 1000)) == [[0], [1], [2]]
