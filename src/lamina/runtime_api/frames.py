"""The runtime's conversation in frames instead of HTTP: what our own client for Python speaks on the same listener.

A connection that begins with `PREFACE` goes on in frames, both ways, and so does what a runtime's process was forked
with (`pipes`), without a preface. An answer asks for the next invocation as well, so
that a call takes one message each way instead of two. Whoever speaks HTTP notices nothing of it: the Runtime API is
documented, this is not, and any process may speak either. Numbers are big-endian.

    to the server   kind 1 byte, then the lengths of request id (1), type (2) and body (4), then these three:
                    NEXT without any of them; ANSWER, the type being the content type; ERROR, that of the error
    to the runtime  the lengths of head (4) and body (4), then these two: an invocation, its head a line each of
                    request id, function ARN, deadline in ms, trace id, client context, content type
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Iterator
from typing import Any, Final, Protocol

from lamina.runtime_api.replies import Reply
from lamina.runtime_api.session import RESPONSE_BYTES_MAX, RuntimeSession
from lamina.values import dataclass

PREFACE: Final = b"\0lamina frames\1\n"
NEXT, ANSWER, ERROR = range(1, 4)
_ASKED: Final = struct.Struct("!BBHI")
_TOLD: Final = struct.Struct("!II")
_LINES: Final = (
    "Lambda-Runtime-Aws-Request-Id",
    "Lambda-Runtime-Invoked-Function-Arn",
    "Lambda-Runtime-Deadline-Ms",
    "Lambda-Runtime-Trace-Id",
    "Lambda-Runtime-Client-Context",
    "Content-Type",
)
_EMPTY: Final = ("",) * len(_LINES)
# What a frame has beside its body, at most.
_SMALL_BYTES_MAX: Final = _ASKED.size + 0xFF + 0xFFFF


@dataclass(frozen=True, slots=True)
class Frame:
    """What a runtime says. Of a *body* that is larger than an answer may be nothing is kept; it is None."""

    kind: int
    request_id: str
    type: str
    body: bytes | None


class NotFrames(Exception):
    """What has come is none of it."""


class FrameReader:
    """Frames out of what arrives, in whatever pieces."""

    def __init__(self) -> None:
        self._held = bytearray()
        # Of a frame whose body is too large: what is still to come of it, and what it will have been.
        self._skipped = 0
        self._too_large: Frame | None = None

    @property
    def held_bytes(self) -> int:
        return len(self._held)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """The frames that are whole now. Raises NotFrames."""
        held = self._held
        held += data
        while True:
            if self._too_large is not None:
                passed = min(self._skipped, len(held))
                del held[:passed]
                self._skipped -= passed
                if self._skipped:
                    return
                frame, self._too_large = self._too_large, None
                yield frame
            if len(held) < _ASKED.size:
                return
            kind, id_bytes, type_bytes, body_bytes = _ASKED.unpack_from(held)
            if not NEXT <= kind <= ERROR:
                raise NotFrames
            id_end = _ASKED.size + id_bytes
            type_end = id_end + type_bytes
            end = type_end + body_bytes
            too_large = body_bytes > RESPONSE_BYTES_MAX
            if len(held) < (type_end if too_large else end):
                return
            request_id, type_ = held[_ASKED.size : id_end].decode("latin-1"), held[id_end:type_end].decode("latin-1")
            if type_ and not type_.isprintable():
                # No header could say that, and it may become one.
                raise NotFrames
            if too_large:
                self._too_large, self._skipped = Frame(kind, request_id, type_, None), body_bytes
                del held[:type_end]
                continue
            body = bytes(held[type_end:end])
            del held[:end]
            yield Frame(kind, request_id, type_, body)


class Owner(Protocol):
    """What keeps the connections of an environment."""

    def forget(self, connection: FramedConnection) -> None: ...

    def holds_too_much(self) -> bool:
        """Whether all of them together keep more than they can need."""
        ...


class Transport(Protocol):
    """What carries a conversation, one of asyncio's or a pipe."""

    def write(self, data: bytes) -> None: ...

    def get_write_buffer_size(self) -> int: ...

    def get_extra_info(self, name: str) -> Any: ...

    def pause_reading(self) -> None: ...

    def abort(self) -> None: ...


class FramedConnection(asyncio.Protocol):
    """A connection of *session*'s runtime, from behind the preface on."""

    def __init__(self, owner: Owner, session: RuntimeSession, transport: Transport) -> None:
        self._owner, self._session, self._transport = owner, session, transport
        self._reader = FrameReader()
        self._was_reset = False
        self._has_asked = False
        # One object, by which the session knows who waits.
        self._waits = self._tell

    @property
    def held_bytes(self) -> int:
        return self._reader.held_bytes + self._transport.get_write_buffer_size()

    def data_received(self, data: bytes) -> None:
        try:
            for frame in self._reader.feed(data):
                if not self._take(frame):
                    self.close()
                    return
        except NotFrames:
            self.close()
            return
        if self.held_bytes > _SMALL_BYTES_MAX and self._owner.holds_too_much():
            self.close()

    def connection_lost(self, error: Exception | None) -> None:
        self._was_reset = isinstance(error, ConnectionResetError | BrokenPipeError)
        self._session.hung_up(self._waits)
        self._owner.forget(self)

    def ignore(self) -> None:
        """Hear nothing more from it, which it does not notice."""
        self._transport.pause_reading()

    def close(self) -> None:
        self._session.hung_up(self._waits)
        self._transport.abort()

    def _take(self, frame: Frame) -> bool:
        """Whether *frame* was one that may come now; if it asks for an invocation, that is told when there is one."""
        session, body = self._session, frame.body
        if self._has_asked or self._transport.get_write_buffer_size():
            # Who asks again, having been told nothing, could go on with that and keep the loop to itself; who asks
            # without taking what was told could have it pile up.
            return False
        self._has_asked = True
        if frame.kind != NEXT:
            if body is None:
                session.response_too_large(frame.request_id)
            elif frame.kind == ANSWER:
                session.response(frame.request_id, body, frame.type)
            else:
                session.error(frame.request_id, body, frame.type)
        return session.next(self._waits, self._is_unread) is None

    def _tell(self, reply: Reply) -> None:
        self._has_asked = False
        body = reply.body
        head = "\n".join(map(reply.headers.get, _LINES, _EMPTY)).encode("latin-1", "replace")
        self._transport.write(b"".join((_TOLD.pack(len(head), len(body)), head, body)))

    def _is_unread(self) -> bool:
        """Whether what was told last has been lost with the process it was told to: the kernel knows."""
        if self._was_reset:
            return True
        connection: socket.socket | None = self._transport.get_extra_info("socket")
        if connection is None or connection.fileno() == -1:
            return False
        self._was_reset = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) != 0
        return self._was_reset
