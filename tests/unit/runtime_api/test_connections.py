"""The Runtime API as a runtime sees it: a real listener on loopback, and peers that do what they should not."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from lamina.runtime_api.connections import Connections
from lamina.runtime_api.extensions import Extensions, Facts
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.restoring import Restoring
from lamina.runtime_api.routes import Routes
from lamina.runtime_api.session import RESPONSE_BYTES_MAX, Answer, InitFailed, Offer, RuntimeSession
from lamina.runtime_api.subscriptions import SUBSCRIBED, Api

NEXT = b"GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\n\r\n"
OFFER = Offer("ID", {"Lambda-Runtime-Aws-Request-Id": "ID", "Lambda-Runtime-Deadline-Ms": "1"}, b'{"a": 1}')
_PATIENCE_S = 60


@dataclass
class Answered:
    status: int
    headers: dict[str, str]
    body: bytes


class Client:
    """One connection, spoken to in bytes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def post(self, path: str, body: bytes, *headers: str) -> None:
        lines = [f"POST /2018-06-01/runtime/{path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    async def answer(self) -> Answered:
        head = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        return Answered(int(first.split()[1]), headers, await self._reader.readexactly(int(headers["content-length"])))

    async def line(self) -> bytes:
        return await self._reader.readline()

    async def wait_closed_by_peer(self) -> bytes:
        """What came before the end; an end by reset is one too."""
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""


class Room:
    """A served session. `told` holds what reached the worker."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.server = Connections(self.listener)
        self.told: asyncio.Queue[object] = asyncio.Queue()
        self.clients: list[Client] = []
        self._open = True
        self.renew()

    def renew(self) -> RuntimeSession:
        told = self.told.put_nowait
        self.session = RuntimeSession(lambda: told("ready"), told, told)
        self.extensions = Extensions(Facts("f", "1", "index.handler", "123456789012"), lambda: None, told)
        self.server.renew(
            Routes(self.session, Restoring(False, lambda: None, lambda _: None), self.extensions, self.subscribe)
        )
        return self.session

    def subscribe(self, identifier: str | None, api: Api, body: bytes) -> Reply:
        self.told.put_nowait((identifier, api, body))
        return SUBSCRIBED

    def close(self) -> None:
        if self._open:
            self._open = False
            self.server.close()

    async def client(self) -> Client:
        client = Client(*await asyncio.open_connection(*self.address, limit=2**24))
        self.clients.append(client)
        return client

    async def running(self) -> Client:
        """A client that has fetched the event."""
        client = await self.client()
        client.send(NEXT)
        assert await self.told.get() == "ready"
        self.session.offer(OFFER)
        assert (await client.answer()).body == OFFER.payload
        return client


def in_a_room(test: Callable[[Room], Awaitable[None]]) -> Callable[[], None]:
    """Run *test* on a loop of its own, which must end clean: no task, no socket left."""

    async def run() -> None:
        room = Room()
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await test(room)
        finally:
            room.close()
            for client in room.clients:
                client.writer.transport.abort()
            # Both ends learn of it on the loop's next turns.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    def call() -> None:
        asyncio.run(run())
        gc.collect()

    call.__name__, call.__doc__ = getattr(test, "__name__", "test"), test.__doc__
    return call


@in_a_room
async def test_an_event_goes_out_and_its_answer_comes_in(room: Room) -> None:
    client = await room.client()
    client.send(NEXT)
    assert await room.told.get() == "ready"
    room.session.offer(OFFER)
    answer = await client.answer()
    assert (answer.status, answer.body) == (200, b'{"a": 1}')
    assert answer.headers["lambda-runtime-aws-request-id"] == "ID"
    assert answer.headers["content-type"] == "application/json"

    client.post("invocation/ID/response", b'"done"')
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b'"done"')


@in_a_room
async def test_errors_carry_their_type_in_a_header(room: Room) -> None:
    client = await room.running()
    client.post("invocation/ID/error", b"{}", "LAMBDA-Runtime-Function-Error-Type: Function.Broken")
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b"{}", error_type="Function.Broken")


@in_a_room
async def test_an_initialisation_can_fail(room: Room) -> None:
    client = await room.client()
    client.post("init/error", b'{"errorMessage": "x"}', "Lambda-Runtime-Function-Error-Type: Runtime.Bad")
    assert (await client.answer()).status == 202
    assert await room.told.get() == InitFailed(b'{"errorMessage": "x"}', "Runtime.Bad")


@in_a_room
async def test_a_body_in_chunks_is_one_body(room: Room) -> None:
    client = await room.running()
    client.send(
        b"POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        b'3\r\n"on\r\n2;extension=1\r\ne"\r\n0\r\nTrailer: x\r\n\r\n'
    )
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b'"one"')


@in_a_room
async def test_a_request_may_come_byte_by_byte(room: Room) -> None:
    client = await room.running()
    body = b'"slow"'
    request = (
        b"POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
    ) + body
    sock = client.writer.get_extra_info("socket")
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in request:
        client.send(bytes([byte]))
        await client.writer.drain()
        # Give the server's side of this loop its turn.
        await asyncio.sleep(0)
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", body)


@in_a_room
async def test_an_answer_and_the_question_for_the_next_event_go_over_one_connection(room: Room) -> None:
    client = await room.running()
    client.post("invocation/other/response", b"1")
    assert (await client.answer()).status == 400
    # An empty line after a request is no request.
    client.post("invocation/ID/response", b"1")
    client.send(b"\r\n")
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b"1")
    client.send(NEXT)
    room.session.offer(Offer("ID2", {}, b"2"))
    assert (await client.answer()).body == b"2"


@pytest.mark.parametrize("first", [b"GET / HTTP/1.1\r\n\r\n", NEXT], ids=["answered", "waiting"])
def test_whoever_asks_again_in_one_breath_is_cut(first: bytes) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client = await room.client()
        client.send(first + b"GET / HTTP/1.1\r\n\r\n" * 1000)
        assert (await client.wait_closed_by_peer()).count(b"HTTP/1.1") <= 1
        second = await room.client()
        second.send(NEXT)
        room.session.offer(OFFER)
        assert (await second.answer()).body == OFFER.payload, "no event is given to a connection that was cut"

    test()


@in_a_room
async def test_whoever_asks_again_while_it_waits_is_cut_and_the_event_is_for_the_next(room: Room) -> None:
    client = await room.client()
    client.send(NEXT)
    assert await room.told.get() == "ready"
    client.send(b"GET / HTTP/1.1\r\n\r\n")
    assert await client.wait_closed_by_peer() == b""
    room.session.offer(OFFER)
    second = await room.client()
    second.send(NEXT)
    assert (await second.answer()).body == OFFER.payload


@contextlib.asynccontextmanager
async def deaf(room: Room) -> AsyncIterator[socket.socket]:
    """A connection that has asked for an event and takes no more than the kernel does of it."""
    with socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sock.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_connect(sock, room.address)
        await loop.sock_sendall(sock, NEXT)
        yield sock


async def was_cut(sock: socket.socket) -> bool:
    """Whether less than the largest event comes from *sock*."""
    missing = RESPONSE_BYTES_MAX
    with contextlib.suppress(ConnectionResetError):
        while missing > 0 and (data := await asyncio.get_running_loop().sock_recv(sock, 2**20)):
            missing -= len(data)
    return missing > 0


@in_a_room
async def test_whoever_does_not_take_its_answer_cannot_ask_again(room: Room) -> None:
    async with deaf(room) as sock:
        assert await room.told.get() == "ready"
        room.session.offer(Offer("ID", {}, b"x" * RESPONSE_BYTES_MAX))
        await asyncio.get_running_loop().sock_sendall(sock, NEXT)
        client = await room.client()
        client.post("invocation/ID/response", b"1")
        assert (await client.answer()).status == 202
        assert await was_cut(sock)


@in_a_room
async def test_answers_that_nobody_takes_are_bounded_together(room: Room) -> None:
    client = await room.client()
    async with contextlib.AsyncExitStack() as stack:
        socks = []
        for number in range(12):
            sock = await stack.enter_async_context(deaf(room))
            socks.append(sock)
            room.session.offer(Offer(f"ID{number}", {}, b"x" * RESPONSE_BYTES_MAX))
            assert await asyncio.get_running_loop().sock_recv(sock, 1) == b"H", "it is delivered"
            client.post(f"invocation/ID{number}/response", b"1")
            assert (await client.answer()).status == 202
        cut = [await was_cut(sock) for sock in socks]
    assert cut[0] is False
    assert True in cut


@in_a_room
async def test_a_body_for_another_invocation_is_read_and_not_kept(room: Room) -> None:
    client = await room.running()
    head = b"POST /2018-06-01/runtime/invocation/other/response HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    others = [await room.client() for _ in range(8)]
    for other in others:
        other.send(head % RESPONSE_BYTES_MAX + b"x" * (RESPONSE_BYTES_MAX - 1))
    for other in others:
        await other.writer.drain()
    client.post("invocation/ID/response", b"1")
    assert (await client.answer()).status == 202
    for other in others:
        other.send(b"x")
        assert (await other.answer()).status == 400


@in_a_room
async def test_what_was_not_kept_is_no_answer_even_if_it_has_become_awaited(room: Room) -> None:
    client, early = await room.running(), await room.client()
    early.send(
        b"POST /2018-06-01/runtime/invocation/ID2/response HTTP/1.1\r\nExpect: 100-continue\r\n"
        b"Content-Length: 1\r\n\r\n"
    )
    # The go-ahead shows that the head has been read.
    assert await early.line() == b"HTTP/1.1 100 Continue\r\n"
    assert await early.line() == b"\r\n"
    client.post("invocation/ID/response", b"1")
    assert (await client.answer()).status == 202
    client.send(NEXT)
    room.session.offer(Offer("ID2", {}, b"2"))
    assert (await client.answer()).body == b"2"
    early.send(b"1")
    assert (await early.answer()).status == 400


@in_a_room
async def test_bodies_are_bounded_together(room: Room) -> None:
    client = await room.running()
    head = b"POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\nContent-Length: %d\r\n\r\n"
    for _ in range(2):
        other = await room.client()
        other.send(head % RESPONSE_BYTES_MAX + b"x" * 5_000_000)
        await other.writer.drain()
    third = await room.client()
    third.send(head % RESPONSE_BYTES_MAX + b"x" * 5_000_000)
    ended = [asyncio.ensure_future(each.wait_closed_by_peer()) for each in room.clients[1:]]
    await asyncio.wait(ended, return_when=asyncio.FIRST_COMPLETED)
    client.post("invocation/ID/response", b"1")
    assert (await client.answer()).status == 202
    for each in ended:
        each.cancel()
    await asyncio.gather(*ended, return_exceptions=True)


@in_a_room
async def test_the_cause_of_an_error_may_take_a_megabyte(room: Room) -> None:
    client = await room.running()
    cause = "Lambda-Runtime-Function-XRay-Error-Cause: " + "x" * (1024 * 1024 - 1)
    client.post("invocation/ID/error", b"{}", cause, "Lambda-Runtime-Function-Error-Type: Big")
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b"{}", error_type="Big")


@in_a_room
async def test_whoever_expects_a_go_ahead_gets_it(room: Room) -> None:
    client = await room.running()
    client.send(
        b"POST /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\nHost: x\r\n"
        b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n"
    )
    assert await client.line() == b"HTTP/1.1 100 Continue\r\n"
    assert await client.line() == b"\r\n"
    client.send(b"1")
    assert (await client.answer()).status == 202


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("kind", ["response", "error"])
def test_a_response_over_6_mb_is_refused_and_is_the_outcome(chunked: bool, kind: str) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client = await room.running()
        body = b"x" * (RESPONSE_BYTES_MAX + 1)
        if chunked:
            head = f"POST /2018-06-01/runtime/invocation/ID/{kind} HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
            client.send(head.encode() + f"{len(body):x}\r\n".encode() + body + b"\r\n0\r\n\r\n")
        else:
            client.post(f"invocation/ID/{kind}", body)
        answer = await client.answer()
        assert (answer.status, json.loads(answer.body)["errorType"]) == (413, "RequestEntityTooLarge")
        assert await room.told.get() == Answer("ID", b"", too_large=True)
        client.send(NEXT)
        room.session.offer(Offer("ID2", {}, b"2"))
        assert (await client.answer()).body == b"2", "the runtime goes on"

    test()


@in_a_room
async def test_a_failed_initialisation_that_says_too_much_is_told_as_whole_json(room: Room) -> None:
    client = await room.client()
    client.post("init/error", b'"' + b"x" * RESPONSE_BYTES_MAX + b'"', "Lambda-Runtime-Function-Error-Type: Bad")
    assert (await client.answer()).status == 202
    failed = await room.told.get()
    assert isinstance(failed, InitFailed)
    assert (failed.error_type, json.loads(failed.payload)["errorType"]) == ("Bad", "Function.ResponseSizeTooLarge")


@in_a_room
async def test_a_response_of_just_6_mb_and_100_bytes_passes(room: Room) -> None:
    client = await room.running()
    client.post("invocation/ID/response", b"x" * RESPONSE_BYTES_MAX)
    assert (await client.answer()).status == 202
    assert await room.told.get() == Answer("ID", b"x" * RESPONSE_BYTES_MAX)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00",
        b"hello\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: minus\r\n\r\n",
        b"POST /x HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"GET / HTTP/1.1\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"x" * (64 * 1024) + b"\r\n" + b"B: x\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: x\r\n" * 101 + b"\r\n",
        b"GET /" + b"x" * (64 * 1024) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nLambda-Runtime-Function-XRay-Error-Cause: " + b"x" * (3 * 1024 * 1024),
    ],
    ids=[
        "tls",
        "words",
        "version",
        "length",
        "smuggled",
        "chunk",
        "upgrade",
        "header",
        "headers",
        "url",
        "cause",
    ],
)
def test_garbage_ends_its_connection_and_no_other(garbage: bytes) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client, bad = await room.running(), await room.client()
        bad.send(garbage)
        assert b" 200 " not in await bad.wait_closed_by_peer()
        client.post("invocation/ID/response", b"1")
        assert (await client.answer()).status == 202

    test()


@in_a_room
async def test_other_paths_and_methods_are_not_found(room: Room) -> None:
    client = await room.running()
    for request in (
        b"GET / HTTP/1.1\r\n\r\n",
        b"POST /2018-06-01/runtime/invocation/next HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
        b"GET /2018-06-01/runtime/invocation/ID/response HTTP/1.1\r\n\r\n",
        b"POST /2018-06-01/runtime/invocation/a/b/response HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    ):
        client.send(request)
        answer = await client.answer()
        assert (answer.status, answer.body) == (404, b"404 page not found\n"), request


@in_a_room
async def test_a_query_is_no_part_of_the_path(room: Room) -> None:
    client = await room.running()
    client.send(b"POST /2018-06-01/runtime/invocation/ID/response?x=1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n1")
    assert (await client.answer()).status == 202


@pytest.mark.parametrize("request_end", [b"HTTP/1.1\r\nConnection: close", b"HTTP/1.0"])
def test_who_wants_one_answer_gets_it_and_the_end(request_end: bytes) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client = await room.client()
        client.send(b"GET /2018-06-01/runtime/invocation/next " + request_end + b"\r\n\r\n")
        assert await room.told.get() == "ready"
        room.session.offer(OFFER)
        assert (await client.answer()).body == OFFER.payload
        assert await client.wait_closed_by_peer() == b""

    test()


@in_a_room
async def test_hanging_up_while_waiting_leaves_the_event_for_the_next(room: Room) -> None:
    client = await room.client()
    client.send(NEXT)
    assert await room.told.get() == "ready"
    client.writer.transport.abort()
    second = await room.client()
    second.send(b"GET / HTTP/1.1\r\n\r\n")
    # Its answer shows that the server has looked at its sockets since the first was cut.
    assert (await second.answer()).status == 404
    room.session.offer(OFFER)
    second.send(NEXT)
    assert (await second.answer()).body == OFFER.payload


@in_a_room
async def test_a_new_runtime_has_a_session_of_its_own_and_the_old_ones_connections_are_cut(room: Room) -> None:
    old = await room.running()
    waiting = await room.client()
    waiting.send(NEXT)
    assert (await waiting.answer()).status == 403
    room.renew()
    assert await old.wait_closed_by_peer() == b""
    assert await waiting.wait_closed_by_peer() == b""

    new = await room.client()
    new.post("invocation/ID/response", b"from before")
    assert (await new.answer()).status == 400
    new.send(NEXT)
    assert await room.told.get() == "ready"


@in_a_room
async def test_what_is_ignored_is_closed_later_whatever_became_of_the_listener(room: Room) -> None:
    client = await room.running()
    room.server.ignore()
    room.listener.close()
    room.close()
    assert await client.wait_closed_by_peer() == b""


@in_a_room
async def test_closing_cuts_every_connection_even_one_just_made(room: Room) -> None:
    client = await room.running()
    loop = asyncio.get_running_loop()
    with socket.create_connection(room.address) as fresh:
        fresh.setblocking(False)
        # Accepted in this turn of the loop, served in one that does not come.
        await asyncio.sleep(0)
        room.close()
        assert await client.wait_closed_by_peer() == b""
        with contextlib.suppress(ConnectionResetError):
            assert await loop.sock_recv(fresh, 1) == b""
