"""Packets between the worker and what it started: whole, in order, with descriptors, and an end that is noticed."""

from __future__ import annotations

import array
import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable

import pytest

from lamina.guest import messages
from lamina.worker.channel import Channel, ChannelClosed


def between(test: Callable[[Channel, socket.socket], Awaitable[None]]) -> Callable[[], None]:
    """Run *test* with both ends."""

    def run() -> None:
        async def main() -> None:
            ours, theirs = Channel.pair()
            with theirs:
                async with asyncio.timeout(20):
                    await test(ours, theirs)
            ours.close()

        asyncio.run(main())

    run.__name__, run.__doc__ = getattr(test, "__name__", "test"), test.__doc__
    return run


def open_fds() -> set[str]:
    return set(os.listdir("/proc/self/fd"))


@between
async def test_packets_come_whole_and_in_order(ours: Channel, theirs: socket.socket) -> None:
    for number in range(50):
        messages.send(theirs, {"number": number, "text": "ä" * 100})
    assert [(await ours.receive()).message["number"] for _ in range(50)] == list(range(50))


@between
async def test_the_sender_is_named(ours: Channel, theirs: socket.socket) -> None:
    messages.send(theirs, {})
    assert (await ours.receive()).pid == os.getpid()


@between
async def test_descriptors_travel_both_ways(ours: Channel, theirs: socket.socket) -> None:
    read, write = os.pipe()
    messages.send(theirs, {"hello": 1}, (write,))
    os.close(write)
    packet = await ours.receive()
    (received,) = packet.fds
    ours.send({"back": 1}, (received,))
    os.close(received)
    message, fds = messages.receive(theirs)
    assert message == {"back": 1}
    os.write(fds[0], b"through")
    os.close(fds[0])
    assert os.read(read, 100) == b"through"
    assert os.read(read, 100) == b"", "nobody else holds the other end"
    os.close(read)


@between
async def test_the_guest_hears_of_the_end(ours: Channel, theirs: socket.socket) -> None:
    ours.close()
    assert messages.receive(theirs) == (None, [])


@between
async def test_the_end_of_the_other_side_is_told_to_all_who_wait(ours: Channel, theirs: socket.socket) -> None:
    waiting = [asyncio.ensure_future(ours.receive()) for _ in range(3)]
    await asyncio.sleep(0)
    theirs.close()
    assert [type(said) for said in await asyncio.gather(*waiting, return_exceptions=True)] == [ChannelClosed] * 3
    with pytest.raises(ChannelClosed):
        await ours.receive()
    with pytest.raises(ChannelClosed):
        ours.send({})


@between
async def test_who_says_something_to_nobody_knows_so_at_once(ours: Channel, theirs: socket.socket) -> None:
    messages.send(theirs, {"failed": "no memory"})
    theirs.close()
    before = ours.closed
    with pytest.raises(ChannelClosed):
        ours.send({"fork": True})
    assert (before, ours.closed) == (False, True)
    assert (await ours.receive()).message == {"failed": "no memory"}
    with pytest.raises(ChannelClosed):
        await ours.receive()


@between
async def test_last_words_are_heard(ours: Channel, theirs: socket.socket) -> None:
    messages.send(theirs, {"started": 7})
    messages.send(theirs, {"failed": "mount /opt: no"})
    theirs.close()
    # Nobody receives while the packets and the end come in.
    await all_read()
    assert (await ours.receive()).message == {"started": 7}
    assert (await ours.receive()).message == {"failed": "mount /opt: no"}
    with pytest.raises(ChannelClosed):
        await ours.receive()


async def all_read() -> None:
    """Returns once the loop has had ample turns to read what lies ready: one a turn."""
    for _ in range(10):
        await asyncio.sleep(0)


def test_descriptors_nobody_received_are_closed_with_the_channel() -> None:
    before = open_fds()

    @between
    async def test(ours: Channel, theirs: socket.socket) -> None:
        read, write = os.pipe()
        messages.send(theirs, {}, (write,))
        theirs.close()
        os.close(write)
        await all_read()
        ours.close()
        ours.close()
        assert os.read(read, 1) == b""
        os.close(read)

    test()
    assert len(open_fds()) == len(before)


def test_both_ends_speak_one_format() -> None:
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with left, right:
        left.sendmsg(
            [json.dumps({"a": 1}).encode()], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [0, 1]))]
        )
        message, fds = messages.receive(right)
        assert message == {"a": 1}
        assert len(fds) == 2
        for fd in fds:
            os.close(fd)
