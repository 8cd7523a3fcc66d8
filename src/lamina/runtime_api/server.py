"""The Runtime API over HTTP/1.1, on the listener that lies inside an environment.

The peer is whatever the customer's code makes it: heads and bodies are bounded, one by one and together, and what is
not understood ends the connection. Only the runtime's own conversation can suffer from it.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import Final

import httptools

from lamina.invocations.calls import response_too_large
from lamina.runtime_api.session import INVALID_REQUEST_ID, RESPONSE_BYTES_MAX, Reply, RuntimeSession

# A runtime takes one, an extension another; what a function opens beyond that costs the server memory.
_CONNECTIONS_MAX: Final = 32
_PAUSE_SECONDS: Final = 0.1
_HEAD_BYTES_MAX: Final = 64 * 1024
_HEADERS_MAX: Final = 100
# What AWS's own client sends of it at most, beyond the head's other bytes; nobody here reads it.
_CAUSE: Final = b"lambda-runtime-function-xray-error-cause"
_CAUSE_BYTES_MAX: Final = 1024 * 1024
# All that one environment can make the server keep: the largest answer with the largest cause, and small heads.
_HELD_BYTES_MAX: Final = 12 * 1024 * 1024
_INVOCATION: Final = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT: Final = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class RuntimeApiServer:
    """Accepts on *listener* and leads every connection to the session of the runtime that is running then."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: set[_Connection] = set()
        self.session: RuntimeSession | None = None
        self._pause: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def renew(self, session: RuntimeSession) -> None:
        """Lead new connections to *session*; those of the runtime before it are cut."""
        self.session = session
        for connection in list(self._connections):
            connection.close()

    def close(self) -> None:
        if self._pause is not None:
            self._pause.cancel()
        self._loop.remove_reader(self._listener)
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
        if len(self._connections) >= _CONNECTIONS_MAX:
            accepted.close()
            return
        accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = _Connection(self)
        self._connections.add(connection)
        task = self._loop.create_task(self._loop.connect_accepted_socket(lambda: connection, accepted))
        connection.task = task

    def forget(self, connection: _Connection) -> None:
        self._connections.discard(connection)

    def holds_too_much(self) -> bool:
        """Whether all connections together keep more than a runtime's conversation can need."""
        return sum(connection.held_bytes for connection in self._connections) > _HELD_BYTES_MAX


class _Refused(Exception):
    """The peer sends more than a runtime would, or sooner. Raised in the parser's callbacks, it ends the parsing."""


class _Connection(asyncio.Protocol):
    def __init__(self, server: RuntimeApiServer) -> None:
        self._server = server
        self._session = server.session
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: Callable[[Reply], None] | None = None
        self._keep_alive = True
        # Whether a request has ended in the piece of data that is being parsed.
        self._ended = False
        self.task: asyncio.Task[object] | None = None
        self._begin()

    def _begin(self) -> None:
        self._url = b""
        self._path = ""
        self._invocation: re.Match[str] | None = None
        self._error_type = ""
        self._expects_go_ahead = False
        self._headers = 0
        self._small_bytes = 0
        # What has come since the last body or end of a head: the parser may hold all of it back.
        self._head_bytes = 0
        self._body = bytearray()
        self._body_bytes = 0
        self._keeps_body = False

    @property
    def held_bytes(self) -> int:
        """What the peer makes the server keep: what it sent so far, and the answers that it did not take yet."""
        unsent = 0 if self._transport is None else self._transport.get_write_buffer_size()
        return self._head_bytes + len(self._body) + unsent

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        self._hang_up()
        self._transport = None
        self._server.forget(self)

    def _hang_up(self) -> None:
        if self._waiting is not None and self._session is not None:
            self._session.hung_up(self._waiting)
        self._waiting = None

    def close(self) -> None:
        # Not only when the connection is lost, a turn of the loop later: an event could be given to it until then.
        self._hang_up()
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        self._ended = False
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()
            return
        endless = self._head_bytes > _HEAD_BYTES_MAX + _CAUSE_BYTES_MAX
        # Small ones are not worth the counting: there are few.
        if endless or (self.held_bytes > _HEAD_BYTES_MAX and self._server.holds_too_much()):
            self.close()

    # httptools' callbacks

    def on_message_begin(self) -> None:
        # No runtime asks again before it has its answer. Who did could have answers pile up that it never takes.
        unsent = self._transport is not None and self._transport.get_write_buffer_size()
        if self._ended or self._waiting is not None or unsent:
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
        if name == _ERROR_TYPE:
            self._error_type = value.decode("latin-1")
        elif name == b"expect":
            self._expects_go_ahead = value.lower() == b"100-continue"

    def _take_small(self, size: int) -> None:
        self._small_bytes += size
        if self._small_bytes > _HEAD_BYTES_MAX:
            raise _Refused

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        self._path = self._url.decode("latin-1").partition("?")[0]
        if self._session is not None and self._parser.get_method() == b"POST":
            self._invocation = _INVOCATION.fullmatch(self._path)
            if self._invocation is not None:
                self._keeps_body = self._session.takes_answer(self._invocation[1])
            elif self._path == _INIT_ERROR:
                self._keeps_body = self._session.takes_init_error()
        if self._expects_go_ahead and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._body_bytes += len(body)
        # What is not taken, or too large, is not kept, but read: an answer needs a request that has ended.
        if self._keeps_body:
            self._body += body
            if self._body_bytes > RESPONSE_BYTES_MAX:
                self._keeps_body = False
                self._body.clear()

    def on_message_complete(self) -> None:
        session = self._session
        self._ended = True
        self._keep_alive = self._parser.should_keep_alive()
        method = self._parser.get_method()
        path, invocation, error_type = self._path, self._invocation, self._error_type
        body, size, kept = bytes(self._body), self._body_bytes, self._keeps_body
        self._begin()
        if session is None:
            self.close()
        elif method == b"GET" and path == _NEXT:
            self._waiting = partial(self._reply)
            session.next(self._waiting)
        elif method == b"POST" and path == _INIT_ERROR:
            # Cut short it would be no JSON.
            self._reply(session.init_error(body if size <= RESPONSE_BYTES_MAX else response_too_large(), error_type))
        elif invocation is not None:
            request_id, kind = invocation.groups()
            if size > RESPONSE_BYTES_MAX:
                self._reply(session.response_too_large(request_id))
            elif not kept:
                # Not even where it has become the one that is awaited, by now.
                self._reply(INVALID_REQUEST_ID)
            elif kind == "response":
                self._reply(session.response(request_id, body))
            else:
                self._reply(session.error(request_id, body, error_type))
        else:
            self._reply(Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"}))

    def _reply(self, reply: Reply) -> None:
        self._waiting = None
        if self._transport is None:
            return
        head = [f"HTTP/1.1 {reply.status} {_REASONS[reply.status]}", f"Content-Length: {len(reply.body)}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        self._transport.write("\r\n".join(head).encode("latin-1", "replace") + b"\r\n\r\n" + reply.body)
        if not self._keep_alive:
            self._transport.close()
        if self._transport.get_write_buffer_size() and self._server.holds_too_much():
            self.close()
