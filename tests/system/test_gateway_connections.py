"""Connections of the gateway at the edges of HTTP/1.1: order, slowness, refusals; how it listens and how it stops."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina import unix_sockets
from lamina.gateway import CannotListen, Timeouts
from lamina.gateway.rooms import Rooms
from lamina.operations.call import Call, Output, Parameters
from tests.support.gateway import PATIENCE_S, RawClient, RunningGateway, request, running

pytestmark = pytest.mark.anybody

INVOKE = "/2015-03-31/functions/f/invocations"
HEALTH = request("GET", "/_lamina/health")


async def echo(call: Call, params: Parameters) -> Output:
    return {"StatusCode": 200, "Payload": params.get("Payload", b"nothing")}


class Gate:
    """An Invoke handler that notes what it is given and answers when it is let."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []
        self.cancelled = False
        self._entered, self._open = threading.Semaphore(0), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None

    async def invoke(self, call: Call, params: Parameters) -> Output:
        self._loop = asyncio.get_running_loop()
        self.payloads.append(params["Payload"])
        self._entered.release()
        try:
            await self._open.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return {"StatusCode": 200, "Payload": params["Payload"]}

    def wait_entered(self) -> None:
        assert self._entered.acquire(timeout=PATIENCE_S)

    def open(self) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._open.set)


def test_pipelined_requests_are_answered_one_after_the_other_and_in_order() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as client:
        client.send(b"".join(request("POST", INVOKE, b"%d" % number) for number in range(50)) + HEALTH)
        gate.wait_entered()
        assert gate.payloads == [b"0"]
        gate.open()
        assert [client.answer().body for _ in range(50)] == [b"%d" % number for number in range(50)]
        assert client.answer().json == {"status": "ok"}


def test_a_slow_answer_holds_up_no_other_connection() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as client:
        client.send(request("POST", INVOKE, b"1"))
        gate.wait_entered()
        assert server.ask(HEALTH).status == 200
        gate.open()
        assert client.answer().body == b"1"


def test_a_body_may_come_in_chunks() -> None:
    with running({"Invoke": echo}) as server:
        head = f"POST {INVOKE} HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        assert server.ask(head + b'5\r\n{"a":\r\n3\r\n1}\n\r\n0\r\n\r\n').body == b'{"a":1}\n'


def test_a_client_that_asks_first_is_told_to_continue() -> None:
    with running({"Invoke": echo}) as server, server.connect() as client:
        for body in (b"first", b"second"):
            client.send(request("POST", INVOKE, Expect="100-continue", Content_Length=str(len(body))))
            assert client.answer(head_only=True).status == 100
            client.send(body)
            assert client.answer().body == body


def test_continue_is_said_after_the_answers_that_come_first() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as client:
        client.send(request("POST", INVOKE, b"1") + request("POST", INVOKE, Expect="100-continue", Content_Length="1"))
        gate.wait_entered()
        gate.open()
        assert client.answer().body == b"1"
        assert client.answer(head_only=True).status == 100
        client.send(b"2")
        assert client.answer().body == b"2"


def test_a_client_that_asks_first_and_has_too_much_is_refused_at_once() -> None:
    with running() as server, server.connect() as client:
        path = "/2015-03-31/functions"
        client.send(request("POST", path, Expect="100-continue", Content_Length=str(10**9)))
        assert client.answer().status == 413
        assert client.rest() == b""


def test_head_has_the_head_of_get_and_nothing_more() -> None:
    with running() as server, server.connect() as client:
        client.send(request("HEAD", "/_lamina/health") + HEALTH)
        head = client.answer(head_only=True)
        got = client.answer()
        assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.body))


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"CONNECT h:1 HTTP/1.1\r\n\r\n", 405),
    ],
)
def test_what_is_no_request_gets_one_answer_and_the_end(sent: bytes, status: int) -> None:
    with running() as server, server.connect() as client:
        client.send(HEALTH + sent + HEALTH)
        assert client.answer().status == 200
        refused = client.answer()
        assert (refused.status, refused.headers["connection"]) == (status, "close")
        assert refused.json["message"]
        assert client.rest() == b""


