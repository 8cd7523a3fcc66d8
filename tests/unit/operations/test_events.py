"""Asynchronous invocations: recorded first, run until they succeed, counted, given up, taken up by the next server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pytest

from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.queues import Event
from lamina.catalog.sql import SqlCatalog
from lamina.errors import ApiError
from lamina.invocations.calls import Outcome
from lamina.names import FunctionArn
from lamina.operations.events import EventQueue

from .house import HERE
from .watched import PATIENCE_S, Watched

DONE = Outcome(b"null")
FAILED = Outcome(b"{}", "Unhandled")


def event(number: int, **members: Any) -> Event:
    now = time.time()
    return replace(Event(f"id-{number}", FunctionArn(HERE, "f"), b"{}", now, now), **members)


class Script:
    """Runs events as told: what each run answers, in order, the last for ever. `runs` are the events as given."""

    def __init__(self, *answers: Outcome | Exception | None) -> None:
        self._answers = list(answers)
        self.runs: list[Event] = []

    async def __call__(self, event: Event) -> Outcome | None:
        self.runs.append(event)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def catalog() -> Iterator[Watched]:
    catalog = Watched(SqlCatalog.open("sqlite://"))
    yield catalog
    catalog.close()


def with_queue(
    catalog: Catalog,
    run: Callable[[Event], Awaitable[Outcome | None]],
    test: Callable[[EventQueue], Coroutine[Any, Any, None]],
    base_delay_s: float = 0.0,
) -> None:
    async def main() -> None:
        queue = EventQueue(catalog, run)
        queue.open(base_delay_s)
        try:
            await test(queue)
        finally:
            await queue.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_an_event_runs_once_and_is_forgotten(catalog: Watched) -> None:
    script, one = Script(DONE), event(1)

    async def test(queue: EventQueue) -> None:
        await queue.add(one)
        await catalog.wait_until(lambda: bool(script.runs) and not catalog.events())

    with_queue(catalog, script, test)
    assert script.runs == [one]


def test_it_is_durable_when_add_returns(catalog: Watched) -> None:
    async def test(queue: EventQueue) -> None:
        one = event(1, due_at=time.time() + 3600)
        await queue.add(one)
        assert catalog.events() == [one]

    with_queue(catalog, Script(DONE), test)


def test_what_is_too_much_to_wait_is_refused_until_there_is_room(catalog: Watched) -> None:
    later = time.time() + 3600
    catalog.add(event(1, due_at=later), event(2))
    gate = asyncio.Event()

    async def run(_event: Event) -> Outcome | None:
        await gate.wait()
        return DONE

    async def main() -> None:
        queue = EventQueue(catalog, run, waiting_max=2)
        queue.open(0)
        with pytest.raises(ApiError, match="Rate Exceeded") as refused:
            await queue.add(event(3))
        assert (refused.value.status, refused.value.members["Reason"]) == (429, "FunctionInvocationRateLimitExceeded")
        gate.set()
        await catalog.wait_until(lambda: len(catalog.events()) == 1)
        await queue.add(event(4, due_at=later))
        await queue.close()

    asyncio.run(main())
    assert {each.id for each in catalog.events()} == {"id-1", "id-4"}


def test_draining_finishes_what_has_begun_and_begins_nothing(catalog: Watched) -> None:
    begun, gate = asyncio.Event(), asyncio.Event()

    async def run(_event: Event) -> Outcome | None:
        begun.set()
        await gate.wait()
        return DONE

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await begun.wait()
        draining = asyncio.ensure_future(queue.drain(PATIENCE_S))
        await queue.add(event(2))
        gate.set()
        await draining
        assert [each.id for each in catalog.events()] == ["id-2"]

    with_queue(catalog, run, test)


def test_what_an_earlier_server_left_is_taken_up(catalog: Watched) -> None:
    left = [event(number, attempts=1, trace_header="trace", client_context="{}") for number in range(5)]
    catalog.add(*left)
    script = Script(DONE)

    async def test(queue: EventQueue) -> None:
        await catalog.wait_until(lambda: not catalog.events())

    with_queue(catalog, script, test)
    assert sorted(script.runs, key=lambda event: event.id) == left


def test_a_server_that_stops_in_the_middle_leaves_the_event_to_the_next(catalog: Watched) -> None:
    begun = asyncio.Event()

    async def never_ends(_event: Event) -> Outcome | None:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await begun.wait()

    with_queue(catalog, never_ends, test)
    assert len(catalog.events()) == 1
    script = Script(DONE)

    async def again(queue: EventQueue) -> None:
        await catalog.wait_until(lambda: not catalog.events())

    with_queue(catalog, script, again)
    assert [run.attempts for run in script.runs] == [0], "what was cut off is no failure of the function's"


def test_a_failing_function_is_run_three_times(catalog: Watched) -> None:
    script = Script(FAILED)

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await catalog.wait_until(lambda: len(script.runs) == 3 and not catalog.events())

    with_queue(catalog, script, test)
    assert [(run.id, run.attempts) for run in script.runs] == [("id-1", 0), ("id-1", 1), ("id-1", 2)]


def test_a_retry_that_succeeds_is_the_last(catalog: Watched) -> None:
    script = Script(FAILED, DONE)

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await catalog.wait_until(lambda: len(script.runs) == 2 and not catalog.events())

    with_queue(catalog, script, test)


def test_a_retry_waits_for_a_minute_and_then_for_two(catalog: Watched) -> None:
    script = Script(FAILED)
    before = time.time()

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await queue.add(event(2, attempts=1))
        await catalog.wait_until(lambda: sorted(left.attempts for left in catalog.events()) == [1, 2])

    with_queue(catalog, script, test, base_delay_s=60.0)
    delays = {left.id: left.due_at - before for left in catalog.events()}
    assert 60 <= delays["id-1"] < 60 + PATIENCE_S
    assert 120 <= delays["id-2"] < 120 + PATIENCE_S


def test_retries_are_counted_over_a_restart(catalog: Watched) -> None:
    catalog.add(event(1, attempts=2))
    script = Script(FAILED)

    async def test(queue: EventQueue) -> None:
        await catalog.wait_until(lambda: not catalog.events())

    with_queue(catalog, script, test)
    assert len(script.runs) == 1


def test_throttling_uses_up_no_retry(catalog: Watched) -> None:
    script = Script(None)

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1, attempts=1))
        await catalog.wait_until(lambda: [left.due_at > time.time() for left in catalog.events()] == [True])

    with_queue(catalog, script, test)
    (left,) = catalog.events()
    assert (left.attempts, len(script.runs)) == (1, 1)


def test_an_event_too_old_is_given_up(catalog: Watched) -> None:
    script = Script(FAILED)

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1, received_at=time.time() - 6 * 3600))
        await catalog.wait_until(lambda: bool(script.runs) and not catalog.events())

    with_queue(catalog, script, test)
    assert len(script.runs) == 1


def test_an_event_that_breaks_us_is_put_off_and_stops_no_other(catalog: Watched) -> None:
    broken = Script(RuntimeError("ours"))

    async def run(event: Event) -> Outcome | None:
        return await broken(event) if event.id == "id-1" else DONE

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await queue.add(event(2))
        await catalog.wait_until(
            lambda: [(left.id, left.due_at > time.time()) for left in catalog.events()] == [("id-1", True)]
        )

    with_queue(catalog, run, test)
    assert len(broken.runs) == 1, "it is not tried over and over again"
    assert catalog.events()[0].attempts == 0


def test_a_catalog_that_fails_for_a_moment_loses_no_event(catalog: Watched) -> None:
    class Flaky(Watched):
        failures = 2

        def reading(self) -> AbstractContextManager[Transaction]:
            if self.failures:
                self.failures -= 1
                raise OSError("disk I/O error")
            return super().reading()

    flaky = Flaky(catalog)
    script = Script(DONE)

    async def test(queue: EventQueue) -> None:
        await queue.add(event(1))
        await flaky.wait_until(lambda: bool(script.runs) and not catalog.events())

    with_queue(flaky, script, test)


def test_not_more_than_a_hundred_run_at_once(catalog: Watched) -> None:
    catalog.add(*(event(number) for number in range(150)))
    going_on, most, gate, full = 0, 0, asyncio.Event(), asyncio.Event()

    async def run(_event: Event) -> Outcome | None:
        nonlocal going_on, most
        going_on += 1
        most = max(most, going_on)
        if going_on == 100:
            full.set()
        await gate.wait()
        going_on -= 1
        return DONE

    async def test(queue: EventQueue) -> None:
        await full.wait()
        gate.set()
        await catalog.wait_until(lambda: not catalog.events())

    with_queue(catalog, run, test)
    assert most == 100
