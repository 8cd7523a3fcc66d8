"""HTTP/1.1 on a listener that lies inside an environment; what the requests mean is somebody else's.

The peer is whatever the customer's code makes it: heads and bodies are bounded, one by one and together, and what is
not understood ends the connection. Only this environment's own conversations can suffer from it.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final, Protocol

import httptools

from lamina.runtime_api.frames import PREFACE, FramedConnection
from lamina.runtime_api.pipes import Pipe, Talk
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.session import RuntimeSession

# A runtime takes one, each of ten extensions one or two; what a function opens beyond that costs the server memory.
_CONNECTIONS_MAX: Final = 32
_PAUSE_SECONDS: Final = 0.1
_HEAD_BYTES_MAX: Final = 64 * 1024
_HEADERS_MAX: Final = 100
# What AWS's own client sends of it at most, beyond the head's other bytes; nobody here reads it.
_CAUSE: Final = b"lambda-runtime-function-xray-error-cause"
_CAUSE_BYTES_MAX: Final = 1024 * 1024
# All that one environment can make the server keep: the largest answer with the largest cause, and small heads.
_HELD_BYTES_MAX: Final = 12 * 1024 * 1024
_KEPT_HEADERS: Final = (b"lambda-", b"content-type")
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


@dataclass(frozen=True, slots=True)
class Head:
    """A request without its body. *headers*: those that somebody here reads, their names in small letters."""

    method: bytes
    path: str
    headers: Mapping[bytes, str]


class Peer(Protocol):
    """The connection a request came on."""

    def reply(self, reply: Reply) -> None:
        """Answer the request that has ended."""
        ...

    def pause(self) -> None:
        """Take no more of the body until `resume`; the sender is kept waiting."""
        ...

    def resume(self) -> None: ...

    def close(self) -> None:
        """Cut it."""
        ...


class Exchange(Protocol):
    """One request, as it comes in."""

    @property
    def held_bytes(self) -> int:
        """What it keeps of the body."""
        ...

    def take(self, piece: bytes) -> None:
        """A piece of the body."""
        ...

    def end(self, trailers: Mapping[bytes, str]) -> Reply | None:
        """The body is whole. The reply; None if it is given later, by `Peer.reply`."""
        ...

    def drop(self) -> None:
        """The connection has gone before the reply."""
        ...


class Conversation(Protocol):
    """Who the requests of one generation of processes are for."""

    @property
    def runtime(self) -> RuntimeSession:
        """What a runtime that does not speak HTTP talks to."""
        ...

    def open(self, head: Head, peer: Peer) -> Exchange: ...


class Connections:
    """Accepts on *listener* and leads every request to the conversation that is going on then."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: set[_Connection | FramedConnection] = set()
        self.conversation: Conversation | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._loop.add_reader(listener.fileno(), self._accept)

    def renew(self, conversation: Conversation) -> None:
        """Lead new connections to *conversation*; those of the processes before it are cut."""
        self.conversation = conversation
        for connection in list(self._connections):
            connection.close()

    def adopt(self, talk: Talk) -> None:
        """Go on in frames on these ends of a *talk*, whose other ends the runtime's process has."""
        assert self.conversation is not None, "nobody would hear"
        pipe = Pipe(talk)
        framed = FramedConnection(self, self.conversation.runtime, pipe)
        self._connections.add(framed)
        pipe.begin(framed)

    def ignore(self) -> None:
        """Hear nothing more from whoever is connected or will be, which nobody notices until `close`."""
        if self._pause is not None:
            self._pause.cancel()
        # A listener may be closed with its sandbox before `close` comes.
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
        for connection in list(self._connections):
            connection.ignore()

    def close(self) -> None:
        self.ignore()
        self._listener.close()
        for connection in list(self._connections):
            connection.close()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except BlockingIOError:
            return
        except OSError:
            # For want of descriptors, most likely: whoever knocks has to wait, and must not keep the loop busy.
            self._loop.remove_reader(self._listener)
            self._pause = self._loop.call_later(_PAUSE_SECONDS, self._loop.add_reader, self._listener, self._accept)
            return
        if len(self._connections) >= _CONNECTIONS_MAX or self.conversation is None:
            accepted.close()
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self, self.conversation)
        self._connections.add(connection)
        task = self._loop.create_task(self._loop.connect_accepted_socket(lambda: connection, accepted))
        connection.task = task

    def forget(self, connection: _Connection | FramedConnection) -> None:
        self._connections.discard(connection)

    def exchange(self, connection: _Connection, other: FramedConnection) -> None:
        """It is the *other* now."""
        self._connections.discard(connection)
        self._connections.add(other)

    def holds_too_much(self) -> bool:
        """Whether all connections together keep more than these conversations can need."""
        return sum(connection.held_bytes for connection in self._connections) > _HELD_BYTES_MAX


