"""When an asynchronous invocation is tried again, and when it is given up.

AWS: two retries after a failure, a minute and two minutes later, same request id; an event older than six hours is
dropped; a throttled event goes back into the queue without using up a retry.
"""

from __future__ import annotations

from dataclasses import dataclass

RETRIES_MAX = 2
EVENT_AGE_MAX_S = 6 * 3600
RETRIES_EXHAUSTED = "RetriesExhausted"
ZERO_RESERVED = "ZeroReservedConcurrency"
RECURSIVE = "RecursiveInvocation"


@dataclass(frozen=True, slots=True)
class RetryAt:
    """Try again at *due_at* (seconds of the epoch), with so many attempts behind it."""

    due_at: float
    attempts: int


@dataclass(frozen=True, slots=True)
class GiveUp:
    """No further attempt."""

    reason: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a function's failed events are tried again, and for how long."""

    retries: int = RETRIES_MAX
    age_s: int = EVENT_AGE_MAX_S


def after_failure(
    attempts: int, received_at: float, now: float, base_delay_s: float, patience: Patience = Patience()
) -> RetryAt | GiveUp:
    """What follows a run that failed; *attempts* includes it."""
    if attempts > patience.retries:
        return GiveUp(RETRIES_EXHAUSTED)
    return _retry(now + base_delay_s * attempts, attempts, received_at, patience)


def after_throttling(
    attempts: int, throttled: int, received_at: float, now: float, patience: Patience = Patience()
) -> RetryAt | GiveUp:
    """What follows when no environment was to be had: 1 s, then twice as long each time, at most 5 minutes."""
    return _retry(now + min(2.0**throttled, 300.0), attempts, received_at, patience)


def after_refusal(attempts: int, received_at: float, now: float) -> RetryAt | GiveUp:
    """What follows when a destination did not take its message; *attempts* includes this one.

    1 s, then twice as long each time, at most 5 minutes, for six hours.
    """
    return after_throttling(attempts, attempts - 1, received_at, now)


def _retry(due_at: float, attempts: int, received_at: float, patience: Patience) -> RetryAt | GiveUp:
    if due_at - received_at > patience.age_s:
        return GiveUp("EventAgeExceeded")
    return RetryAt(due_at, attempts)
