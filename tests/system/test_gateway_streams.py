"""Answers that come piece by piece: their encoding, clients that are slow or go away, streams that break off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Mapping
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from lamina.gateway import Timeouts
from lamina.invocations.streams import BrokenOff, Closing
from lamina.operations.call import Call, Output, Parameters
from tests.support.gateway import PATIENCE_S, RawClient, request, running

pytestmark = pytest.mark.anybody

STREAM = "/2021-11-15/functions/f/response-streaming-invocations"
ASK = request("POST", STREAM, b"{}")
HEALTH = request("GET", "/_lamina/health")


class Source:
    """A handler whose answer streams *chunks*, then fails with *failure* if there is one. `given` counts the chunks."""

    def __init__(self, *chunks: bytes, failure: Exception | None = None, endless: bool = False) -> None:
        self._chunks, self._failure, self._endless = chunks, failure, endless
        self.given = 0
        self.closed = threading.Event()

    async def answer(self, call: Call, params: Parameters) -> Output:
        return {"StatusCode": 200, "EventStream": Closing(self._events(), self.closed.set)}

    async def _events(self) -> AsyncGenerator[Mapping[str, Any], None]:
        while True:
            for chunk in self._chunks:
                self.given += 1
                yield {"PayloadChunk": {"Payload": chunk}}
                await asyncio.sleep(0)
            if not self._endless:
                break
        if self._failure is not None:
            raise self._failure
        yield {"InvokeComplete": {}}

    @property
    def handlers(self) -> Mapping[str, Callable[..., Any]]:
        return {"InvokeWithResponseStream": self.answer}


def chunks_of(client: RawClient) -> list[bytes]:
    """The chunks of a chunked body up to its end."""
    chunks = []
    while size := int(client.line(), 16):
        chunk = client.read(size)
        assert client.line() == b""
        chunks.append(chunk)
    assert client.line() == b""
    return chunks


def events_of(data: bytes) -> list[tuple[str, bytes]]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return [(event.headers[":event-type"], event.payload) for event in buffer]


def test_each_event_is_a_chunk_and_the_connection_goes_on_afterwards() -> None:
    source = Source(b"one", b"", b"three")
    with running(source.handlers) as server, server.connect() as client:
        client.send(ASK)
        head = client.answer(head_only=True)
        assert (head.status, head.headers["transfer-encoding"]) == (200, "chunked")
        assert "content-length" not in head.headers
        chunks = chunks_of(client)
        assert [events_of(chunk) for chunk in chunks] == [
            [("PayloadChunk", b"one")],
            [("PayloadChunk", b"")],
            [("PayloadChunk", b"three")],
            [("InvokeComplete", b"{}")],
        ]
        assert source.closed.wait(PATIENCE_S)
        client.send(HEALTH)
        assert client.answer().status == 200


def test_a_client_of_http_1_0_gets_the_pieces_up_to_the_end_of_the_connection() -> None:
    with running(Source(b"one").handlers) as server, server.connect() as client:
        client.send(ASK.replace(b"HTTP/1.1", b"HTTP/1.0\r\nConnection: keep-alive"))
        head = client.answer(head_only=True)
        assert (head.headers["connection"], "transfer-encoding" in head.headers) == ("close", False)
        assert events_of(client.rest()) == [("PayloadChunk", b"one"), ("InvokeComplete", b"{}")]


def test_a_stream_that_breaks_off_is_a_connection_cut_short() -> None:
    for failure in (BrokenOff(), RuntimeError("ours")):
        with running(Source(b"one", failure=failure).handlers) as server, server.connect() as client:
            client.send(ASK)
            client.answer(head_only=True)
            assert not client.rest().endswith(b"0\r\n\r\n")


def test_no_more_is_asked_for_than_a_client_takes_and_one_that_takes_nothing_is_cut() -> None:
    piece = bytes(100_000)
    source = Source(piece, endless=True)
    with running(source.handlers, timeouts=Timeouts(write_s=0.2)) as server, server.connect() as client:
        client.send(ASK)
        assert source.closed.wait(PATIENCE_S)
        # What lies in the two sockets' buffers, and not what could be made in that time.
        assert source.given * len(piece) < 20_000_000


def test_a_client_that_goes_away_ends_the_stream() -> None:
    source = Source(b"x" * 1000, endless=True)
    with running(source.handlers) as server:
        with server.connect() as client:
            client.send(ASK)
            client.answer(head_only=True)
        assert source.closed.wait(PATIENCE_S)