class _Refused(Exception):
    """The peer sends more than a client would, or sooner. Raised in the parser's callbacks, it ends the parsing."""


class _Connection(asyncio.Protocol):
    def __init__(self, connections: Connections, conversation: Conversation) -> None:
        self._connections = connections
        self._conversation = conversation
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._exchange: Exchange | None = None
        # Whether the request has ended and its reply has not been given.
        self._awaited = False
        self._keep_alive = True
        # Whether a request has ended in the piece of data that is being parsed.
        self._ended = False
        self._is_new = True
        self.task: asyncio.Task[object] | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._kept: dict[bytes, str] = {}
        self._expects_go_ahead = False
        self._headers = 0
        self._small_bytes = 0
        # What has come since the last body or end of a head: the parser may hold all of it back.
        self._head_bytes = 0

    @property
    def held_bytes(self) -> int:
        """What the peer makes the server keep: what it sent so far, and the answers that it did not take yet."""
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        body = 0 if self._exchange is None else self._exchange.held_bytes
        return self._head_bytes + self._small_bytes + body + unsent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._hang_up()
        self._transport = None
        self._connections.forget(self)

    def _hang_up(self) -> None:
        exchange, self._exchange = self._exchange, None
        self._awaited = False
        if exchange is not None:
            exchange.drop()

    def data_received(self, data: bytes) -> None:
        if self._is_new:
            self._is_new = False
            if data.startswith(PREFACE):
                self._go_on_in_frames(data[len(PREFACE) :])
                return
        self._head_bytes += len(data)
        self._ended = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()
            return
        endless = self._head_bytes > _HEAD_BYTES_MAX + _CAUSE_BYTES_MAX
        # Small ones are not worth the counting: there are few.
        if endless or (self.held_bytes > _HEAD_BYTES_MAX and self._connections.holds_too_much()):
            self.close()

    def _go_on_in_frames(self, data: bytes) -> None:
        assert self._transport is not None
        framed = FramedConnection(self._connections, self._conversation.runtime, self._transport)
        self._connections.exchange(self, framed)
        self._transport.set_protocol(framed)
        framed.data_received(data)

    # httptools' callbacks

    def on_message_begin(self) -> None:
        # No client asks again before it has its answer. Who did could have answers pile up that it never takes.
        unsent = self._transport is not None and self._transport.get_write_buffer_size()
        if self._ended or self._awaited or unsent:
            raise _Refused

    def on_url(self, url: bytes) -> None:
        self._take_small(len(url))
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers += 1
        if self._headers > _HEADERS_MAX:
            raise _Refused
        name = name.lower()
        if name == _CAUSE:
            return
        self._take_small(len(name) + len(value))
        if name.startswith(_KEPT_HEADERS):
            self._kept[name] = value.decode("latin-1")
        elif name == b"expect":
            self._expects_go_ahead = value.lower() == b"100-continue"

    def _take_small(self, size: int) -> None:
        self._small_bytes += size
        if self._small_bytes > _HEAD_BYTES_MAX:
            raise _Refused

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        path = self._url.decode("latin-1").partition("?")[0]
        self._exchange = self._conversation.open(Head(self._parser.get_method(), path, self._kept), self)
        # What is told from here on are trailers.
        self._kept = {}
        if self._expects_go_ahead and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        if self._exchange is not None:
            self._exchange.take(body)

    def on_message_complete(self) -> None:
        exchange, trailers = self._exchange, self._kept
        self._ended = self._awaited = True
        self._keep_alive = self._parser.should_keep_alive()
        self._begin()
        if exchange is not None:
            reply = exchange.end(trailers)
            if reply is not None:
                self.reply(reply)

    # What an exchange may do

    def reply(self, reply: Reply) -> None:
        if not self._awaited:
            return
        self._awaited = False
        self._exchange = None
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}", f"Content-Length: {len(reply.body)}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        self._transport.write("\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + reply.body)
        if not self._keep_alive:
            self._transport.close()
        if self._transport.get_write_buffer_size() and self._connections.holds_too_much():
            self.close()

    def pause(self) -> None:
        if self._transport is not None:
            self._transport.pause_reading()

    def resume(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def ignore(self) -> None:
        """Hear nothing more from it, which it does not notice."""
        if self._transport is not None:
            self._transport.pause_reading()
        elif self.task is not None:
            self.task.cancel()

    def close(self) -> None:
        # Not only when the connection is lost, a turn of the loop later: an event could be given to it until then.
        self._hang_up()
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()
