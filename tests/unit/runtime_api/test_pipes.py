"""Frames on one end of a socket pair: the same conversation, without a listener and without a preface."""

from __future__ import annotations

import asyncio
import gc
import socket
from dataclasses import replace

import pytest

from lamina.runtime_api.frames import ANSWER, NEXT
from lamina.runtime_api.session import Answer

from .test_connections import NEXT as NEXT_REQUEST
from .test_connections import OFFER, Client, Room, in_a_room
from .test_frames import TOLD, _told, frame


async def _talking(room: Room) -> Client:
    """The runtime's end, wrapped as a client."""
    ours, theirs = socket.socketpair()
    room.server.adopt(ours)
    client = Client(*await asyncio.open_connection(sock=theirs, limit=2**24))
    room.clients.append(client)
    return client


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
        ours, theirs = socket.socketpair()
        room.server.adopt(ours)
        with theirs:
            theirs.sendall(frame(NEXT))
            assert await room.told.get() == "ready"
            room.session.offer(OFFER)
            if reads:
                assert theirs.recv(65536)[TOLD.size :].endswith(OFFER.payload)
        assert room.session.untaken is not reads

    test()


def test_an_event_for_a_process_that_has_ended_is_untaken() -> None:
    """It had asked, and went before it was told anything."""

    @in_a_room
    async def test(room: Room) -> None:
        ours, theirs = socket.socketpair()
        room.server.adopt(ours)
        theirs.sendall(frame(NEXT))
        assert await room.told.get() == "ready"
        theirs.close()
        # Not a turn of the loop later: nobody has read that it is gone.
        room.session.offer(OFFER)
        await asyncio.sleep(0)
        assert room.session.untaken

    test()
    gc.collect()
