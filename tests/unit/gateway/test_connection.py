"""A connection without a socket: what it does with a client that takes nothing any more."""

from __future__ import annotations

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor

import pytest

from lamina.gateway.connection import Connection
from lamina.gateway.messages import Answer, Request, Timeouts

pytestmark = pytest.mark.anybody

PATIENCE_S = 60


class Stuck(asyncio.Transport):
    """A transport whose client takes nothing: it closes only when it is aborted."""

    def __init__(self) -> None:
        super().__init__()
        self.written, self.closing, self.aborted = b"", False, asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def get_write_buffer_size(self) -> int:
        return len(self.written)

    def is_closing(self) -> bool:
        return self.closing

    def close(self) -> None:
        self.closing = True

    def abort(self) -> None:
        self.aborted.set()


class Owner:
    def __init__(self, timeouts: Timeouts) -> None:
        self.timeouts = timeouts
        self.threads: Executor = ThreadPoolExecutor(1)

    def opened(self, connection: Connection) -> None:
        """Nobody counts."""

    def closed(self, connection: Connection) -> None:
        """Nobody counts."""


async def answer(request: Request) -> Answer:
    return Answer.whole(200, [], b"answer")


def test_what_is_never_taken_of_the_last_answer_keeps_no_connection() -> None:
    async def ask() -> bytes:
        transport = Stuck()
        connection = Connection(Owner(Timeouts(write_s=0)), answer)
        connection.connection_made(transport)
        connection.data_received(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(PATIENCE_S):
            await transport.aborted.wait()
        connection.connection_lost(None)
        return transport.written

    assert asyncio.run(ask()).endswith(b"answer")
