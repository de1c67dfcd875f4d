"""Classes of unlike size."""

import doctest
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ftui.core.errors import UserError
from ftui.data import balancing


def test_examples() -> None:
    assert doctest.testmod(balancing).failed == 0


@given(labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), seed=st.integers(0, 9))
def test_every_class_has_as_many_rows(labels, seed) -> None:
    counts = Counter(labels)
    for how, wanted in (("oversample", max(counts.values())), ("undersample", min(counts.values()))):
        places = balancing.places(labels, how, seed)
        assert Counter(labels[i] for i in places) == dict.fromkeys(counts, wanted)
        assert places.tolist() == balancing.places(labels, how, seed).tolist()
        times = Counter(places.tolist())
        if how == "undersample":
            assert set(times.values()) == {1}
        else:  # each row is there, and rows of one class about as often
            assert set(times) == set(range(len(labels)))
            assert all(max(of) - min(of) <= 1 for of in ([times[i] for i, x in enumerate(labels) if x == name] for name in counts))


@given(labels=st.lists(st.sampled_from("abcd"), min_size=1, max_size=60))
def test_weights_are_one_in_the_mean(labels) -> None:
    weights = dict(zip("abcd", balancing.weights(labels, "abcd"), strict=True))
    assert sum(weights[label] for label in labels) == pytest.approx(len(labels))
    shares = {name: weights[name] * count for name, count in Counter(labels).items()}
    assert max(shares.values()) == pytest.approx(min(shares.values()))


def test_rows_without_a_class_are_refused() -> None:
    with pytest.raises(UserError, match="no class"):
        balancing.balanced(pa.table({"text": ["a"]}), "oversample", None, 0)
