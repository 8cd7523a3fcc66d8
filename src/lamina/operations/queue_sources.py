"""Queues that are mapped to functions: told that one may hold something, has its functions invoked with it.

Nothing looks at a queue that nobody told of. What is mapped is read from the catalog when it is first needed, and again
when a mapping changed; the services beside Lambda are asked only while they run, for messages end with them.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Any, Final

from lamina.catalog.port import Catalog
from lamina.catalog.settings import Mapped
from lamina.companions import Arrival, Queues
from lamina.invocations.calls import Outcome
from lamina.names import Scope
from lamina.operations.call import Call, Parameters

if TYPE_CHECKING:
    from lamina.operations.queue_consumers import Consumer

_KNOWN_MAX: Final = 1_000
_MAPPINGS_MAX: Final = 100
_log = logging.getLogger(__name__)

Invoke = Callable[[Call, Parameters], Awaitable[Outcome]]


class QueueSources:
    """The mappings of *catalog* to what is in *queues*; *invoke* does what Invoke does. On one event loop."""

    def __init__(self, catalog: Catalog, queues: Queues, invoke: Invoke) -> None:
        self._catalog, self._queues, self._invoke = catalog, queues, invoke
        self._loop = asyncio.get_running_loop()
        # The enabled mappings of queues, as last read, by the queue's ARN; and how often any has changed since.
        self._known: dict[str, Sequence[Mapped]] = {}
        self._changes = 0
        self._consumers: dict[str, Consumer] = {}
        self._timers: dict[Arrival, asyncio.TimerHandle] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._draining = False

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """There may be something to receive, now or later. Call on the loop."""
        now = time.time()
        for arrival in arrivals:
            if arrival.at <= now:
                self._look(arrival.queue)
            elif arrival not in self._timers and not self._draining:
                self._timers[arrival] = self._loop.call_later(arrival.at - now, self._come, arrival)

    def changed(self, source: str | None) -> None:
        """The mappings of *source*, an ARN, are others than before. Call from any thread."""
        if source is not None:
            self._loop.call_soon_threadsafe(self._forget, source)

    async def drain(self, grace_s: float) -> None:
        """Receive nothing more, and give the functions that run *grace_s* seconds."""
        self._draining = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        await asyncio.gather(*(consumer.drain(grace_s) for consumer in self._consumers.values()))

    async def close(self) -> None:
        """Stop; what functions were about is not deleted."""
        await self.drain(0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(consumer.close() for consumer in self._consumers.values()))

    def _come(self, arrival: Arrival) -> None:
        del self._timers[arrival]
        # The clock may have been set back meanwhile.
        self.arrived([arrival])

    def _forget(self, source: str) -> None:
        self._changes += 1
        self._known.pop(source, None)
        self._look(source)

    def _look(self, queue: str) -> None:
        if self._draining or not self._queues.can_have_messages:
            return
        known = self._known.get(queue)
        if known is None:
            self._begin(self._find(queue))
        else:
            self._wake(queue, known)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _find(self, queue: str) -> None:
        changes = -1
        found: Sequence[Mapped] = ()
        try:
            while changes != self._changes:
                changes = self._changes
                found = await asyncio.to_thread(self._read, queue)
        except Exception:  # noqa: BLE001 - the next message is another chance
            _log.exception("the mappings of %s could not be read", queue)
            return
        if len(self._known) >= _KNOWN_MAX:
            self._known.clear()
        self._known[queue] = found
        if not self._draining:
            self._wake(queue, found)

    def _read(self, queue: str) -> Sequence[Mapped]:
        """The enabled mappings of *queue*, all of its own account and region."""
        region, account = queue.split(":")[3:5]
        with self._catalog.reading() as transaction:
            found = transaction.mappings.all(Scope(account, region), None, queue, after=None, limit=_MAPPINGS_MAX)
        return [each for each in found if each.document["State"] == "Enabled"]

    def _wake(self, queue: str, mapped: Sequence[Mapped]) -> None:
        wanted = {each.id for each in mapped}
        for mapping_id, consumer in list(self._consumers.items()):
            if consumer.queue == queue and mapping_id not in wanted:
                consumer.retire()
            if consumer.has_ended:
                del self._consumers[mapping_id]
        for each in mapped:
            if each.id not in self._consumers:
                from lamina.operations.queue_consumers import Consumer  # noqa: PLC0415 - few servers have any

                self._consumers[each.id] = Consumer(each, self._queues, self._invoke)
            self._consumers[each.id].wake(each)
