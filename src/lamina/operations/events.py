"""Asynchronous invocations: recorded before they are acknowledged, run until they succeed or are given up."""

from __future__ import annotations

import asyncio
import logging
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.queues import Delivery, Event
from lamina.catalog.settings import Kind
from lamina.functions import destinations
from lamina.functions.destinations import Elsewhere
from lamina.functions.event_invoke import EventInvoke
from lamina.invocations import deliveries, retrying
from lamina.invocations.admission import EVENTS
from lamina.invocations.calls import Outcome
from lamina.invocations.records import SUCCESS, Ended, record
from lamina.invocations.retrying import GiveUp, Patience, RetryAt
from lamina.names import LATEST, FunctionArn
from lamina.operations.deliveries import DeliveryQueue
from lamina.operations.due import DueWork

_AT_ONCE_MAX: Final = 100
# Those who send more than are run are told so at some time, rather than the disk filled.
_WAITING_MAX: Final = 100_000
_log = logging.getLogger(__name__)


class EventQueue:
    """Runs the catalog's events when they are due. *run* gives an outcome, None for "not now", a GiveUp for "never".

    What other AWS services are to be told goes into *told*; without one, into the server's log. At most *waiting_max*
    events wait, of all functions.
    """

    def __init__(
        self,
        catalog: Catalog,
        run: Callable[[Event], Awaitable[Outcome | GiveUp | None]],
        told: DeliveryQueue | None = None,
        waiting_max: int = _WAITING_MAX,
    ) -> None:
        self._catalog = catalog
        self._run = run
        self._told = told
        self._waiting_max = waiting_max
        self._work: DueWork[Event] = DueWork(self._look, self._handle, _AT_ONCE_MAX, "events", hurry=self._hurry)
        self._put_off: dict[str, int] = {}
        self._base_delay_s = 60.0

    def open(self, base_delay_s: float) -> None:
        """Begin. Call on the loop."""
        self._base_delay_s = base_delay_s
        self._work.open()

    async def drain(self, grace_s: float) -> None:
        """Begin no more runs, and give those under way *grace_s* seconds."""
        await self._work.drain(grace_s)

    async def close(self) -> None:
        """Stop; what had not succeeded is run again at the next start."""
        await self._work.close()

    async def add(self, event: Event) -> None:
        """Record *event*; it is durable when this returns. AWS's error where too many wait."""
        await asyncio.to_thread(self._record, event)
        self._work.wake()

    def _record(self, event: Event) -> None:
        with self._catalog.writing() as transaction:
            if transaction.events.are_at_least(self._waiting_max):
                raise errors.too_many_requests("Rate Exceeded.", EVENTS)
            transaction.events.add(event)

    def _look(self, now: float, limit: int) -> tuple[Sequence[Event], float | None]:
        with self._catalog.reading() as transaction:
            return transaction.events.due(now, limit), transaction.events.next_due()

    def _hurry(self, now: float) -> None:
        with self._catalog.writing() as transaction:
            transaction.events.hurry(now)

    async def _handle(self, event: Event) -> None:
        outcome = await self._outcome(event)
        if await asyncio.to_thread(self._conclude, event, outcome) and self._told is not None:
            self._told.wake()

    async def _outcome(self, event: Event) -> Outcome | GiveUp | None:
        try:
            return await self._run(event)
        except Exception:  # noqa: BLE001 - a mistake of ours, for which no event is given up
            _log.exception("event %s of %s could not be run", event.id, event.function)
            return None

    def _conclude(self, event: Event, outcome: Outcome | GiveUp | None) -> bool:
        """Record what follows; whether there is something to deliver now."""
        now = time.time()
        config = self._config(event.function)
        what_next = self._what_next(event, outcome, _patience(config), now)
        dead_letter = self._dead_letter(event.function, outcome) if isinstance(what_next, GiveUp) else None
        with self._catalog.writing() as transaction:
            if isinstance(what_next, RetryAt):
                transaction.events.reschedule(event.id, attempts=what_next.attempts, due_at=what_next.due_at)
                return False
            # Together: whoever is to be told is told exactly once.
            transaction.events.remove(event.id)
            end = _End(event, _ended(event, outcome, what_next), now)
            sent = self._tell(transaction, config, end)
            if dead_letter is not None:
                sent = self._send(transaction, dead_letter, end, None) or sent
        self._put_off.pop(event.id, None)
        if isinstance(what_next, GiveUp):
            _log.warning("event %s of %s is given up: %s", event.id, event.function, what_next.reason)
        return sent

    def _tell(self, transaction: Transaction, config: EventInvoke | None, end: _End) -> bool:
        """Record what the destination of *end* is to be told; whether that is something to deliver."""
        well = end.ended.condition == SUCCESS
        wanted = None if config is None else config.on_success if well else config.on_failure
        if wanted is None:
            return False
        target = destinations.destination(wanted, end.event.function)
        text = record(end.event.id, end.event.function, end.event.payload, end.ended, end.now)
        if isinstance(target, FunctionArn):
            transaction.events.add(Event(str(uuid.uuid4()), target, text.encode(), end.now, end.now))
            return False
        return self._send(transaction, target, end, text)

    def _send(self, transaction: Transaction, target: Elsewhere, end: _End, text: str | None) -> bool:
        """Record a message for *target*: the invocation record *text*, or without one the event that failed."""
        if self._told is None or not self._told.takes(target):
            _log.warning(
                "nothing of event %s of %s is sent to %s: this server knows no endpoint of its service",
                end.event.id,
                end.event.function,
                target.arn,
            )
            return False
        name = str(uuid.uuid4())
        if text is None:
            request = deliveries.of_dead_letter(target, end.event.id, end.event.payload, end.ended)
        else:
            request = deliveries.of_record(target, end.event.function, text, end.ended, delivery_id=name, now=end.now)
        transaction.deliveries.add(Delivery(name, target.arn, request, end.now, end.now))
        return True

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

    def _dead_letter(self, function: FunctionArn, outcome: Outcome | GiveUp | None) -> Elsewhere | None:
        """The dead-letter queue of the version that ran, or would have."""
        ran = outcome.version if isinstance(outcome, Outcome) else None
        with self._catalog.reading() as transaction:
            alias = transaction.aliases.find(function) if ran is None and function.qualifier else None
            name = ran or (function.qualifier if alias is None else alias.version)
            version = transaction.functions.find(function.scope, function.name, name)
        arn = None if version is None else version.configuration.dead_letter
        return None if arn is None else destinations.read(arn)

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


@dataclass(frozen=True, slots=True)
class _End:
    """An event that is over, and how; `now` in seconds since the epoch."""

    event: Event
    ended: Ended
    now: float


def _ended(event: Event, outcome: Outcome | GiveUp | None, what_next: GiveUp | None) -> Ended:
    last = outcome if isinstance(outcome, Outcome) else None
    condition = SUCCESS if what_next is None else what_next.reason
    return Ended(condition, event.attempts + (last is not None), last)
