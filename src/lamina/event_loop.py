"""The server's event loop: asyncio's, which asks the kernel less often what has happened.

While callbacks are due asyncio asks before each turn, without waiting: five times in a warm call, of which two are
enough. Here what is due is done first, for a few turns at most, so that nobody outside waits for long.

And where one thing follows on the other it does not fall asleep in between: a processor without work halts, and to wake
it takes as long as a small function does.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import time
from asyncio.events import Handle
from typing import TYPE_CHECKING, Final, TypeVarTuple

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Callable
    from contextvars import Context

    from _typeshed import FileDescriptorLike

_Ts = TypeVarTuple("_Ts")
# Turns in a row that may pass without a question.
_UNASKED_MAX: Final = 3
# How long it is looked out for what comes before the processor is given up, and after how many waits that were no
# longer: a caller who pauses after each call makes every other one long, and costs nothing.
_WATCHED_S: Final = 0.0001
_BRIEF_WAITS: Final = 2


def new_event_loop() -> asyncio.AbstractEventLoop:
    """A loop for `asyncio.Runner`."""
    several = len(os.sched_getaffinity(0)) > 1
    return PatientEventLoop(WatchfulSelector() if several else None)


class PatientEventLoop(asyncio.SelectorEventLoop):
    """Has up to three turns in a row without asking, while anything is due."""

    # Of asyncio's own, the same since Python 3.4, and to be had by no public name. A selector that tells of nothing
    # comes to the same, but takes thrice as long: asyncio looks for what has happened, and at its timers, all the same.
    _ready: deque[Handle]
    _stopping: bool
    _closed: bool
    _debug: bool
    # The clock that asyncio asks in a method of its own.
    time = staticmethod(time.monotonic)

    def call_soon(self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None) -> Handle:
        """As asyncio's, which is four functions for the sake of finding mistakes."""
        if self._debug or self._closed:
            return super().call_soon(callback, *args, context=context)
        handle = Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def _run_once(self) -> None:
        ready = self._ready
        unasked = 0 if self._debug else _UNASKED_MAX
        while ready and unasked:
            unasked -= 1
            # What becomes due meanwhile is of the next turn.
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle.cancelled():
                    handle._run()  # noqa: SLF001 - what asyncio does with it
                # As long as it is named here it keeps alive whoever it has called.
                del handle
            if self._stopping:
                return
        super()._run_once()  # type: ignore[misc]


class WatchfulSelector(selectors.EpollSelector):
    """Asks again and again for a tenth of a millisecond, before it sleeps, while waits are as short as that.

    A wait that was watched in vain ends it: a server that rests, or waits for slow functions, watches nothing. The
    processor is not offered to others meanwhile: where it is wanted, they would keep it for milliseconds.
    """

    # Of every selector since Python 3.4, by its number.
    _fd_to_key: dict[int, selectors.SelectorKey]

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        super().__init__()
        self._clock = clock
        self._brief_waits = 0

    def get_key(self, fileobj: FileDescriptorLike) -> selectors.SelectorKey:
        """As any selector's, but for words about what is not there: asyncio asks before it adds or removes anything."""
        if not isinstance(fileobj, int):
            return super().get_key(fileobj)
        return self._fd_to_key[fileobj]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What has happened within *timeout* seconds, None for any time."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        began = self._clock()
        if self._brief_waits < _BRIEF_WAITS:
            found = super().select(timeout)
            self._brief_waits = self._brief_waits + 1 if self._clock() - began < _WATCHED_S else 0
            return found
        while self._clock() - began < _WATCHED_S:
            if found := super().select(0):
                return found
        self._brief_waits = 0
        return super().select(timeout)
