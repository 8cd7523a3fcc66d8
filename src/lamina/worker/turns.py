"""Turns at work that takes a processor for a moment, and sometimes waits for long."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator


class Turns:
    """At most *count* at a time. Who takes longer than *seconds* goes on, but no longer keeps others waiting."""

    def __init__(self, count: int, seconds: float) -> None:
        self._free = asyncio.Semaphore(count)
        self._seconds = seconds

    @contextlib.asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        await self._free.acquire()
        held = True

        def give_back() -> None:
            nonlocal held
            if held:
                held = False
                self._free.release()

        too_long = asyncio.get_running_loop().call_later(self._seconds, give_back)
        try:
            yield
        finally:
            too_long.cancel()
            give_back()
