"""Questions for names go to the host's resolvers, and their answers come back to whoever asked."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from lamina.worker.resolver import Resolver, nameservers


class Upstream(asyncio.DatagramProtocol):
    """A resolver that answers with the question, the other way round."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, ...]) -> None:
        self._transport.sendto(data[::-1], addr)


async def _reversed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write((await reader.read(100))[::-1])
    writer.close()


def with_a_resolver(servers: list[str], test: Callable[[int, int], Awaitable[None]]) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        upstream = await asyncio.start_server(_reversed, "127.0.0.1", 0)
        port = upstream.sockets[0].getsockname()[1]
        datagrams, _ = await loop.create_datagram_endpoint(Upstream, ("127.0.0.1", port))
        asked = socket.socket(type=socket.SOCK_DGRAM)
        asked.bind(("127.0.0.1", 0))
        listener = socket.create_server(("127.0.0.1", 0))
        addresses = asked.getsockname()[1], listener.getsockname()[1]
        resolver = Resolver(asked, listener, lambda: servers, port)
        try:
            await test(*addresses)
        finally:
            resolver.close()
            datagrams.close()
            upstream.close()

    asyncio.run(main())


async def ask(port: int, question: bytes, address: str = "127.0.0.1") -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(type=socket.SOCK_DGRAM) as asking:
        asking.setblocking(False)
        asking.bind((address, 0))
        asking.connect(("127.0.0.1", port))
        await loop.sock_sendall(asking, question)
        return await asyncio.wait_for(loop.sock_recv(asking, 100), 10)


def test_a_datagrams_answer_comes_back() -> None:
    async def test(datagrams: int, _listener: int) -> None:
        answers = await asyncio.gather(*(ask(datagrams, b"question %d" % number) for number in range(20)))
        assert answers == [(b"question %d" % number)[::-1] for number in range(20)]

    with_a_resolver(["127.0.0.1"], test)


def test_where_nobody_listens_the_next_one_is_asked() -> None:
    async def test(datagrams: int, _listener: int) -> None:
        assert await ask(datagrams, b"abc") == b"cba"

    with_a_resolver(["127.1.2.3", "127.0.0.1"], test)


def test_a_connections_answer_comes_back() -> None:
    async def test(_datagrams: int, listener: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", listener)
        writer.write(b"abc")
        assert await asyncio.wait_for(reader.read(), 10) == b"cba"
        writer.close()

    with_a_resolver(["127.1.2.3", "127.0.0.1"], test)


def test_who_asks_what_nobody_answers_keeps_no_other_from_asking() -> None:
    async def test(datagrams: int, listener: int) -> None:
        held = [await asyncio.open_connection("127.0.0.1", listener) for _ in range(64)]
        # Those beyond its share are turned away at once, and the others wait for more to be said.
        turned_away = [asyncio.ensure_future(reader.read()) for reader, _ in held[32:]]
        async with asyncio.timeout(10):
            assert await asyncio.gather(*turned_away) == [b""] * 32
            assert await ask(datagrams, b"abc", "127.0.0.2") == b"cba"
            for _, writer in held:
                writer.close()

            async def answered_again() -> bytes:
                while True:
                    with contextlib.suppress(OSError):
                        reader, writer = await asyncio.open_connection("127.0.0.1", listener)
                        writer.write(b"abc")
                        answer = await reader.read()
                        writer.close()
                        if answer:
                            return answer

            assert await answered_again() == b"cba"

    with_a_resolver(["127.0.0.1"], test)


def test_resolvers_are_those_of_the_file_at_this_moment(tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    assert nameservers(file) == []
    file.write_text("# nameserver 1.1.1.1\nsearch example.com\nnameserver 127.0.0.53\nnameserver ::1\nnameserver\n")
    assert nameservers(file) == ["127.0.0.53", "::1"]
