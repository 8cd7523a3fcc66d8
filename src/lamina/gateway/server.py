"""The HTTP surface: listens, accepts, answers through the dispatcher, and stops without losing an answer."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lamina.gateway import listening
from lamina.gateway.addresses import Addresses
from lamina.gateway.beside import Beside
from lamina.gateway.connection import Connection
from lamina.gateway.dispatch import Answered, Check, Content, Dispatcher, Health, Urls
from lamina.gateway.front import CONNECTIONS_MAX, TOO_MANY, Front
from lamina.gateway.intake import Intake
from lamina.gateway.messages import Answer, Request, Timeouts
from lamina.gateway.metrics import MetricsPage
from lamina.gateway.services import Services
from lamina.names import Scope
from lamina.observability.meter import Meter
from lamina.wire import Place

if TYPE_CHECKING:
    from lamina.gateway.certificates import Certificates
    from lamina.gateway.guard import Guard
    from lamina.gateway.proxies import Proxies

_THREADS = 32
# A client that goes away without the farewell of TLS is not waited for.
_TLS_FAREWELL_S = 2.0
# For the errors of those whose time is over to be written.
_LAST_WORDS_S = 1.0


class Gateway:
    """The server of the AWS APIs. Make it, `listen_*`, and `stop` in the end; all on one event loop.

    *services* are what it offers; handlers that are plain functions run in *threads* threads. *health* is what
    `/_lamina/health` shows, *download* answers `/_lamina/content/…`, *urls* requests to function URLs, *beside*
    what is for other services, *answered* takes what functions tell of custom resources, *guard* knows who may call,
    *proxies* are asked what they pass on, *default_scope* is for callers that sign nothing or with a key that is no
    account id. *connections_max* clients may be connected, code in environments not counted, and of one address what
    *addresses* says. *meter* counts the answers, *metrics* shows what was counted.
    """

    def __init__(
        self,
        services: Services,
        health: Health,
        download: Content,
        default_scope: Scope,
        *,
        urls: Urls | None = None,
        beside: Beside | None = None,
        answered: Answered | None = None,
        open_place: Callable[[], Place] | None = None,
        guard: Guard | None = None,
        proxies: Proxies | None = None,
        timeouts: Timeouts | None = None,
        threads: int = _THREADS,
        connections_max: int = CONNECTIONS_MAX,
        addresses: Addresses[object] | None = None,
        meter: Meter | None = None,
        metrics: MetricsPage | None = None,
    ) -> None:
        self.timeouts = timeouts or Timeouts()
        self.threads: Executor = ThreadPoolExecutor(threads, thread_name_prefix="gateway")
        self._dispatcher_for = partial(
            Dispatcher,
            services,
            health,
            download,
            meter=meter or Meter(),
            urls=urls,
            beside=beside,
            answered=answered,
        )
        if guard is not None:
            self._dispatcher_for = partial(self._dispatcher_for, organization=guard.organization)
        self._dispatcher = self._dispatcher_for(
            default_scope, self.threads, open_place=open_place, guard=guard, metrics=metrics
        )
        # What this process itself asks for comes from nobody outside.
        self._within = self._dispatcher if guard is None else self._dispatcher_for(default_scope, self.threads)
        self._proxies = proxies
        self._addresses: Addresses[object] = addresses or Addresses()
        answer, open_intake = self._dispatcher.answer, self._dispatcher.open_intake
        if proxies is not None:
            answer, open_intake = self._answer_through, self._open_intake_through
        self._front = Front(self, answer, open_intake, connections_max, self._addresses)
        self._listeners: list[socket.socket] = []
        self._connections: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._all_closed = asyncio.Event()

    @property
    def connections(self) -> int:
        """How many clients are connected."""
        return len(self._connections)

    async def answer(self, request: Request) -> Answer:
        """The answer to a *request* that came by no connection, but from this process itself."""
        return await self._within.answer(request)

    def answering(self, scope: Scope, threads: Executor, check: Check) -> Callable[[Request], Awaitable[Answer]]:
        """What answers requests on a listener of somebody else's: of callers in *scope*, once *check* did not raise."""
        return self._dispatcher_for(scope, threads, check=check).answer

    async def listen_tcp(self, host: str, port: int, certificates: Certificates | None = None) -> int:
        """Accept connections at *host*:*port* (0: any free one) and return the port; raises CannotListen.

        With *certificates* they speak TLS.
        """
        tls: dict[str, Any] = {}
        if certificates is not None:
            tls = {
                "ssl": certificates.context,
                "ssl_handshake_timeout": self.timeouts.head_s,
                "ssl_shutdown_timeout": _TLS_FAREWELL_S,
            }
        listeners = await listening.tcp(host, port)
        for listener in listeners:
            self._listeners.append(listener)
            self._front.listen(listener, **tls)
        return int(listeners[0].getsockname()[1])

    async def listen_unix(self, path: Path) -> None:
        """Accept connections at the Unix socket *path*; raises CannotListen.

        A socket that a killed server left there is replaced, one that somebody answers at is not.
        """
        listener = listening.unix(path)
        self._listeners.append(listener)
        self._front.listen(listener)

    async def stop(self, grace_s: float) -> None:
        """Accept nothing more, let what runs be answered for at most *grace_s* seconds, then close everything.

        What is not answered by then is answered with an error.
        """
        self._front.close()
        for listener in self._listeners:
            listener.close()
        for connection in list(self._connections):
            connection.finish()
        try:
            async with asyncio.timeout(grace_s):
                await self._wait_closed()
        except TimeoutError:
            await self._give_up()
        self.threads.shutdown(wait=False, cancel_futures=True)

    # What a connection needs of us.

    def opened(self, connection: Connection) -> None:
        self._connections.add(connection)

    def closed(self, connection: Connection) -> None:
        self._connections.discard(connection)
        # What it asked for goes on, and stop() waits for that too.
        task = connection.task
        if task is not None:
            self._tasks.add(task)
            task.add_done_callback(self._orphan_done)
        self._notice_end()

    def _orphan_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._notice_end()

    def _notice_end(self) -> None:
        if not self._connections and not self._tasks:
            self._all_closed.set()

    async def _wait_closed(self) -> None:
        while self._connections or self._tasks:
            self._all_closed.clear()
            await self._all_closed.wait()

    async def _give_up(self) -> None:
        running = [task for connection in self._connections if (task := connection.task) is not None]
        running += self._tasks
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running, timeout=_LAST_WORDS_S)
        for connection in list(self._connections):
            connection.abort()
        await asyncio.gather(*running, return_exceptions=True)
        await self._wait_closed()

    async def _answer_through(self, request: Request) -> Answer:
        assert self._proxies is not None, "nobody asks for others"
        seen = self._proxies.seen_through(request)
        if seen is request:
            return await self._dispatcher.answer(request)
        # Its client has no connection here; what stands for one is that it is being answered.
        if seen.refusal is None and self._addresses.full(seen.peer) is not None:
            seen.refusal = TOO_MANY
        held = object()
        self._addresses.take(seen.peer, held)
        try:
            return await self._dispatcher.answer(seen)
        finally:
            self._addresses.leave(held)

    def _open_intake_through(self, request: Request) -> Intake | None:
        assert self._proxies is not None, "nobody asks for others"
        seen = self._proxies.seen_through(request)
        intake = self._dispatcher.open_intake(seen)
        request.refusal, request.room = seen.refusal, seen.room
        return intake
