"""One end of a socket pair on the event loop: what asyncio's transports do, without what nobody here needs of them."""

from __future__ import annotations

import asyncio
import socket
from typing import Final, Protocol

# One for all, as nothing stays in it: to have room for this much anew takes longer than to receive a small message.
_ROOM: Final = memoryview(bytearray(256 * 1024))


class Reader(Protocol):
    """Whom it tells, as asyncio's transports tell a protocol."""

    def data_received(self, data: bytes) -> None: ...

    def connection_lost(self, error: Exception | None) -> None: ...


class Pipe:
    """Has *end* from now on, and closes it when it is aborted, or the other end is. Call on the loop."""

    def __init__(self, end: socket.socket) -> None:
        self._socket = end
        self._reader: Reader | None = None
        self._unsent = bytearray()
        self._open = True
        self._loop = asyncio.get_running_loop()
        end.setblocking(False)

    def begin(self, reader: Reader) -> None:
        """Tell *reader* of what comes."""
        self._reader = reader
        self._loop.add_reader(self._socket.fileno(), self._readable)

    def pause_reading(self) -> None:
        """Hear nothing more, not even that the other end is closed."""
        if self._open:
            self._loop.remove_reader(self._socket.fileno())

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
            size = self._socket.recv_into(_ROOM)
        except BlockingIOError:
            return
        except OSError as error:
            self._end(error)
            return
        if size:
            assert self._reader is not None
            self._reader.data_received(bytes(_ROOM[:size]))
        else:
            self._end(None)

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
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        self._unsent.clear()
        if self._reader is not None:
            # Not at once: whoever aborts it is in the midst of something.
            self._loop.call_soon(self._reader.connection_lost, error)
