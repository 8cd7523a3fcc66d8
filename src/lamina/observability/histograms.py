"""Durations, counted in buckets: what Prometheus adds up, and quantiles are estimated from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

# Upper bounds in seconds: a warm call takes less than a millisecond, the longest a quarter of an hour.
BOUNDS: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5),
    *(1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0),
)


class Histogram:
    """How many took how long: `counts` by the bounds of `BOUNDS` (the last: more than all), `seconds` altogether."""

    __slots__ = ("counts", "seconds")

    def __init__(self) -> None:
        self.counts = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0

    def observe(self, seconds: float) -> None:
        """One took *seconds*."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.seconds += seconds

    def add(self, other: Histogram) -> None:
        """Have in it what is in *other*, too."""
        self.counts = [mine + its for mine, its in zip(self.counts, other.counts, strict=True)]
        self.seconds += other.seconds


def quantile(counts: Sequence[int], share: float, bounds: Sequence[float] = BOUNDS) -> float | None:
    """Below how many seconds the *share* (0 to 1) of *counts*, by *bounds*, took; None of none.

    Within its bucket, all are taken to be spread evenly; what is above the highest bound is said to be at it.
    """
    total = sum(counts)
    if not total:
        return None
    rank, before = share * total, 0
    for index, count in enumerate(counts[:-1]):
        if count and before + count >= rank:
            low = bounds[index - 1] if index else 0.0
            return low + (bounds[index] - low) * max(rank - before, 0) / count
        before += count
    return bounds[-1]
