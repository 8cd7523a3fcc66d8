"""What is done once there were large requests, and are no more for a while."""

from __future__ import annotations

import asyncio
from typing import Final

from lamina import heap

_PEACE_S: Final = 5.0


class Afterwards:
    """Has memory given back once *peace_s* seconds have passed since the last large request. Call on one loop.

    Bodies come in thousands of pieces; what is kept of anything lies between them, and holds what was theirs.
    """

    def __init__(self, peace_s: float = _PEACE_S) -> None:
        self._peace_s = peace_s
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._giving: asyncio.Future[None] | None = None

    def note(self) -> None:
        """There is one."""
        loop = asyncio.get_running_loop()
        self._last = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(self._peace_s, self._look, loop)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        left_s = self._last + self._peace_s - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._look, loop)
            return
        self._timer = None
        # Milliseconds, in which nobody else gets any memory, but those who need none go on.
        self._giving = loop.run_in_executor(None, heap.give_back)
