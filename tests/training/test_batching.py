import random

import pytest

from ftui.training.batching import LengthGroupedBatches


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 1000])
def test_every_row_once_and_the_same_number_of_batches_each_epoch(rows):
    lengths = [random.Random(1).randint(3, 100) for _ in range(rows)]
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