@pytest.mark.parametrize(
    "head", ["GET /_lamina/health HTTP/1.0\r\n\r\n", "GET /_lamina/health HTTP/1.1\r\nConnection: close\r\n\r\n"]
)
def test_a_client_that_wants_one_answer_gets_one_and_the_end(head: str) -> None:
    with running() as server, server.connect() as client:
        client.send(head.encode())
        assert client.answer().headers["connection"] == "close"
        assert client.rest() == b""


def test_a_client_that_has_said_everything_is_still_answered() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as client:
        client.send(request("POST", INVOKE, b"1"))
        gate.wait_entered()
        client.socket.shutdown(socket.SHUT_WR)
        gate.open()
        assert client.answer().body == b"1"
        assert client.rest() == b""


# Slow clients. The times are short; what is waited for is the end of the connection.

IMPATIENT = Timeouts(idle_s=0.2, head_s=0.2, body_s=0.2, write_s=0.2, linger_s=0.2)


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"GET /_lamina",
        b"GET /_lamina/health HTTP/1.1\r\nHost: h\r\n",
        b"POST /2015-03-31/functions HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345",
        b"POST /2015-03-31/functions HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
    ],
    ids=["nothing", "request line", "headers", "body", "chunk"],
)
def test_a_client_that_does_not_go_on_is_left(sent: bytes) -> None:
    with running(timeouts=IMPATIENT) as server, server.connect() as client:
        client.send(HEALTH)
        assert client.answer().status == 200
        client.send(sent)
        assert client.rest() == b""


def test_a_head_that_trickles_in_has_one_limit_for_all_of_it() -> None:
    with running(timeouts=Timeouts(head_s=0.3)) as server, server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\n")
        client.trickle(b"A: b\r\n")


def test_a_slow_answer_is_no_idle_connection() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}, timeouts=IMPATIENT) as server, server.connect() as client:
        client.send(request("POST", INVOKE, b"1"))
        gate.wait_entered()
        with server.connect() as idle:
            assert idle.rest() == b""  # As long as that took, the one being served was waited for.
        gate.open()
        assert client.answer().body == b"1"


def test_a_client_that_does_not_read_is_left() -> None:
    async def large(call: Call, params: Parameters) -> Output:
        return {"StatusCode": 200, "Payload": b"x" * 50_000_000}

    with running({"Invoke": large}, timeouts=IMPATIENT) as server, server.connect() as client:
        client.send(request("POST", INVOKE, b"{}"))
        server.run(_until(lambda: server.gateway.connections == 1))
        server.run(_until(lambda: server.gateway.connections == 0))
        # What is left in the kernel's buffers comes, the rest does not.
        assert len(client.rest()) < 50_000_000


async def _until(holds: Callable[[], bool]) -> None:
    while not holds():  # noqa: ASYNC110 - the condition is of the kernel's making, nobody could set an event
        await asyncio.sleep(0)


# Listening


def test_a_port_in_use_is_said_with_what_to_do() -> None:
    with running() as server, pytest.raises(CannotListen) as caught:
        server.run(server.gateway.listen_tcp("127.0.0.1", server.port))
    assert f"Port {server.port} of 127.0.0.1 is in use" in str(caught.value)
    assert "--port" in str(caught.value)


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_said_with_what_to_do(host: str) -> None:
    with running() as server, pytest.raises(CannotListen, match=f"{host} is no address of this machine.*--host"):
        server.run(server.gateway.listen_tcp(host, 0))


def unix(path: Path) -> RawClient:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE_S)
    with unix_sockets.address(path) as address:
        sock.connect(address)
    return RawClient(sock)


