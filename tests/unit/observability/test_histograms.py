"""Durations in buckets, and what is estimated from them."""

from __future__ import annotations

from bisect import bisect_left

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.observability.histograms import BOUNDS, Histogram, quantile

SECONDS = st.floats(0, 1000, allow_nan=False)


def _of(*seconds: float) -> Histogram:
    histogram = Histogram()
    for each in seconds:
        histogram.observe(each)
    return histogram


def test_a_bound_belongs_to_its_own_bucket() -> None:
    assert _of(BOUNDS[0], BOUNDS[0] * 1.001).counts[:2] == [1, 1]
    assert _of(1e9).counts[-1] == 1


@pytest.mark.parametrize(("share", "expected"), [(0.5, 0.0075), (1.0, 0.01), (0.25, 0.00625)])
def test_within_a_bucket_all_are_spread_evenly(share: float, expected: float) -> None:
    assert quantile(_of(*[0.006] * 4).counts, share) == pytest.approx(expected)


def test_there_is_no_quantile_of_nothing_and_none_above_the_highest_bound() -> None:
    assert quantile(_of().counts, 0.5) is None
    assert quantile(_of(1e9).counts, 0.5) == BOUNDS[-1]


@given(st.lists(SECONDS, min_size=1, max_size=50), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_in_the_bucket_of_the_real_one(seconds: list[float], share: float) -> None:
    ranked = sorted(seconds)
    real = next(value for rank, value in enumerate(ranked, 1) if rank >= share * len(ranked))
    estimated = quantile(_of(*seconds).counts, share)
    assert estimated is not None
    if real <= BOUNDS[-1]:
        assert bisect_left(BOUNDS, estimated) == bisect_left(BOUNDS, real)


@given(st.lists(SECONDS), st.lists(SECONDS))
def test_adding_is_counting_both(ones: list[float], others: list[float]) -> None:
    added = _of(*ones)
    added.add(_of(*others))
    both = _of(*ones, *others)
    assert added.counts == both.counts
    assert added.seconds == pytest.approx(both.seconds)
