"""The endpoint inside each execution environment: the same API, for the credentials of that environment alone.

The listener was made in the environment's network namespace, so nobody else can connect to it, and no route to this
server is needed. What is inside may be anybody's code: it gets a share of threads beside those of other callers, few
connections, and as much room for requests as the largest takes.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final, Protocol

from lamina.environments.variables import Credentials
from lamina.gateway import function_urls
from lamina.gateway.accepting import Acceptor
from lamina.gateway.connection import Connection
from lamina.gateway.dispatch import Check
from lamina.gateway.messages import REQUEST_BYTES_READ_MAX, Answer, Request, Timeouts
from lamina.gateway.proved import proves_itself
from lamina.gateway.shares import Share
from lamina.gateway.signatures import Signed, is_signed, verify
from lamina.names import Scope

_CONNECTIONS_MAX: Final = 64
# What each may have however many the others have.
_CONNECTIONS_SURE: Final = 4
_THREADS: Final = 8
# Of these, what one environment may have at work: a search through its logs takes seconds.
_THREADS_EACH: Final = 2
_HELD_BYTES_MAX: Final = REQUEST_BYTES_READ_MAX
# Longer bodies are hashed on a thread.
_HASHED_ON_LOOP_BYTES_MAX: Final = 256 * 1024


class House(Protocol):
    """The gateway behind the doors."""

    timeouts: Timeouts

    def opened(self, connection: Connection) -> None: ...

    def closed(self, connection: Connection) -> None: ...

    def answering(self, scope: Scope, threads: Executor, check: Check) -> Callable[[Request], Awaitable[Answer]]:
        """What answers requests of callers in *scope*, once *check* did not raise."""
        ...


class Doors:
    """Opens doors into *house*, which is there before the first request comes.

    Through all of them together come *connections_max* connections; each has a few for sure.
    """

    def __init__(self, connections_max: int) -> None:
        self.house: House | None = None
        self.connections = Connections(connections_max)
        self.threads: Executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="doors")

    def open(self, listener: socket.socket, scope: Scope, key: Credentials) -> Door:
        """Answer on *listener*, which stays the caller's, for callers who sign with *key* and belong to *scope*."""
        assert self.house is not None, "nobody is at home yet"
        return Door(listener, self.house, Share(self.threads, _THREADS_EACH), scope, key, self.connections)

    def close(self) -> None:
        self.threads.shutdown(wait=False, cancel_futures=True)


class Connections:
    """How many there are behind all doors, and which doors wait for that to change."""

    def __init__(self, most: int) -> None:
        self.most, self.count = most, 0
        self.waiting: set[Door] = set()

    def left(self) -> None:
        """One fewer: whoever waits may look again."""
        self.count -= 1
        waiting, self.waiting = self.waiting, set()
        for door in waiting:
            door.look_again()


class Door:
    """One environment's way to the API. `close` ends it, and every connection; what was asked for goes on."""

    def __init__(
        self,
        listener: socket.socket,
        house: House,
        threads: Executor,
        scope: Scope,
        key: Credentials,
        all_connections: Connections,
    ) -> None:
        self.timeouts = house.timeouts
        self.threads = threads
        self._house = house
        self._key = key
        self._answer = house.answering(scope, threads, self._check)
        self._connections: set[Connection] = set()
        self._all_connections = all_connections
        self._serving_bytes = 0
        self._loop = asyncio.get_running_loop()
        self._acceptor: Acceptor[Connection] = Acceptor(lambda _: _Visitor(self), self._has_room)
        self._acceptor.listen(listener)

    def close(self) -> None:
        self._acceptor.close()
        self._all_connections.waiting.discard(self)
        for connection in list(self._connections):
            connection.abort()

    # What a connection needs of its owner.

    def opened(self, connection: Connection) -> None:
        self._acceptor.arrived(connection)
        self._connections.add(connection)
        self._all_connections.count += 1
        self._house.opened(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        self._house.closed(connection)
        self._all_connections.left()
        self.look_again()

    def look_again(self) -> None:
        """There may be room for those who wait in the kernel's queue."""
        self._acceptor.resume()

    def _has_room(self) -> bool:
        mine = len(self._connections) + self._acceptor.arriving
        if mine < _CONNECTIONS_MAX and self._all_connections.count >= self._all_connections.most:
            self._all_connections.waiting.add(self)
            return mine < _CONNECTIONS_SURE
        return mine < _CONNECTIONS_MAX

    @property
    def holds_too_much(self) -> bool:
        """Whether the requests that are on their way, or being answered, take more room than one of them may."""
        coming = sum(connection.coming_bytes for connection in self._connections)
        return self._serving_bytes + coming > _HELD_BYTES_MAX

    async def answer(self, request: Request) -> Answer:
        size = request.body_bytes
        self._serving_bytes += size
        try:
            return await self._answer(request)
        finally:
            self._serving_bytes -= size

    async def _check(self, request: Request) -> None:
        """Raises ApiError unless *request* is signed with this environment's key, or needs no signature on AWS."""
        if function_urls.addressed(request) is not None and not is_signed(request.headers, request.query):
            # A function URL is open to anybody, or asks for a signature itself.
            return
        if proves_itself(request):
            return
        verify(await self._signed(request), self._key, datetime.now(UTC))

    async def _signed(self, request: Request) -> Signed:
        def hashed() -> str:
            return hashlib.sha256(request.body()).hexdigest()

        if request.body_bytes <= _HASHED_ON_LOOP_BYTES_MAX:
            digest = hashed()
        else:
            digest = await self._loop.run_in_executor(self.threads, hashed)
        return Signed(request.method, request.path, request.query, request.headers, digest)


class _Visitor(Connection):
    """A connection that ends when the environment makes the server hold too much."""

    def __init__(self, door: Door) -> None:
        super().__init__(door, door.answer)
        self._door = door

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.coming_bytes > _HASHED_ON_LOOP_BYTES_MAX and self._door.holds_too_much:
            self.abort()
