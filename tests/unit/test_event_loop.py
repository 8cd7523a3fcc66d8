"""The server's loop does what is due before it asks what has happened outside, but not for ever."""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Iterator

import pytest

from lamina.event_loop import PatientEventLoop, new_event_loop

pytestmark = pytest.mark.anybody


@pytest.fixture
def readable() -> Iterator[int]:
    """One end of a pipe in which something lies."""
    end, other = os.pipe()
    os.write(other, b"!")
    yield end
    os.close(end)
    os.close(other)


class CountingSelector(selectors.DefaultSelector):
    """Counts how often it is asked."""

    asked = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.asked += 1
        return super().select(timeout)


def test_it_asks_at_every_fourth_turn_while_something_is_due() -> None:
    async def turn(times: int) -> int:
        before = selector.asked
        for _ in range(times):
            await asyncio.sleep(0)
        return selector.asked - before

    selector = CountingSelector()
    with asyncio.Runner(loop_factory=lambda: PatientEventLoop(selector)) as runner:
        assert runner.run(turn(40)) == 10


def test_what_was_called_off_is_not_done() -> None:
    async def call_off() -> list[str]:
        done: list[str] = []
        loop = asyncio.get_running_loop()
        handles = [loop.call_soon(done.append, name) for name in ("first", "second", "third")]
        handles[1].cancel()
        await asyncio.sleep(0)
        return done

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(call_off()) == ["first", "third"]


def test_what_fails_is_told_to_the_handler_and_ends_nothing() -> None:
    async def fail() -> list[object]:
        told: list[object] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: told.append(type(context["exception"])))
        loop.call_soon(int, "none")
        await asyncio.sleep(0)
        return told

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        assert runner.run(fail()) == [ValueError]


def test_it_stops_behind_the_turn_that_says_so() -> None:
    loop, done = PatientEventLoop(), list[str]()
    try:
        loop.call_soon(loop.stop)
        loop.call_soon(loop.call_soon, done.append, "later")
        loop.run_forever()
        assert not done
    finally:
        loop.close()


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
