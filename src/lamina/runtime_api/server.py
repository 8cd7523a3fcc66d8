"""The Runtime API over HTTP/1.1, on the listener that lies inside an environment.

The peer is whatever the customer's code makes it: heads and bodies are bounded, and what is not understood ends the
connection. Only the runtime's own conversation can suffer from it.
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
from lamina.runtime_api.session import RESPONSE_BYTES_MAX, Reply, RuntimeSession

# A runtime takes one, an extension another; what a function opens beyond that costs the server memory.
_CONNECTIONS_MAX: Final = 32
_HEAD_BYTES_MAX: Final = 2 * 1024 * 1024  # an X-Ray cause alone may take 1 MB
_INVOCATION: Final = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT: Final = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_ERROR_TYPE: Final = "lambda-runtime-function-error-type"
_REASONS: Final = {status.value: status.phrase for status in HTTPStatus}


class RuntimeApiServer:
    """Accepts on *listener* and leads every connection to the session of the runtime that is running then."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: set[_Connection] = set()
        self.session: RuntimeSession | None = None
        self._loop = asyncio.get_running_loop()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def renew(self, session: RuntimeSession) -> None:
        """Lead new connections to *session*; those of the runtime before it are cut."""
        self.session = session
        for connection in list(self._connections):
            connection.close()

    def close(self) -> None:
        self._loop.remove_reader(self._listener)
        self._listener.close()
        for connection in list(self._connections):
            connection.close()

    def _accept(self) -> None:
        try:
            accepted, _ = self._listener.accept()
        except OSError:
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


class _Connection(asyncio.Protocol):
    def __init__(self, server: RuntimeApiServer) -> None:
        self._server = server
        self._session = server.session
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: Callable[[Reply], None] | None = None
        self._keep_alive = True
        self.task: asyncio.Task[object] | None = None
        self._begin()

    def _begin(self) -> None:
        self._path = b""
        self._headers: dict[str, str] = {}
        self._head_bytes = 0
        self._body = bytearray()
        self._body_bytes = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, error: Exception | None) -> None:
        if self._waiting is not None and self._session is not None:
            self._session.hung_up(self._waiting)
        self._transport = None
        self._server.forget(self)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        elif self.task is not None:
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        # What is no body: the parser holds back a URL or a header until it is whole, however long it becomes.
        self._head_bytes += len(data)
        if self._head_bytes > _HEAD_BYTES_MAX:
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.close()

    # httptools' callbacks

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._head_bytes = 0
        self._body_bytes += len(body)
        # Past the limit nothing is kept, but the rest is read: an answer needs a request that has ended.
        if self._body_bytes <= RESPONSE_BYTES_MAX:
            self._body += body

    def on_message_complete(self) -> None:
        session = self._session
        self._keep_alive = self._parser.should_keep_alive()
        method = self._parser.get_method()
        path = self._path.decode("latin-1").partition("?")[0]
        error_type = self._headers.get(_ERROR_TYPE, "")
        body, size = bytes(self._body), self._body_bytes
        self._begin()
        if session is None:
            self.close()
        elif method == b"GET" and path == _NEXT:
            self._waiting = partial(self._reply)
            session.next(self._waiting)
        elif method == b"POST" and path == _INIT_ERROR:
            # Cut short it would be no JSON.
            self._reply(session.init_error(body if size <= RESPONSE_BYTES_MAX else response_too_large(), error_type))
        elif method == b"POST" and (match := _INVOCATION.fullmatch(path)):
            request_id, kind = match.groups()
            if size > RESPONSE_BYTES_MAX:
                self._reply(session.response_too_large(request_id))
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
