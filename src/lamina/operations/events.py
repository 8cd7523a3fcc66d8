"""Asynchronous invocations: recorded before they are acknowledged, run until they succeed or are given up."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable
from typing import Final

from lamina.catalog.port import Catalog, Event, Kind
from lamina.functions import event_invoke
from lamina.functions.event_invoke import EventInvoke
from lamina.invocations import retrying
from lamina.invocations.calls import Outcome
from lamina.invocations.records import SUCCESS, Ended, record
from lamina.invocations.retrying import GiveUp, Patience, RetryAt
from lamina.names import LATEST, FunctionArn

_AT_ONCE_MAX: Final = 100
_LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class EventQueue:
    """Runs the catalog's events when they are due. *run* gives an outcome, None for "not now", a GiveUp for "never"."""

    def __init__(self, catalog: Catalog, run: Callable[[Event], Awaitable[Outcome | GiveUp | None]]) -> None:
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

    async def _outcome(self, event: Event) -> Outcome | GiveUp | None:
        try:
            return await self._run(event)
        except Exception:  # noqa: BLE001 - a mistake of ours, for which no event is given up
            _log.exception("event %s of %s could not be run", event.id, event.function)
            return None

    def _conclude(self, event: Event, outcome: Outcome | GiveUp | None) -> None:
        now = time.time()
        config = self._config(event.function)
        what_next = self._what_next(event, outcome, _patience(config), now)
        with self._catalog.writing() as transaction:
            if isinstance(what_next, RetryAt):
                transaction.events.reschedule(event.id, attempts=what_next.attempts, due_at=what_next.due_at)
                return
            # Together: whoever is to be told is told exactly once.
            transaction.events.remove(event.id)
            told = _told(config, event, outcome, what_next, now)
            if told is not None:
                transaction.events.add(told)
        self._put_off.pop(event.id, None)
        if isinstance(what_next, GiveUp):
            _log.warning("event %s of %s is given up: %s", event.id, event.function, what_next.reason)

    def _what_next(
        self, event: Event, outcome: Outcome | GiveUp | None, patience: Patience, now: float
    ) -> RetryAt | GiveUp | None:
        """None when it has succeeded."""
        if isinstance(outcome, GiveUp):
            return outcome
        if outcome is None:
            tries = self._put_off[event.id] = self._put_off.get(event.id, -1) + 1
            return retrying.after_throttling(event.attempts, tries, event.received_at, now, patience)
        if outcome.function_error is None:
            return None
        return retrying.after_failure(event.attempts + 1, event.received_at, now, self._base_delay_s, patience)

    def _config(self, function: FunctionArn) -> EventInvoke | None:
        arn = function.qualified(function.qualifier or LATEST)
        with self._catalog.reading() as transaction:
            setting = transaction.settings.get(Kind.EVENT_INVOKE, arn)
        return None if setting is None else EventInvoke.read(setting.document)


def _patience(config: EventInvoke | None) -> Patience:
    default = Patience()
    if config is None:
        return default
    return Patience(
        default.retries if config.retries is None else config.retries,
        default.age_s if config.age_s is None else config.age_s,
    )


def _told(
    config: EventInvoke | None, event: Event, outcome: Outcome | GiveUp | None, end: GiveUp | None, now: float
) -> Event | None:
    """The event for the function that is to be told how *event* ended; None where nobody is."""
    destination = None if config is None else config.on_success if end is None else config.on_failure
    if destination is None:
        return None
    ran = isinstance(outcome, Outcome)
    ended = Ended(
        SUCCESS if end is None else end.reason,
        event.attempts + 1 if ran else event.attempts,
        outcome if isinstance(outcome, Outcome) else None,
    )
    target = event_invoke.destination(destination, event.function)
    return Event(str(uuid.uuid4()), target, record(event.id, event.function, event.payload, ended, now), now, now)
