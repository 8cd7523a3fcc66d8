"""Frames instead of HTTP: read however they are cut, bounded, and no way around what the session allows."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.runtime_api.frames import ANSWER, ERROR, NEXT, PREFACE, Frame, FrameReader, NotFrames
from lamina.runtime_api.session import RESPONSE_BYTES_MAX, Answer

from .test_connections import OFFER, Client, Room, in_a_room

TOLD = struct.Struct("!II")


def frame(kind: int, request_id: str = "", type_: str = "", body: bytes = b"") -> bytes:
    head = struct.pack("!BBHI", kind, len(request_id), len(type_), len(body))
    return head + request_id.encode() + type_.encode() + body


@given(
    st.lists(
        st.builds(
            Frame,
            st.sampled_from([NEXT, ANSWER, ERROR]),
            st.text("abc-0123", max_size=40),
            st.text("abc/;=", max_size=300),
            st.binary(max_size=400),
        ),
        max_size=5,
    ),
    st.lists(st.integers(1, 50), max_size=30),
)
def test_frames_are_read_however_they_are_cut(frames: list[Frame], cuts: list[int]) -> None:
    data = b"".join(frame(each.kind, each.request_id, each.type, each.body or b"") for each in frames)
    reader = FrameReader()
    read: list[Frame] = []
    for cut in cuts:
        read += reader.feed(data[:cut])
        data = data[cut:]
    read += reader.feed(data)
    assert read == frames
    assert reader.held_bytes == 0


def test_a_body_that_is_too_large_is_told_and_not_kept() -> None:
    reader = FrameReader()
    data = frame(ANSWER, "ID", "", b"x" * (RESPONSE_BYTES_MAX + 1)) + frame(NEXT)
    read: list[Frame] = []
    held = 0
    for at in range(0, len(data), 65536):
        read += reader.feed(data[at : at + 65536])
        held = max(held, reader.held_bytes)
    assert read == [Frame(ANSWER, "ID", "", None), Frame(NEXT, "", "", b"")]
    assert held < 65536


def test_the_largest_body_is_kept() -> None:
    (read,) = FrameReader().feed(frame(ANSWER, "ID", "", b"x" * RESPONSE_BYTES_MAX))
    assert read.body == b"x" * RESPONSE_BYTES_MAX


@pytest.mark.parametrize("kind", [0, 4, 71, 255])
def test_what_is_none_is_refused(kind: int) -> None:
    with pytest.raises(NotFrames):
        list(FrameReader().feed(frame(kind)))


async def _told(client: Client) -> tuple[list[str], bytes]:
    head, body = TOLD.unpack(await client._reader.readexactly(TOLD.size))
    lines = (await client._reader.readexactly(head)).decode("latin-1").split("\n")
    return lines, await client._reader.readexactly(body)


async def _running(room: Room) -> Client:
    client = await room.client()
    client.send(PREFACE + frame(NEXT))
    assert await room.told.get() == "ready"
    room.session.offer(OFFER)
    assert await _told(client) == (["ID", "", "1", "", "", "application/json"], OFFER.payload)
    return client


@in_a_room
async def test_an_answer_asks_for_the_next_event(room: Room) -> None:
    client = await _running(room)
    for _ in range(2):
        client.send(frame(ANSWER, "ID", "application/json", b'"done"'))
        assert await room.told.get() == Answer("ID", b'"done"', content_type="application/json")
        assert await room.told.get() == "ready"
        room.session.offer(OFFER)
        assert (await _told(client))[1] == OFFER.payload


@in_a_room
async def test_an_error_has_its_type(room: Room) -> None:
    client = await _running(room)
    client.send(frame(ERROR, "ID", "Function.Broken", b"{}"))
    assert await room.told.get() == Answer("ID", b"{}", error_type="Function.Broken")


@in_a_room
async def test_an_answer_that_is_too_large_ends_the_call_and_not_the_conversation(room: Room) -> None:
    client = await _running(room)
    client.send(frame(ANSWER, "ID", "", b"x" * (RESPONSE_BYTES_MAX + 1)))
    assert await room.told.get() == Answer("ID", b"", too_large=True)
    assert await room.told.get() == "ready"


@pytest.mark.parametrize(
    "sent", [frame(ANSWER, "other", "", b"1"), frame(NEXT), frame(99), frame(ERROR, "", "x", b"")], ids=range(4)
)
def test_whoever_answers_what_was_not_asked_is_cut_off(sent: bytes) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client = await _running(room)
        client.send(sent)
        assert await client.wait_closed_by_peer() == b""
        assert room.told.empty()

    test()


@pytest.mark.parametrize("again", [frame(NEXT), frame(ANSWER, "ID", "", b"1")], ids=["next", "answer"])
def test_whoever_asks_again_before_it_was_told_is_cut_off(again: bytes) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        client = await room.client()
        client.send(PREFACE + frame(NEXT) + again * 5000)
        assert await client.wait_closed_by_peer() == b""
        assert await room.told.get() == "ready"
        assert room.told.empty()

    test()


def test_a_type_that_could_be_no_header_is_refused() -> None:
    with pytest.raises(NotFrames):
        list(FrameReader().feed(frame(ANSWER, "ID", "text/plain\r\nSet-Cookie: x", b"")))


@in_a_room
async def test_a_new_session_is_nothing_to_connections_of_the_old_one(room: Room) -> None:
    client = await _running(room)
    room.renew()
    assert await client.wait_closed_by_peer() == b""


@in_a_room
async def test_a_runtime_that_hangs_up_waits_no_more(room: Room) -> None:
    client = await room.client()
    client.send(PREFACE + frame(NEXT))
    assert await room.told.get() == "ready"
    client.writer.close()
    await client.writer.wait_closed()
    while room.session.waiting:  # noqa: ASYNC110 - nobody is told
        await asyncio.sleep(0)


@in_a_room
async def test_a_preface_in_the_middle_is_not_http(room: Room) -> None:
    client = await room.client()
    client.send(b"GET / HTTP/1.1\r\n")
    await asyncio.sleep(0)
    client.send(PREFACE)
    assert await client.wait_closed_by_peer() == b""


@pytest.mark.parametrize("reads", [True, False])
def test_an_event_is_untaken_if_its_process_ended_before_reading_it(reads: bool) -> None:
    @in_a_room
    async def test(room: Room) -> None:
        loop = asyncio.get_running_loop()
        runtime = socket.create_connection(room.address)
        with runtime:
            runtime.sendall(PREFACE + frame(NEXT))
            assert await room.told.get() == "ready"
            room.session.offer(OFFER)
            if reads:
                runtime.setblocking(False)
                assert await loop.sock_recv(runtime, 65536)
        assert room.session.untaken is not reads

    test()
