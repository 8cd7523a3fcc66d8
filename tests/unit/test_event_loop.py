"""The server's loop does what is due before it asks what has happened outside, but not for ever."""

from __future__ import annotations

import asyncio
import os
import selectors
from collections.abc import Iterator

import pytest

from lamina.event_loop import PatientEventLoop, WatchfulSelector, new_event_loop

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


class Script(selectors.EpollSelector):
    """Waits as long as it is told, by a clock that only it moves, and notes with which time limits it was asked."""

    now = 0.0
    waits_s: list[float]
    limits: list[float | None]

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.limits.append(timeout)
        wait_s = self.waits_s[0]
        if timeout == 0 and wait_s > 0.00002:
            self.now += 0.00002
            self.waits_s[0] -= 0.00002
            return []
        self.now += wait_s
        del self.waits_s[0]
        return [(selectors.SelectorKey(0, 0, 0, None), selectors.EVENT_READ)]


class Watchful(WatchfulSelector, Script):
    """A watchful selector upon the script."""

    def __init__(self, *waits_s: float) -> None:
        super().__init__(lambda: self.now)
        self.waits_s, self.limits = list(waits_s), []


def asked(selector: Watchful, times: int) -> list[float | None]:
    selector.limits.clear()
    for _ in range(times):
        assert selector.select(60)
    return list(dict.fromkeys(selector.limits))


def test_what_comes_soon_again_and_again_is_watched_for() -> None:
    with Watchful(*[0.00005] * 9) as selector:
        assert asked(selector, 2) == [60]
        assert asked(selector, 7) == [0]


def test_what_takes_long_is_slept_for_until_it_is_soon_again() -> None:
    with Watchful(*[0.00005] * 3, 0.5, *[0.00005] * 3) as selector:
        asked(selector, 3)
        assert asked(selector, 1) == [0, 60]
        assert asked(selector, 2) == [60]
        assert asked(selector, 1) == [0]


def test_nobody_watches_for_callers_who_pause() -> None:
    with Watchful(*[0.00005, 0.01] * 5) as selector:
        assert asked(selector, 10) == [60]


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


def test_what_is_registered_is_found_and_what_is_not_is_a_mistake(readable: int) -> None:
    with WatchfulSelector() as selector:
        with pytest.raises(KeyError):
            selector.get_key(readable)
        registered = selector.register(readable, selectors.EVENT_READ)
        assert selector.get_key(readable) == registered
        selector.unregister(readable)
        with pytest.raises(KeyError):
            selector.get_key(readable)
