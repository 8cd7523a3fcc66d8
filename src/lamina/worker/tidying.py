"""What is done once the last environment has ended, and nobody has come since."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from lamina import heap

# Longer than one that follows at once takes to be asked for.
_PEACE_S: Final = 0.3


class Tidying:
    """Has memory tidied once nobody was *alive* for *peace_s* seconds. Call on one loop.

    Environments leave what refers to itself, and holes that the next ones do not fit: a server that runs thousands a
    day would take more for weeks.
    """

    def __init__(self, alive: Callable[[], bool], peace_s: float = _PEACE_S) -> None:
        self._alive = alive
        self._peace_s = peace_s
        self._timer: asyncio.TimerHandle | None = None
        self._working: asyncio.Future[None] | None = None

    def note(self) -> None:
        """One has ended."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(self._peace_s, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._alive():
            self._working = asyncio.get_running_loop().run_in_executor(None, heap.tidy)
