"""Telemetry on its way to a listener that does as it likes: real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from lamina.runtime_api.replies import Reply
from lamina.runtime_api.subscriptions import Api
from lamina.worker.telemetry import Telemetry

_PATIENCE_S = 60
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Ears:
    """A listener that reads what it is sent, and answers with *answers*, one after the other; the last one stays."""

    def __init__(self, *answers: bytes) -> None:
        self._answers = list(answers)
        self.batches: asyncio.Queue[list[dict[str, Any]]] = asyncio.Queue()
        self.asked = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.split(b"Content-Length: ")[1].split(b"\r\n")[0])
            batch = json.loads(await reader.readexactly(length))
            self.asked += 1
            answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
            if answer.startswith(b"HTTP/1.1 2"):
                self.batches.put_nowait(batch)
            writer.write(answer)
            await writer.drain()
            await reader.read()
        writer.close()


@contextlib.asynccontextmanager
async def speaking(serve: Serve, *, structured: bool = False, **buffering: int) -> AsyncIterator[Telemetry]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]

    async def connect(_address: str, asked: int) -> socket.socket:
        assert asked == 8080
        connection = socket.socket()
        connection.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
        except BaseException:
            connection.close()
            raise
        return connection

    telemetry = Telemetry(connect, structured=structured)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            reply = subscribe(telemetry, "e", **{"timeoutMs": 25, **buffering})
            assert reply.status == 200, reply.body
            yield telemetry
    finally:
        telemetry.close()
        server.close()
        # The listener's connections learn of it on the loop's next turns.
        for _ in range(3):
            await asyncio.sleep(0)


def subscribe(telemetry: Telemetry, name: str = "e", **buffering: int) -> Reply:
    request = {
        "schemaVersion": "2022-07-01",
        "types": ["platform", "function"],
        "buffering": buffering,
        "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/"},
    }
    return telemetry.subscribe(name, Api.TELEMETRY, json.dumps(request).encode())


def kinds(batch: list[dict[str, Any]]) -> list[str]:
    return [event["type"] for event in batch]


def test_events_of_a_moment_go_together() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears) as telemetry:
            telemetry.tell("platform.start", {})
            telemetry.function_output([(b"one\ntwo, ", None), (b"still two\nthree", None), (b"framed\nmessage\n", 1)])
            batch = await ears.batches.get()
            assert kinds(batch) == ["platform.start", "function", "function", "function"]
            assert [event["record"] for event in batch[1:]] == ["one\n", "two, still two\n", "framed\nmessage\n"]

    asyncio.run(run())


def test_who_subscribes_late_is_told_what_was_before_and_nobody_may_once_it_is_closed() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears) as telemetry:
            telemetry.tell("platform.initStart", {})
            assert subscribe(telemetry, "late").status == 200
            assert kinds(await ears.batches.get()) == kinds(await ears.batches.get()) == ["platform.initStart"]
            telemetry.close_subscriptions()
            assert subscribe(telemetry, "too late").status == 403

    asyncio.run(run())


def test_a_full_batch_does_not_wait_for_its_time() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears, timeoutMs=30_000, maxItems=1000) as telemetry:
            for number in range(1000):
                telemetry.tell("platform.start", {"number": number})
            assert len(await ears.batches.get()) == 1000

    asyncio.run(run())


def test_what_is_refused_is_sent_again_and_then_counted_as_dropped() -> None:
    async def run() -> None:
        failing = b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n"
        ears = Ears(failing, OK)
        async with speaking(ears) as telemetry:
            telemetry.tell("platform.start", {})
            assert kinds(await ears.batches.get()) == ["platform.start"]
        ears = Ears(failing, failing, failing, failing, OK)
        async with speaking(ears) as telemetry:
            telemetry.tell("platform.start", {})
            (dropped,) = await ears.batches.get()
            assert (dropped["type"], dropped["record"]["droppedRecords"]) == ("platform.logsDropped", 1)
            assert ears.asked == 5

    asyncio.run(run())


def test_garbage_and_answers_without_end_are_failures_and_nothing_more() -> None:
    async def run() -> None:
        endless = b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000
        ears = Ears(b"garbage\r\n\r\n", b"\r\n\r\n", endless, b"", OK)
        async with speaking(ears) as telemetry:
            telemetry.tell("platform.start", {})
            await ears.batches.get()

    asyncio.run(run())


def test_while_the_environment_is_stopped_nothing_is_sent() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears) as telemetry:
            telemetry.pause()
            telemetry.tell("platform.start", {})
            telemetry.hurry()
            await telemetry.wait_sent(0.2)
            assert ears.asked == 0
            assert not telemetry.in_flight
            telemetry.resume()
            await ears.batches.get()

    asyncio.run(run())


def test_at_the_end_what_waits_goes_out_at_once() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears, timeoutMs=30_000) as telemetry:
            telemetry.tell("platform.start", {})
            telemetry.hurry()
            await telemetry.wait_sent(_PATIENCE_S)
            assert ears.batches.qsize() == 1

    asyncio.run(run())


def test_nobody_waits_longer_than_asked_for_a_listener_that_says_nothing() -> None:
    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async def run() -> None:
        async with speaking(deaf) as telemetry:
            telemetry.tell("platform.start", {})
            telemetry.hurry()
            await telemetry.wait_sent(0.1)
            assert telemetry.in_flight

    asyncio.run(run())


def test_of_a_flood_of_lines_the_rest_is_counted() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears, maxItems=10_000) as telemetry:
            telemetry.close_subscriptions()
            telemetry.function_output([(b"x\n" * 20_000, None)])
            batch = await ears.batches.get()
            dropped = batch[-1]
            assert kinds(batch[:-1]) == ["function"] * (len(batch) - 1)
            assert dropped["type"] == "platform.logsDropped"
            assert len(batch) - 1 + dropped["record"]["droppedRecords"] == 20_000
            assert len(batch) < 7_000

    asyncio.run(run())


def test_of_what_was_said_before_anybody_subscribed_a_bounded_amount_is_kept() -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears, structured=True) as telemetry:
            line = b'{"n":%d, "of":[' + b"[]," * 80_000 + b"[]]}\n"
            for number in range(12):
                telemetry.function_output([(line % number, None)])
            assert subscribe(telemetry, "late", maxBytes=1_048_576).status == 200
            batch: list[dict[str, Any]] = []
            while [event["record"]["n"] for event in batch if event["type"] == "function"][-1:] != [11]:
                batch = await ears.batches.get()
            # Whoever subscribed before has one of these, too; the last four are what fits.
            assert len(batch) <= 5

    asyncio.run(run())


@pytest.mark.parametrize("depth", [100, 100_000])
def test_a_record_that_nobody_could_take_apart_is_text(depth: int) -> None:
    async def run() -> None:
        ears = Ears(OK)
        async with speaking(ears, structured=True) as telemetry:
            line = b'{"a":' + b"[" * depth + b" 1" + b"]" * depth + b"}\n"
            telemetry.function_output([(line, None)])
            (event,) = await ears.batches.get()
            told = event["record"]
            assert isinstance(told, dict if depth == 100 else str)

    asyncio.run(run())
