"""A port of this machine that leads into an environment, so that a debugger outside reaches the one inside."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

_LOOPBACK: Final = "127.0.0.1"
_TRY_EVERY_S: Final = 0.05
_PIECE_BYTES: Final = 64 * 1024


class Forwarder:
    """Listens on *port* of the loopback address (0: any free one), and passes on what comes to what *connect* gives.

    Whoever connects before there is anything inside to connect to has to wait. `connected` is set by the first of them.
    Raises OSError where the port cannot be had.
    """

    def __init__(self, port: int, connect: Callable[[], socket.socket]) -> None:
        self.connected = threading.Event()
        self._connect = connect
        self._closed = threading.Event()
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server((_LOOPBACK, port))
        self.port: int = self._listener.getsockname()[1]
        self._begin(self._accept)

    def close(self) -> None:
        """End all connections, and wait until nothing runs any more."""
        self._closed.set()
        while any(thread.is_alive() for thread in list(self._threads)):
            # Again and again: one may just be being made.
            for each in (self._listener, *list(self._open)):
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
            self._threads[-1].join(_TRY_EVERY_S)
        self._listener.close()

    def _begin(self, work: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=work, args=arguments, name="forwarder")
        thread.start()
        self._threads.append(thread)
        return thread

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                outside, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(outside)
            self.connected.set()
            self._begin(self._serve, outside)

    def _serve(self, outside: socket.socket) -> None:
        with outside:
            inside = self._reach()
            if inside is not None:
                with inside:
                    inside.settimeout(None)
                    self._open.add(inside)
                    back = self._begin(_pump, inside, outside)
                    _pump(outside, inside)
                    back.join()
                self._open.discard(inside)
        self._open.discard(outside)

    def _reach(self) -> socket.socket | None:
        """A connection to what is inside, once it can be had; None when nobody wants one any more."""
        while not self._closed.is_set():
            try:
                return self._connect()
            except OSError:
                time.sleep(_TRY_EVERY_S)
        return None


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(_PIECE_BYTES):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def free_port() -> int:
    """A port of the loopback address that nobody has now."""
    with socket.create_server((_LOOPBACK, 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
