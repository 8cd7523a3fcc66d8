"""What a question causes beyond its answer: collected while moto works on it, in its thread, and sent back with it.

A question that is repeated after a restart had its consequences then; nothing is collected for it.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from lamina.companions.messages import Trigger

# Messages of a batch come back to a queue at nearly the same time: who waits for them need be told once.
_STEPS_A_SECOND: Final = 4


@dataclass(frozen=True, slots=True)
class Heard:
    """Functions to invoke; and queues, by their ARN, with when there may be something to receive, 0 for now.

    `trace` is the question's header X-Amzn-Trace-Id.
    """

    trace: str | None = None
    triggers: list[Trigger] = field(default_factory=list)
    arrivals: set[tuple[str, float]] = field(default_factory=set)

    def arrives(self, queue: str, at: float) -> None:
        """Something can be received from *queue* from *at* on, in seconds since the epoch; 0 for now."""
        # Later, never earlier nor at that very moment, when it is hidden yet.
        self.arrivals.add((queue, (math.floor(at * _STEPS_A_SECOND) + 1) / _STEPS_A_SECOND if at else 0))


class _Hearing(threading.local):
    """This thread's; None where nothing is to come of what it asks."""

    heard: Heard | None = None


_hearing = _Hearing()


def heard() -> Heard | None:
    """Where to note what this thread's question causes; None where nothing is to come of it."""
    return _hearing.heard


@contextmanager
def collected(trace: str | None = None) -> Iterator[Heard]:
    """Have what this thread asks of moto, in *trace*, tell of its consequences: they are in what this gives."""
    found = Heard(trace)
    _hearing.heard = found
    try:
        yield found
    finally:
        _hearing.heard = None
