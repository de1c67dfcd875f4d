import random

import pytest

from ftui.training.microbatches import MULTIPLE, PER_PART, cut


def padded(parts, lengths):
    return sum(len(part) * max(-(-lengths[row] // MULTIPLE) * MULTIPLE for row in part) for part in parts)


@pytest.mark.parametrize(("rows", "tokens", "most"), [(1, 8, 1), (16, 1024, 16), (64, 2048, 64), (100, 300, 7), (5, 1, 5)])
def test_every_row_once_within_the_bounds(rows, tokens, most):
    rng = random.Random(rows)
    lengths = [rng.randint(3, 128) for _ in range(rows)]
    parts = cut(lengths, tokens, most)
    assert sorted(row for part in parts for row in part) == list(range(rows))
    assert all(len(part) <= most for part in parts)
    assert all(len(part) == 1 or padded([part], lengths) <= tokens for part in parts)
    ordered = [lengths[row] for part in parts for row in part]
    assert ordered == sorted(ordered, reverse=True)


def test_no_cut_costs_less():
    rng = random.Random(2)
    for _ in range(30):
        lengths = [rng.randint(3, 60) for _ in range(8)]
        order = sorted(range(8), key=lambda row: -lengths[row])

        def cost(parts, lengths=lengths):
            return padded(parts, lengths) + PER_PART * len(parts)

        every = []
        for places in range(2**7):
            cuts = [0, *(i + 1 for i in range(7) if places >> i & 1), 8]
            parts = [order[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
            if all(padded([part], lengths) <= 200 or len(part) == 1 for part in parts):
                every.append(cost(parts))
        assert cost(cut(lengths, 200, 8)) == min(every)


def test_little_padding_in_large_batches_of_any_rows():
    rng = random.Random(0)
    lengths = [min(500, int(rng.lognormvariate(3.5, 1))) for _ in range(64)]
    assert padded(cut(lengths, 2048, 64), lengths) < 1.6 * sum(lengths)
    assert 64 * max(lengths) > 4 * sum(lengths)