def test_it_answers_at_a_unix_socket_too_whose_path_is_longer_than_an_address(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 100) / "api.sock"
    path.parent.mkdir()
    with running() as server:
        server.run(server.gateway.listen_unix(path))
        with unix(path) as client:
            client.send(HEALTH)
            assert client.answer().status == 200


def test_a_socket_left_behind_is_replaced_and_one_in_use_is_not(tmp_path: Path) -> None:
    path = tmp_path / "api.sock"
    with socket.socket(socket.AF_UNIX) as killed, unix_sockets.address(path) as address:
        killed.bind(address)
    with running() as server:
        server.run(server.gateway.listen_unix(path))
        with pytest.raises(CannotListen, match="Another server listens"):
            server.run(server.gateway.listen_unix(path))
        with unix(path) as client:
            client.send(HEALTH)
            assert client.answer().status == 200
    with running() as server, pytest.raises(CannotListen, match="Cannot listen at"):
        server.run(server.gateway.listen_unix(tmp_path / "no-folder" / "api.sock"))


# Room


def test_large_bodies_have_so_much_room_together_and_who_finds_none_is_told_to_come_back() -> None:
    gate, body = Gate(), b'"' + b"x" * 600_000 + b'"'
    with running({"Invoke": gate.invoke}) as server, server.connect() as first, server.connect() as second:
        server.gateway._dispatcher._rooms = Rooms(bytes_max=1_000_000)
        first.send(request("POST", INVOKE, body))
        gate.wait_entered()
        second.send(request("POST", INVOKE, body))
        answer = second.answer()
        assert (answer.status, answer.headers["connection"]) == (429, "close")
        assert b"CallerRateLimitExceeded" in answer.body
        gate.open()
        assert first.answer().status == 200
        with server.connect() as third:
            third.send(request("POST", INVOKE, body))
            assert third.answer().status == 200


# Stopping


def stop_behind(server: RunningGateway, grace_s: float) -> threading.Thread:
    """The gateway stopping, in the background; returns once it accepts nothing more."""
    thread = threading.Thread(target=server.run, args=(server.gateway.stop(grace_s),))
    thread.start()
    server.run(_until_deaf(server.port))
    return thread


async def _until_deaf(port: int) -> None:
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return
        writer.close()


def test_stopping_lets_what_runs_be_answered_and_takes_nothing_new() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as idle, server.connect() as client:
        idle.send(HEALTH)
        assert idle.answer().status == 200
        client.send(request("POST", INVOKE, b"1"))
        gate.wait_entered()
        stopping = stop_behind(server, PATIENCE_S)
        assert idle.rest() == b""
        gate.open()
        answer = client.answer()
        assert (answer.body, answer.headers["connection"]) == (b"1", "close")
        assert client.rest() == b""
        stopping.join(PATIENCE_S)
        assert not stopping.is_alive()


def test_stopping_waits_for_what_runs_without_its_client_too() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server:
        with server.connect() as client:
            client.send(request("POST", INVOKE, b"1"))
            gate.wait_entered()
        stopping = stop_behind(server, PATIENCE_S)
        assert stopping.is_alive()
        gate.open()
        stopping.join(PATIENCE_S)
        assert not stopping.is_alive()
        assert not gate.cancelled


def test_stopping_answers_what_takes_longer_than_the_grace_with_an_error() -> None:
    gate = Gate()
    with running({"Invoke": gate.invoke}) as server, server.connect() as client, server.connect() as half:
        half.send(b"GET / HTTP/1.1\r\n")
        client.send(request("POST", INVOKE, b"1"))
        gate.wait_entered()
        server.run(server.gateway.stop(grace_s=0.1))
        assert gate.cancelled
        answer = client.answer()
        assert (answer.status, answer.headers["x-amzn-errortype"]) == (500, "ServiceException")
        assert b"is stopping" in answer.body
        assert client.rest() == half.rest() == b""
