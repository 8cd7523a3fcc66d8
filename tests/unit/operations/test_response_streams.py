"""A streamed response between the function that gives it and the caller that takes it."""

from __future__ import annotations

import asyncio

from lamina.operations.response_streams import ResponseStream


class FakeSender:
    def __init__(self) -> None:
        self.told: list[str] = []

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


LARGE = bytes(300_000)


def begun() -> tuple[ResponseStream, FakeSender]:
    stream, sender = ResponseStream(), FakeSender()
    stream.begin("text/plain", sender)
    return stream, sender


async def read(stream: ResponseStream) -> list[bytes]:
    return [piece async for piece in stream.pieces()]


def test_pieces_come_as_they_are_put_and_gather_while_nobody_reads() -> None:
    async def test() -> None:
        stream, _ = begun()
        reading = stream.pieces()
        stream.put(b"one")
        assert await anext(reading) == b"one"
        stream.put(b"two")
        stream.put(b"three")
        stream.end()
        stream.finish()
        assert [piece async for piece in reading] == [b"twothree"]

    asyncio.run(test())


def test_a_reader_waits_for_what_is_yet_to_come() -> None:
    async def test() -> None:
        stream = ResponseStream()
        reading, waiting = asyncio.ensure_future(read(stream)), asyncio.ensure_future(stream.wait_begun())
        await asyncio.sleep(0)
        assert not waiting.done()
        stream.begin(None, FakeSender())
        await waiting
        stream.put(b"one")
        stream.finish()
        assert await reading == [b"one"]

    asyncio.run(test())


def test_waiting_for_a_stream_that_never_begins_ends_with_its_invocation() -> None:
    async def test() -> None:
        stream = ResponseStream()
        waiting = asyncio.ensure_future(stream.wait_begun())
        await asyncio.sleep(0)
        stream.finish()
        await waiting
        assert not stream.began
        assert await read(stream) == []

    asyncio.run(test())


def test_a_function_that_is_too_fast_is_paused_until_what_is_held_was_read() -> None:
    async def test() -> None:
        stream, sender = begun()
        stream.put(LARGE)
        stream.put(b"what was on its way")
        assert (sender.told, stream.held_bytes) == (["pause"], len(LARGE) + 19)
        await anext(stream.pieces())
        assert (sender.told, stream.held_bytes) == (["pause", "resume"], 0)

    asyncio.run(test())


def test_the_end_of_a_stream_lets_its_sender_go_although_nobody_has_read() -> None:
    async def test() -> None:
        stream, sender = begun()
        stream.put(LARGE)
        stream.end()
        assert sender.told == ["pause", "resume"]
        stream.finish()
        assert await read(stream) == [LARGE]
        assert sender.told == ["pause", "resume"]

    asyncio.run(test())


def test_what_nobody_wants_is_not_held_and_holds_up_nobody() -> None:
    stream, sender = begun()
    stream.put(LARGE)
    stream.discard()
    assert (sender.told, stream.held_bytes) == (["pause", "resume"], 0)
    stream.put(LARGE)
    assert (sender.told, stream.held_bytes) == (["pause", "resume"], 0)


def test_waiting_for_a_sender_to_leave_ends_with_it_or_where_nobody_reads() -> None:
    async def test() -> None:
        await ResponseStream().wait_left()
        stream, _ = begun()
        leaving = asyncio.ensure_future(stream.wait_left())
        stream.put(b"one")
        await asyncio.sleep(0)
        assert not leaving.done()
        stream.end()
        await leaving
        unread, _ = begun()
        unread.put(LARGE)
        await unread.wait_left()

    asyncio.run(test())
