"""A conversation with a process of an environment on the event loop, without what nobody needs of asyncio's transports.

What the process says comes by a pipe. By a socket it could send descriptors along, and whoever receives one, wanted or
not, closes it: a connection that lingers until its peer has taken everything (socket(7)) would hold the server up for
as long as the function likes. So the socket on which it is told things takes nothing back.
"""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Final, Protocol

# One for all, as nothing stays in it: to have room for this much anew takes longer than to receive a small message.
_ROOM: Final = memoryview(bytearray(256 * 1024))
_ROOMS: Final = (_ROOM,)


class Reader(Protocol):
    """Whom it tells, as asyncio's transports tell a protocol."""

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...


@dataclass(frozen=True, slots=True)
class Talk:
    """The server's ends of a conversation: a socket for *telling* something, a pipe for *hearing* what is said."""

    telling: socket.socket
    hearing: int

    def close(self) -> None:
        self.telling.close()
        os.close(self.hearing)


def make_talk() -> tuple[Talk, tuple[int, int]]:
    """A conversation, and the other process's ends of it: where it is told something, and where it says something."""
    ours, theirs = socket.socketpair()
    # Before anybody else has the other end, on which nothing can be sent from here on.
    ours.shutdown(socket.SHUT_RD)
    hearing, saying = os.pipe2(os.O_CLOEXEC)
    return Talk(ours, hearing), (theirs.detach(), saying)


class Pipe:
    """Has the ends of *talk* from now on, and closes them when it is aborted, or the others are. Call on the loop."""

    def __init__(self, talk: Talk) -> None:
        self._socket, self._hearing = talk.telling, talk.hearing
        self._reader: Reader | None = None
        self._unsent = bytearray()
        self._open = True
        self._loop = asyncio.get_running_loop()
        self._socket.setblocking(False)
        os.set_blocking(self._hearing, False)

    def begin(self, reader: Reader) -> None:
        """Tell *reader* of what comes."""
        self._reader = reader
        self._loop.add_reader(self._hearing, self._readable)

    def pause_reading(self) -> None:
        """Hear nothing more, not even that the other end is closed."""
        if self._open:
            self._loop.remove_reader(self._hearing)

    def write(self, data: bytes) -> None:
        """Send *data*, as soon as the other side takes it."""
        if not self._open:
            return
        if not self._unsent:
            try:
                sent = self._socket.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._end(error)
                return
            if sent == len(data):
                return
            data = data[sent:]
            self._loop.add_writer(self._socket.fileno(), self._writable)
        self._unsent += data

    def get_write_buffer_size(self) -> int:
        """How much the other side has not taken."""
        return len(self._unsent)

    def abort(self) -> None:
        """Close it; what is not sent is thrown away."""
        self._end(None)

    def get_extra_info(self, name: str) -> object:
        """The "socket", as of any transport; nothing else is known."""
        return self._socket if name == "socket" else None

    def _readable(self) -> None:
        try:
            size = os.readv(self._hearing, _ROOMS)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if size:
            assert self._reader is not None
            self._reader.data_received(bytes(_ROOM[:size]))
        else:
            # Whether it had read what it was told, the socket knows.
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            self._end(OSError(code, os.strerror(code)) if code else None)

    def _writable(self) -> None:
        try:
            del self._unsent[: self._socket.send(self._unsent)]
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if not self._unsent:
            self._loop.remove_writer(self._socket.fileno())

    def _end(self, error: OSError | None) -> None:
        if not self._open:
            return
        self._open = False
        self._loop.remove_reader(self._hearing)
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        os.close(self._hearing)
        self._unsent.clear()
        if self._reader is not None:
            # Not at once: whoever aborts it is in the midst of something.
            self._loop.call_soon(self._reader.connection_lost, error)
