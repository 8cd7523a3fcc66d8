"""Frames by a socket one way and a pipe the other: the same conversation, without a listener and without a preface."""

from __future__ import annotations

import array
import asyncio
import gc
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from lamina.runtime_api.frames import ANSWER, NEXT
from lamina.runtime_api.pipes import make_talk
from lamina.runtime_api.session import Answer

from .test_connections import NEXT as NEXT_REQUEST
from .test_connections import OFFER, Client, Room, in_a_room
from .test_frames import TOLD, _told, frame


class _Ends:
    """Both ends of the runtime's, as far as a client writes and closes."""

    def __init__(self, saying: asyncio.StreamWriter, hearing: asyncio.StreamWriter) -> None:
        self._saying, self._hearing = saying, hearing
        self.write = saying.write
        self.transport = self

    def abort(self) -> None:
        for each in (self._hearing, self._saying):
            if not each.is_closing():
                each.transport.abort()

    def close(self) -> None:
        self._hearing.close()
        self._saying.close()

    async def wait_closed(self) -> None:
        await self._hearing.wait_closed()
        await self._saying.wait_closed()


async def _talking(room: Room) -> Client:
    """The runtime's end, wrapped as a client."""
    talk, (hearing, saying) = make_talk()
    room.server.adopt(talk)
    reader, listening = await asyncio.open_connection(sock=socket.socket(fileno=hearing), limit=2**24)
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.connect_write_pipe(
        lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), os.fdopen(saying, "wb", buffering=0)
    )
    ends_ = _Ends(asyncio.StreamWriter(transport, protocol, None, loop), listening)
    client = Client(reader, ends_)  # type: ignore[arg-type]  # it has what is used of one
    room.clients.append(client)
    return client


@contextmanager
def ends(room: Room) -> Iterator[tuple[socket.socket, int]]:
    """The runtime's ends as they are, closed in the end as a process does that ends."""
    talk, (hearing, saying) = make_talk()
    room.server.adopt(talk)
    try:
        with socket.socket(fileno=hearing) as listening:
            yield listening, saying
    finally:
        os.close(saying)


@in_a_room
async def test_a_conversation_needs_no_preface(room: Room) -> None:
    client = await _talking(room)
    client.send(frame(NEXT))
    for _ in range(2):
        assert await room.told.get() == "ready"
        room.session.offer(OFFER)
        assert await _told(client) == (["ID", "", "1", "", "", "application/json"], OFFER.payload)
        client.send(frame(ANSWER, "ID", "application/json", b'"done"'))
        assert await room.told.get() == Answer("ID", b'"done"', content_type="application/json")


@in_a_room
async def test_an_event_that_is_larger_than_the_kernel_takes_is_sent_piece_by_piece(room: Room) -> None:
    client = await _talking(room)
    client.send(frame(NEXT))
    assert await room.told.get() == "ready"
    large = bytes(range(256)) * 20_000
    room.session.offer(replace(OFFER, payload=large))
    assert (await _told(client))[1] == large
    client.send(frame(ANSWER, "ID", "", large))
    assert await room.told.get() == Answer("ID", large, content_type="")


@in_a_room
async def test_what_is_none_of_it_ends_the_conversation(room: Room) -> None:
    client = await _talking(room)
    client.send(b"\xff" * 100)
    assert await client.wait_closed_by_peer() == b""


@in_a_room
async def test_a_new_session_is_nothing_to_the_pair_of_the_old_one(room: Room) -> None:
    client = await _talking(room)
    room.renew()
    assert await client.wait_closed_by_peer() == b""


@in_a_room
async def test_who_is_ignored_does_not_notice_before_it_is_closed(room: Room) -> None:
    client, over_http = await _talking(room), await room.client()
    over_http.send(NEXT_REQUEST)
    assert await room.told.get() == "ready"
    room.server.ignore()
    client.send(frame(NEXT))
    over_http.post("invocation/ID/response", b"{}")
    with pytest.raises(TimeoutError):
        # Nothing is said to it; whether it is over must not be told either.
        async with asyncio.timeout(0):
            await client.line()
    assert room.told.empty()
    room.close()
    assert await client.wait_closed_by_peer() == b""
    assert await over_http.wait_closed_by_peer() == b""


@in_a_room
async def test_a_runtime_that_has_gone_waits_no_more(room: Room) -> None:
    client = await _talking(room)
    client.send(frame(NEXT))
    assert await room.told.get() == "ready"
    client.writer.close()
    await client.writer.wait_closed()
    while room.session.waiting:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0)


@pytest.mark.parametrize("reads", [True, False])
def test_an_event_is_untaken_if_its_process_ended_before_reading_it(reads: bool) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        with ends(room) as (hearing, saying):
            os.write(saying, frame(NEXT))
            assert await room.told.get() == "ready"
            room.session.offer(OFFER)
            if reads:
                assert hearing.recv(65536)[TOLD.size :].endswith(OFFER.payload)
        assert room.session.untaken is not reads

    test()


def test_an_event_for_a_process_that_has_ended_is_untaken() -> None:
    """It had asked, and went before it was told anything."""

    @in_a_room
    async def test(room: Room) -> None:
        with ends(room) as (_, saying):
            os.write(saying, frame(NEXT))
            assert await room.told.get() == "ready"
        # Not a turn of the loop later: nobody has read that it is gone.
        room.session.offer(OFFER)
        await asyncio.sleep(0)
        assert room.session.untaken

    test()
    gc.collect()


@in_a_room
async def test_no_descriptor_can_be_sent_along(room: Room) -> None:
    """Whoever receives one closes it, which may take as long as its sender likes."""
    with ends(room) as (hearing, saying), socket.socket() as sent:
        along = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [sent.fileno()]))]
        with pytest.raises(BrokenPipeError):
            hearing.sendmsg([b"x"], along)
        with pytest.raises(OSError, match="non-socket"):
            socket.socket(fileno=saying)
