"""Whether a target does as well as before."""

from __future__ import annotations

import pytest

from lamina.rollouts.journal import Sample
from lamina.rollouts.plans import Verification
from lamina.rollouts.verdicts import sample_verdict

WELL, BROKEN = Sample(None, 10.0), Sample("it fails: no such name", 10.0)
THROTTLED = Sample("it cannot be invoked: Rate Exceeded.", None)


@pytest.mark.parametrize(
    ("before", "after", "fails"),
    [
        (WELL, WELL, False),
        (WELL, BROKEN, True),
        (WELL, THROTTLED, True),
        (BROKEN, BROKEN, False),
        (BROKEN, THROTTLED, False),
        (THROTTLED, WELL, False),
        # A function that has reserved no concurrency at all is never invoked, and has nothing to fail by.
        (THROTTLED, THROTTLED, False),
        # What kept it from being asked is no excuse for what it answers now.
        (THROTTLED, BROKEN, True),
        (None, BROKEN, True),
        (WELL, None, False),
    ],
)
def test_what_fails_now_and_did_not_before_fails(before: Sample | None, after: Sample | None, fails: bool) -> None:
    assert (sample_verdict(Verification({}), before, after).why is not None) is fails


@pytest.mark.parametrize(("ms", "fails"), [(60.0, False), (61.0, True), (19.0, False)])
def test_what_takes_too_many_times_as_long_fails_unless_the_difference_is_nothing(ms: float, fails: bool) -> None:
    verdict = sample_verdict(Verification({}, slower_max=2.0), WELL, Sample(None, ms))
    assert (verdict.why is not None) is fails
