"""When an asynchronous invocation is tried again, and when it is given up.

AWS: two retries after a failure, a minute and two minutes later, same request id; an event older than six hours is
dropped; a throttled event goes back into the queue without using up a retry.
"""

from __future__ import annotations

from dataclasses import dataclass

RETRIES_MAX = 2
EVENT_AGE_MAX_S = 6 * 3600


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at *due_at* (seconds of the epoch), with so many attempts behind it."""

    due_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt."""

    reason: str


def after_failure(attempts: int, received_at: float, now: float, base_delay_s: float) -> RetryAt | GiveUp:
    """What follows a run that failed; *attempts* includes it."""
    if attempts > RETRIES_MAX:
        return GiveUp("RetriesExhausted")
    return _retry(now + base_delay_s * attempts, attempts, received_at)


def after_throttling(attempts: int, throttled: int, received_at: float, now: float) -> RetryAt | GiveUp:
    """What follows when no environment was to be had: 1 s, then twice as long each time, at most 5 minutes."""
    return _retry(now + min(2.0**throttled, 300.0), attempts, received_at)


def _retry(due_at: float, attempts: int, received_at: float) -> RetryAt | GiveUp:
    if due_at - received_at > EVENT_AGE_MAX_S:
        return GiveUp("EventAgeExceeded")
    return RetryAt(due_at, attempts)
