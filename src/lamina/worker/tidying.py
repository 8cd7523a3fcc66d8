"""What is done with memory once environments have ended."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from lamina import heap

# So long it takes until the next at most, however many end.
_PAUSE_S: Final = 0.3


class Tidying:
    """Has memory given back *pause_s* seconds after an environment ended; tidied, if none is *alive*. Call on one loop.

    Environments leave what refers to itself, and holes that the next ones do not fit: a server that runs thousands a
    day would take more for weeks.
    """

    def __init__(self, alive: Callable[[], bool], pause_s: float = _PAUSE_S) -> None:
        self._alive = alive
        self._pause_s = pause_s
        self._timer: asyncio.TimerHandle | None = None
        self._working: asyncio.Future[None] | None = None
        self._is_closed = False

    def note(self) -> None:
        """One has ended."""
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(self._pause_s, self._look)

    def close(self) -> None:
        """Nothing more is done: the process ends, and its threads may have already."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        # Looking for what refers to itself would keep a call waiting.
        work = heap.give_back if self._alive() else heap.tidy
        self._working = asyncio.get_running_loop().run_in_executor(None, work)
