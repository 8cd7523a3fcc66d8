"""The server's loop does what is due before it asks what has happened outside, but not for ever."""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Iterator

import pytest

from lamina.event_loop import PatientSelector, new_event_loop

pytestmark = pytest.mark.anybody


@pytest.fixture
def readable() -> Iterator[int]:
    """One end of a pipe in which something lies."""
    end, other = os.pipe()
    os.write(other, b"!")
    yield end
    os.close(end)
    os.close(other)


def test_who_does_not_wait_is_told_every_fourth_time(readable: int) -> None:
    with PatientSelector() as selector:
        selector.register(readable, selectors.EVENT_READ)
        assert [len(selector.select(0)) for _ in range(8)] == [0, 0, 0, 1, 0, 0, 0, 1]


def test_who_waits_is_told_at_once(readable: int) -> None:
    with PatientSelector() as selector:
        selector.register(readable, selectors.EVENT_READ)
        assert [len(selector.select(timeout)) for timeout in (0, 60, 60, None)] == [0, 1, 1, 1]


def test_work_that_never_ends_keeps_nobody_out(readable: int) -> None:
    async def serve() -> int:
        loop, heard = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(readable, heard.set)
        turns = 0
        while not heard.is_set():
            await asyncio.sleep(0)
            turns += 1
        loop.remove_reader(readable)
        return turns

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(serve()) < 10
