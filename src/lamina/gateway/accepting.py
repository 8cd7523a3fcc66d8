"""Accepts connections while there is room for them; who comes later waits in the kernel's queue.

asyncio's own server accepts whoever comes. For want of a descriptor it tries a thousand times in a row, logs each of
them, and begins again after a second.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, Generic, TypeVar

P = TypeVar("P", bound=asyncio.BaseProtocol)

# In one turn of the loop; the others' turn comes then.
_AT_ONCE: Final = 64
_UNTIL_ROOM_S: Final = 1.0
_UNTIL_MEANS_S: Final = 0.1
_log = logging.getLogger(__name__)


class Acceptor(Generic[P]):
    """Makes a protocol with *make* for each client of its listeners, as long as *has_room* says so, asked before each.

    *make* is told the client's address, empty for that of a Unix socket, and leaves him out with None; *lost* is told
    of each that was made and never came to be connected.

    `resume` when there is room again, which it asks itself now and then; tell it of each protocol that is connected by
    `arrived`. All on one event loop.
    """

    def __init__(
        self, make: Callable[[str], P | None], has_room: Callable[[], bool], lost: Callable[[P], None] = lambda _: None
    ) -> None:
        self._make, self._has_room, self._lost = make, has_room, lost
        self._listeners: dict[socket.socket, dict[str, Any]] = {}
        # With what connects each, and since when; in that order.
        self._arriving: dict[P, tuple[asyncio.Task[object], float]] = {}
        self._paused = self._is_told = False
        self._pause: asyncio.TimerHandle | None = None

    @property
    def arriving(self) -> int:
        """How many were accepted that are not connected yet: it takes a turn of the loop, or TLS's handshake."""
        return len(self._arriving)

    def arrived(self, protocol: P) -> None:
        self._arriving.pop(protocol, None)

    def drop(self, count: int, until: float) -> None:
        """Leave up to *count* of those that arrive since *until*, by the loop's clock, or before, the first first."""
        slow = [protocol for protocol, (_, since) in islice(self._arriving.items(), count) if since <= until]
        for protocol in slow:
            task, _ = self._arriving.pop(protocol)
            task.cancel()

    def listen(self, listener: socket.socket, **tls: Any) -> None:
        """Accept at *listener*, which stays the caller's to close; *tls* is for `loop.connect_accepted_socket`."""
        listener.setblocking(False)
        self._listeners[listener] = tls
        if not self._paused:
            asyncio.get_running_loop().add_reader(listener.fileno(), self._accept, listener)

    def resume(self) -> None:
        """There may be room again."""
        if not self._paused:
            return
        self._paused = False
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.add_reader(listener.fileno(), self._accept, listener)

    def close(self) -> None:
        """Accept nothing more, and leave those that are not connected yet."""
        self._stop()
        self._listeners.clear()
        self.drop(len(self._arriving), float("inf"))

    def _pause_for(self, seconds: float) -> None:
        self._stop()
        self._pause = asyncio.get_running_loop().call_later(seconds, self.resume)

    def _stop(self) -> None:
        self._paused = True
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None
        loop = asyncio.get_running_loop()
        for listener in self._listeners:
            loop.remove_reader(listener.fileno())

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if not self._has_room():
                self._pause_for(_UNTIL_ROOM_S)
                return
            try:
                accepted, address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                # For want of descriptors or memory: whoever knocks has to wait, and must not keep the loop busy.
                if not self._is_told:
                    self._is_told = True
                    _log.warning("no connection can be accepted, those who come are kept waiting: %s", error)
                self._pause_for(_UNTIL_MEANS_S)
                return
            self._is_told = False
            self._welcome(accepted, address[0] if isinstance(address, tuple) else "", self._listeners[listener])

    def _welcome(self, accepted: socket.socket, address: str, tls: dict[str, Any]) -> None:
        protocol = self._make(address)
        if protocol is None:
            accepted.close()
            return
        loop = asyncio.get_running_loop()
        task: asyncio.Task[object] = loop.create_task(loop.connect_accepted_socket(lambda: protocol, accepted, **tls))
        self._arriving[protocol] = task, loop.time()

        def connected(task: asyncio.Task[object]) -> None:
            if task.cancelled() or task.exception() is not None:
                # It was nobody who speaks TLS, or it was left; of a task that never began nobody else closes it.
                accepted.close()
                self._arriving.pop(protocol, None)
                self._lost(protocol)
                self.resume()

        task.add_done_callback(connected)
