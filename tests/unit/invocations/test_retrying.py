"""When an event is tried again: AWS's minute and two minutes, six hours at most."""

from __future__ import annotations

from lamina.invocations.retrying import (
    EVENT_AGE_MAX_S,
    GiveUp,
    Patience,
    RetryAt,
    after_failure,
    after_refusal,
    after_throttling,
)

NOW = 1000.0


def test_three_runs_in_all_a_minute_and_two_apart() -> None:
    assert after_failure(1, NOW, NOW, 60.0) == RetryAt(NOW + 60, attempts=1)
    assert after_failure(2, NOW, NOW, 60.0) == RetryAt(NOW + 120, attempts=2)
    assert after_failure(3, NOW, NOW, 60.0) == GiveUp("RetriesExhausted")


def test_an_event_is_not_kept_for_longer_than_six_hours() -> None:
    received_at = NOW - EVENT_AGE_MAX_S + 60
    assert after_failure(1, received_at, NOW, 60.0) == RetryAt(NOW + 60, attempts=1)
    assert after_failure(1, received_at - 1, NOW, 60.0) == GiveUp("EventAgeExceeded")
    assert after_throttling(0, 20, received_at, NOW) == GiveUp("EventAgeExceeded")


def test_throttling_waits_longer_each_time_and_uses_up_no_retry() -> None:
    waits = [after_throttling(1, times, NOW, NOW) for times in range(12)]
    due = [2.0**times for times in range(9)] + [300.0] * 3
    assert waits == [RetryAt(NOW + delay, attempts=1) for delay in due]


def test_22_4_a_function_can_have_fewer_retries_or_none() -> None:
    assert after_failure(1, NOW, NOW, 60.0, Patience(retries=0)) == GiveUp("RetriesExhausted")
    assert after_failure(1, NOW, NOW, 60.0, Patience(retries=1)) == RetryAt(NOW + 60, attempts=1)
    assert after_failure(2, NOW, NOW, 60.0, Patience(retries=1)) == GiveUp("RetriesExhausted")


def test_22_4_an_age_of_60_seconds_leaves_no_time_for_a_retry_and_one_of_90_for_one() -> None:
    after = NOW + 0.1
    assert after_failure(1, NOW, after, 60.0, Patience(age_s=60)) == GiveUp("EventAgeExceeded")
    assert after_failure(1, NOW, after, 60.0, Patience(age_s=90)) == RetryAt(after + 60, attempts=1)
    assert after_failure(2, NOW, after + 60, 60.0, Patience(age_s=90)) == GiveUp("EventAgeExceeded")


def test_a_message_that_is_not_taken_is_sent_again_for_six_hours() -> None:
    waits = [after_refusal(attempts, NOW, NOW) for attempts in (1, 2, 9, 10, 80)]
    expected = [(1.0, 1), (2.0, 2), (256.0, 9), (300.0, 10), (300.0, 80)]
    assert waits == [RetryAt(NOW + delay, attempts) for delay, attempts in expected]
    assert after_refusal(80, NOW - EVENT_AGE_MAX_S, NOW) == GiveUp("EventAgeExceeded")
