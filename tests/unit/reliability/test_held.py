"""A soak compares its second tenth with its last, and says what has become more."""

from __future__ import annotations

import pytest

from reliability.held import drift, grown

pytestmark = pytest.mark.anybody


def test_the_first_tenth_and_what_is_in_between_do_not_count() -> None:
    filling, early, between, late = [1.0] * 3, [10.0] * 3, [99.0] * 21, [10.5, 10.0, 12.0]
    samples = [{"server MB": value} for value in (*filling, *early, *between, *late)]
    assert drift(samples) == {"server MB": (10.0, 10.5)}


def test_too_few_samples_are_refused() -> None:
    with pytest.raises(AssertionError, match="19 samples say nothing"):
        drift([{"server MB": 1.0}] * 19)


@pytest.mark.parametrize(
    ("name", "early", "late", "has_grown"),
    [
        ("server MB", 50.0, 51.0, False),
        ("server MB", 50.0, 51.1, True),
        ("server MB", 50.0, 40.0, False),
        # One more stands ready at one moment than at another.
        ("descriptors", 10, 11, False),
        ("descriptors", 10, 12, True),
        ("descriptors", 200, 205, False),
    ],
)
def test_two_percent_are_allowed_and_one_more_of_what_is_counted(
    name: str, early: float, late: float, has_grown: bool
) -> None:
    assert grown(name, early, late) == has_grown
