"""Which events of a PutLogEvents are taken, and what refuses all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Final

BATCH_BYTES_MAX: Final = 1_048_576
EVENT_BYTES_MAX: Final = 1_048_576
# What AWS counts for an event besides its text.
_EVENT_BYTES: Final = 26
_HOUR_MS: Final = 3_600_000
_DAY_MS: Final = 24 * _HOUR_MS


class Unacceptable(ValueError):
    """None of the events can be taken; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The events to keep, [`first`, `end`) of those given; `rejected` tells of the others as the API does."""

    first: int
    end: int
    rejected: Mapping[str, int] = field(default_factory=dict)


def accept(events: Sequence[Mapping[str, Any]], now_ms: int, oldest_ms: int) -> Accepted:
    """What to do with *events* for a group whose retention begins at *oldest_ms*. Raises Unacceptable."""
    sizes = [len(event["message"].encode()) + _EVENT_BYTES for event in events]
    largest = max(sizes)
    if largest > EVENT_BYTES_MAX + _EVENT_BYTES:
        raise Unacceptable(f"Log event too large: {largest} bytes exceeds limit of {EVENT_BYTES_MAX}")
    if sum(sizes) > BATCH_BYTES_MAX and len(events) > 1:
        raise Unacceptable(f"Upload too large: {sum(sizes)} bytes exceeds limit of {BATCH_BYTES_MAX}")
    times = [event["timestamp"] for event in events]
    if any(later < earlier for earlier, later in pairwise(times)):
        raise Unacceptable("Log events in a single PutLogEvents request must be in chronological order.")
    rejected = {}
    too_old = sum(ms < now_ms - 14 * _DAY_MS for ms in times)
    expired = sum(ms < oldest_ms for ms in times)
    end = sum(ms <= now_ms + 2 * _HOUR_MS for ms in times)
    if too_old:
        rejected["tooOldLogEventEndIndex"] = too_old
    if expired:
        rejected["expiredLogEventEndIndex"] = expired
    if end < len(times):
        rejected["tooNewLogEventStartIndex"] = end
    first = max(too_old, expired)
    if first < end and times[end - 1] - times[first] > _DAY_MS:
        raise Unacceptable("The batch of log events in a single PutLogEvents request cannot span more than 24 hours.")
    return Accepted(first, max(first, end), rejected)
