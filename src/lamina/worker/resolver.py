"""Where a runtime's environments ask for names: hands every question to the host's own resolvers, and the answer back.

The questions come by sockets that lie in the zygote's network namespace. So the host's resolver may be at any address
of the host's, loopback included, which environments can't reach; and what the host is told of new resolvers, when it
moves to another network, holds for environments that are there already.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Final

_QUESTION_BYTES_MAX: Final = 65535
_AT_ONCE_MAX: Final = 256
# Of one environment's, so that it keeps nobody but itself from hearing of names.
_AT_ONCE_EACH: Final = 32
_PATIENCE_S: Final = 5.0
_CONFIGURATION: Final = Path("/etc/resolv.conf")


def nameservers(configuration: Path = _CONFIGURATION) -> list[str]:
    """The resolvers of this machine, in its order."""
    try:
        lines = configuration.read_text(errors="replace").splitlines()
    except OSError:
        return []
    words = (line.split() for line in lines)
    return [each[1] for each in words if len(each) > 1 and each[0] == "nameserver"]


class Resolver:
    """Answers on two sockets, which become its own, until it is closed. *upstream* tells whom to ask."""

    def __init__(
        self,
        datagrams: socket.socket,
        listener: socket.socket,
        upstream: Callable[[], Sequence[str]] = nameservers,
        port: int = 53,
    ) -> None:
        self._datagrams, self._listener = datagrams, listener
        self._upstream = upstream
        self._port = port
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()
        self._asking: Counter[str] = Counter()
        for each, readable in ((datagrams, self._question), (listener, self._connection)):
            each.setblocking(False)
            self._loop.add_reader(each, readable)

    def close(self) -> None:
        for each in (self._datagrams, self._listener):
            self._loop.remove_reader(each)
            each.close()
        for task in self._tasks:
            task.cancel()

    def _question(self) -> None:
        with contextlib.suppress(OSError):
            question, asker = self._datagrams.recvfrom(_QUESTION_BYTES_MAX)
            self._begin(asker[0], self._answer(question, asker))

    def _connection(self) -> None:
        with contextlib.suppress(OSError):
            accepted, asker = self._listener.accept()
            if not self._begin(asker[0], self._relay(accepted)):
                accepted.close()

    def _begin(self, asker: str, work: Coroutine[Any, Any, None]) -> bool:
        """Do *work* for the address *asker*, unless there is too much already: who asks for names asks again."""
        if len(self._tasks) >= _AT_ONCE_MAX or self._asking[asker] >= _AT_ONCE_EACH:
            work.close()
            return False
        task = self._loop.create_task(work)
        self._tasks.add(task)
        self._asking[asker] += 1

        def done(task: asyncio.Task[None]) -> None:
            self._tasks.discard(task)
            self._asking[asker] -= 1
            if not self._asking[asker]:
                del self._asking[asker]

        task.add_done_callback(done)
        return True

    async def _answer(self, question: bytes, asker: Any) -> None:
        for server in self._upstream():
            with contextlib.suppress(OSError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    answer = await self._ask(server, question)
                self._datagrams.sendto(answer, asker)
                return

    async def _ask(self, server: str, question: bytes) -> bytes:
        with socket.socket(_family(server), socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as asking:
            # Connected, it hears nobody else, and is told at once where nobody listens.
            asking.connect((server, self._port))
            await self._loop.sock_sendall(asking, question)
            return await self._loop.sock_recv(asking, _QUESTION_BYTES_MAX)

    async def _relay(self, accepted: socket.socket) -> None:
        with accepted:
            accepted.setblocking(False)
            for server in self._upstream():
                with (
                    contextlib.suppress(OSError, TimeoutError),
                    socket.socket(_family(server), socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as asking,
                ):
                    async with asyncio.timeout(_PATIENCE_S):
                        await self._loop.sock_connect(asking, (server, self._port))
                    async with asyncio.timeout(2 * _PATIENCE_S):
                        await self._exchange(accepted, asking)
                    return

    async def _exchange(self, one: socket.socket, other: socket.socket) -> None:
        """Carry what each says to the other until one of them has nothing more to say."""
        ways = [asyncio.ensure_future(self._carry(*way)) for way in ((one, other), (other, one))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _carry(self, speaker: socket.socket, hearer: socket.socket) -> None:
        while said := await self._loop.sock_recv(speaker, 4096):
            await self._loop.sock_sendall(hearer, said)


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
