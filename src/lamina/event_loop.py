"""The server's event loop: asyncio's, which asks the kernel less often what has happened.

While callbacks are due asyncio asks before each turn, without waiting: five times in a warm call, of which two are
enough. Here what is due is done first, for a few turns at most, so that nobody outside waits for long.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Final

# Turns in a row that may pass without a question.
_UNASKED_MAX: Final = 3


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop for `asyncio.Runner`."""
    return asyncio.SelectorEventLoop(PatientSelector())


class PatientSelector(selectors.EpollSelector):
    """Tells of no event for up to three turns in a row whose loop would not wait for one."""

    def __init__(self) -> None:
        super().__init__()
        self._unasked = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has happened within *timeout* seconds, None for any time."""
        if timeout is not None and timeout <= 0 and self._unasked < _UNASKED_MAX:
            self._unasked += 1
            return []
        self._unasked = 0
        return super().select(timeout)
