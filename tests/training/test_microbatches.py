import contextlib
import random

import pytest
import torch

from ftui.training.microbatches import MULTIPLE, PER_PART, casts_kept, cut


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
        lengths = [rng.randint(3, 300) for _ in range(8)]
        order = sorted(range(8), key=lambda row: -lengths[row])

        def cost(parts, lengths=lengths):
            return padded(parts, lengths) + PER_PART * len(parts)

        every = []
        for places in range(2**7):
            cuts = [0, *(i + 1 for i in range(7) if places >> i & 1), 8]
            parts = [order[a:b] for a, b in zip(cuts, cuts[1:], strict=False)]
            if all(padded([part], lengths) <= 1500 or len(part) == 1 for part in parts):
                every.append(cost(parts))
        assert cost(cut(lengths, 1500, 8)) == min(every)


def test_little_padding_in_large_batches_of_any_rows():
    rng = random.Random(0)
    lengths = [min(500, int(rng.lognormvariate(3.5, 1))) for _ in range(64)]
    assert padded(cut(lengths, 2048, 64), lengths) < 1.6 * sum(lengths)
    assert 64 * max(lengths) > 4 * sum(lengths)


@pytest.mark.parametrize("checkpointing", [False, True])
def test_weights_made_bf16_once_serve_all_parts_and_no_other_update(checkpointing):
    from tests.training.test_first_token import QUIET, batch, build

    def updated(kept: bool) -> tuple[dict[str, torch.Tensor], int]:
        model, rows = build("bert", **QUIET), batch(padded=True)
        if checkpointing:
            model.activation_checkpointing_enable({"use_reentrant": False})
        optimiser = torch.optim.SGD(model.parameters(), lr=0.5)
        casts = []
        for _ in range(2):
            with torch.profiler.profile() as profile, casts_kept() if kept else contextlib.nullcontext():
                for start in (0, 2):
                    with torch.autocast("cpu", torch.bfloat16):
                        loss = model(**{name: values[start : start + 2] for name, values in rows.items()}).logits.square().sum()
                    loss.backward()
            casts.append(sum(event.count for event in profile.key_averages() if event.key == "aten::_to_copy"))
            optimiser.step()
            optimiser.zero_grad()
        return {name: p.detach() for name, p in model.named_parameters()}, casts[-1]

    (one, few), (other, many) = updated(True), updated(False)
    assert few < many
    for name in one:
        assert torch.equal(one[name], other[name]), name
