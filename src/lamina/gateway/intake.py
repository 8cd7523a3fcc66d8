"""A large body on its way from its sender to a thread, which reads it as it comes.

The loop receives it and hands the pieces over, or, for as long as they come at once, has the thread `draw` them from
the socket itself: two threads that take turns at every piece wait longer for the interpreter than they work.
"""

from __future__ import annotations

import hashlib
import socket
import threading
from collections import deque
from concurrent.futures import Executor
from typing import Final

from lamina.wire import ComingJson

# Waking a thread for less costs more than the thread then does.
_BATCH_BYTES: Final = 512 * 1024
_PIECE_BYTES: Final = 64 * 1024
# Of what a sender has at hand, no piece is so small but the last.
_DRAWN_BYTES_MIN: Final = 4 * 1024
_DRAW_PATIENCE_S: Final = 0.002
# Others want a thread, too.
_DRAWN_BYTES_MAX: Final = 4 * 1024 * 1024


class Intake:
    """Gives a body to *coming* in the order of its pieces.

    `take` and `abandon` on the loop; `draw`, `whole` and `sha256` on a thread. Only with *hashing* it can tell the
    digest.
    """

    def __init__(self, coming: ComingJson, threads: Executor, *, hashing: bool = False) -> None:
        self._coming = coming
        self._digest = hashlib.sha256() if hashing else None
        self._threads = threads
        self._pieces: deque[bytes] = deque()
        self._waiting_bytes = 0
        # Whether a thread is at it, or about to be: several would only wait for one another.
        self._reading = False
        self._lock = threading.Lock()
        self._failure: OSError | None = None
        self._abandoned = False

    def take(self, piece: bytes) -> None:
        """The next piece."""
        self._pieces.append(piece)
        self._waiting_bytes += len(piece)
        if self._waiting_bytes >= _BATCH_BYTES and not self._reading:
            self._waiting_bytes, self._reading = 0, True
            self._threads.submit(self._read_waiting)

    def draw(self, sender: socket.socket, size: int) -> int:
        """Take of the next *size* bytes what *sender*, closed then, has at once; how many those are.

        Nothing is taken meanwhile. That the sender has ended, or failed, is left to the next one who reads from it.
        """
        drawn, size = 0, min(size, _DRAWN_BYTES_MAX)
        with sender:
            sender.settimeout(_DRAW_PATIENCE_S)
            while drawn < size and not self._abandoned:
                try:
                    piece = sender.recv(min(size - drawn, _PIECE_BYTES))
                except OSError:
                    break
                drawn += len(piece)
                self._pieces.append(piece)
                self._read()
                if len(piece) < _DRAWN_BYTES_MIN:
                    break
        return drawn

    def abandon(self) -> None:
        """Nobody wants it any more."""
        self._abandoned = True

    def whole(self) -> ComingJson:
        """The body, once no more is taken. Raises OSError where it could not be kept."""
        self._read()
        if self._failure is not None:
            raise self._failure
        return self._coming

    def sha256(self) -> str:
        """The digest of the body, in hex, once no more is taken."""
        assert self._digest is not None, "nobody said that it would be asked for"
        self._read()
        return self._digest.hexdigest()

    def _read_waiting(self) -> None:
        try:
            self._read()
        finally:
            self._reading = False

    def _read(self) -> None:
        with self._lock:
            while self._pieces and self._failure is None:
                piece = self._pieces.popleft()
                if self._digest is not None:
                    self._digest.update(piece)
                try:
                    self._coming.feed(piece)
                except OSError as error:
                    # Whoever asks for the whole is told; what still comes is for nothing.
                    self._failure = error
            if self._failure is not None:
                self._pieces.clear()
