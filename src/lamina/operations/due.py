"""Work that the catalog keeps until it is done: looked for when it is due, so many at once."""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Generic, Protocol, TypeVar

LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Due(Protocol):
    """One piece of work."""

    @property
    def id(self) -> str: ...


D = TypeVar("D", bound=Due)


class DueWork(Generic[D]):
    """Hands what is due to *handle*, each piece once at a time and at most *at_once* together.

    *look* reads, in a thread, the work due at a moment (at most so many pieces) and when the next will be. *handle*
    removes or puts off what it was given; if it raises, the work is left as it is and tried again a little later.
    *hurry*, in a thread too, has what came after a moment be due then: clocks are set back, by whoever mends them, and
    what was to begin at once must not wait until they have caught up. *now* gives seconds since the epoch.
    """

    def __init__(
        self,
        look: Callable[[float, int], tuple[Sequence[D], float | None]],
        handle: Callable[[D], Awaitable[None]],
        at_once: int,
        what: str,
        *,
        hurry: Callable[[float], None],
        now: Callable[[], float] = time.time,
    ) -> None:
        self._look, self._handle, self._at_once, self._what = look, handle, at_once, what
        self._hurry, self._now = hurry, now
        # Of the server before nobody knows what its clock said.
        self._looked_at = math.inf
        self._running: dict[str, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None

    def open(self) -> None:
        """Begin. Call on the loop."""
        self._dispatching = asyncio.ensure_future(self._dispatch())

    async def drain(self, grace_s: float) -> None:
        """Begin nothing more, and give what has begun *grace_s* seconds."""
        if self._dispatching is not None:
            self._dispatching.cancel()
            await asyncio.gather(self._dispatching, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running.values(), timeout=grace_s)

    async def close(self) -> None:
        """Stop; what was not done is taken up at the next start."""
        tasks = [*self._running.values(), *([self._dispatching] if self._dispatching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def wake(self) -> None:
        """Look now: there is more. Call on the loop."""
        self._wake.set()

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            try:
                due, next_due = await asyncio.to_thread(self._look_now)
            except Exception:  # noqa: BLE001 - a disk that fails for a moment must not stop the work for ever
                _log.exception("the %s that are due could not be read", self._what)
                await asyncio.sleep(LOOK_SECONDS)
                continue
            for each in due:
                if each.id not in self._running and len(self._running) < self._at_once:
                    self._running[each.id] = asyncio.ensure_future(self._do(each))
            # What runs already still counts as due: then its end wakes us, and the clock only now and then.
            delay = None if next_due is None else max(next_due - self._now(), LOOK_SECONDS if due else 0.0)
            try:
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _look_now(self) -> tuple[Sequence[D], float | None]:
        now = self._now()
        if now < self._looked_at:
            self._hurry(now)
        self._looked_at = now
        return self._look(now, 2 * self._at_once)

    async def _do(self, work: D) -> None:
        try:
            await self._handle(work)
        except Exception:  # noqa: BLE001 - one piece of work must not stop the others
            # It is still recorded, and due: it is done again, which is better than never, but not at once.
            _log.exception("%s of the %s could not be handled", work.id, self._what)
            await asyncio.sleep(LOOK_SECONDS)
        finally:
            del self._running[work.id]
            self._wake.set()
