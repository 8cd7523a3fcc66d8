"""Asynchronous invocations: recorded before they are acknowledged, run until they succeed or are given up."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Final

from lamina.catalog.port import Catalog, Event
from lamina.invocations import retrying
from lamina.invocations.calls import Outcome
from lamina.invocations.retrying import GiveUp, RetryAt

_AT_ONCE_MAX: Final = 100
_LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class EventQueue:
    """Runs the catalog's events when they are due. *run* gives an outcome, or None for "not now"."""

    def __init__(self, catalog: Catalog, run: Callable[[Event], Awaitable[Outcome | None]]) -> None:
        self._catalog = catalog
        self._run = run
        self._running: dict[str, asyncio.Task[None]] = {}
        self._put_off: dict[str, int] = {}
        self._wake = asyncio.Event()
        self._dispatching: asyncio.Task[None] | None = None
        self._base_delay_s = 60.0

    def open(self, base_delay_s: float) -> None:
        """Begin. Call on the loop."""
        self._base_delay_s = base_delay_s
        self._dispatching = asyncio.ensure_future(self._dispatch())

    async def close(self) -> None:
        """Stop; what had not succeeded is run again at the next start."""
        tasks = [*self._running.values(), *([self._dispatching] if self._dispatching else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def add(self, event: Event) -> None:
        """Record *event*; it is durable when this returns."""
        await asyncio.to_thread(self._record, event)
        self._wake.set()

    def _record(self, event: Event) -> None:
        with self._catalog.writing() as transaction:
            transaction.events.add(event)

    async def _dispatch(self) -> None:
        while True:
            self._wake.clear()
            try:
                due, next_due = await asyncio.to_thread(self._look)
            except Exception:  # noqa: BLE001 - a disk that fails for a moment must not stop events for ever
                _log.exception("the events that are due could not be read")
                await asyncio.sleep(_LOOK_SECONDS)
                continue
            for event in due:
                if event.id not in self._running and len(self._running) < _AT_ONCE_MAX:
                    self._running[event.id] = asyncio.ensure_future(self._handle(event))
            # What runs already still counts as due: then its end wakes us, and the clock only now and then.
            delay = None if next_due is None else max(next_due - time.time(), _LOOK_SECONDS if due else 0.0)
            try:
                async with asyncio.timeout(delay):
                    await self._wake.wait()
            except TimeoutError:
                pass

    def _look(self) -> tuple[list[Event], float | None]:
        now = time.time()
        with self._catalog.reading() as transaction:
            return list(transaction.events.due(now, 2 * _AT_ONCE_MAX)), transaction.events.next_due()

    async def _handle(self, event: Event) -> None:
        try:
            outcome = await self._outcome(event)
            await asyncio.to_thread(self._conclude, event, outcome)
        except Exception:  # noqa: BLE001 - one event must not stop the others
            # It is still recorded, and due: it runs again, which is better than never, but not at once.
            _log.exception("what came of event %s of %s could not be recorded", event.id, event.function)
            await asyncio.sleep(_LOOK_SECONDS)
        finally:
            del self._running[event.id]
            self._wake.set()

    async def _outcome(self, event: Event) -> Outcome | None:
        try:
            return await self._run(event)
        except Exception:  # noqa: BLE001 - a mistake of ours, for which no event is given up
            _log.exception("event %s of %s could not be run", event.id, event.function)
            return None

    def _conclude(self, event: Event, outcome: Outcome | None) -> None:
        now = time.time()
        if outcome is None:
            tries = self._put_off[event.id] = self._put_off.get(event.id, -1) + 1
            what_next = retrying.after_throttling(event.attempts, tries, event.received_at, now)
        elif outcome.function_error is None:
            what_next = None
        else:
            what_next = retrying.after_failure(event.attempts + 1, event.received_at, now, self._base_delay_s)
        with self._catalog.writing() as transaction:
            if isinstance(what_next, RetryAt):
                transaction.events.reschedule(event.id, attempts=what_next.attempts, due_at=what_next.due_at)
                return
            transaction.events.remove(event.id)
        self._put_off.pop(event.id, None)
        if isinstance(what_next, GiveUp):
            _log.warning("event %s of %s is given up: %s", event.id, event.function, what_next.reason)
