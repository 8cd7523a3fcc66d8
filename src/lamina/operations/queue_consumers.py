"""One mapping of a queue to a function: messages into batches, batches to the function, done ones out of the queue."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from lamina import errors
from lamina.catalog.settings import Mapped
from lamina.companions import AT_ONCE_MAX, QueueRefused, Queues
from lamina.functions import event_filters, queue_batches
from lamina.functions.queue_batches import Message
from lamina.invocations import lineage
from lamina.invocations.calls import Outcome
from lamina.invocations.identifiers import new_request_id
from lamina.operations.call import Call, Parameters

# As many as a mapping begins with on AWS, which adds more as it goes.
_AT_ONCE: Final = 5
_log = logging.getLogger(__name__)


class Consumer:
    """Serves a mapping from when it is woken until its queue has no more; *invoke* does what Invoke does.

    Messages are received by one task, and only once there is a place for the batch that they will be in. What is not
    deleted comes back by the queue's visibility timeout, and goes where its redrive policy says.
    """

    def __init__(
        self, mapped: Mapped, queues: Queues, invoke: Callable[[Call, Parameters], Awaitable[Outcome]]
    ) -> None:
        self._mapped, self._queues, self._invoke = mapped, queues, invoke
        self._serves = True
        self._woken = asyncio.Event()
        self._receiving: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        # Received, and too much for the batch before.
        self._left: list[Message] = []

    @property
    def queue(self) -> str:
        """The queue's ARN."""
        return str(self._mapped.source)

    @property
    def _at_once(self) -> int:
        scaling = self._mapped.document.get("ScalingConfig") or {}
        return scaling.get("MaximumConcurrency") or _AT_ONCE

    @property
    def has_ended(self) -> bool:
        """Whether it receives nothing more, and nothing is under way."""
        receives = self._receiving is not None and not self._receiving.done()
        return not (self._serves or self._running or receives)

    def wake(self, mapped: Mapped) -> None:
        """There may be something to receive for the mapping, which is *mapped* now."""
        self._mapped, self._serves = mapped, True
        self._woken.set()
        if self._receiving is None or self._receiving.done():
            self._receiving = asyncio.ensure_future(self._receive_all())

    def retire(self) -> None:
        """Receive nothing more, and hand over what was received."""
        self._serves = False
        self._woken.set()

    async def drain(self, grace_s: float) -> None:
        """Receive nothing more, and give what runs *grace_s* seconds."""
        self.retire()
        if self._receiving is not None:
            self._receiving.cancel()
            await asyncio.gather(self._receiving, return_exceptions=True)
        if self._running:
            await asyncio.wait(self._running, timeout=grace_s)

    async def close(self) -> None:
        """Stop, whatever is under way."""
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _receive_all(self) -> None:
        mapped = self._mapped
        try:
            while self._serves or self._left:
                await self._place()
                mapped = self._mapped
                batch = await self._batch(mapped)
                if batch:
                    task = asyncio.ensure_future(self._hand_over(mapped, batch))
                    self._running.add(task)
                    task.add_done_callback(self._running.discard)
                elif not self._woken.is_set():
                    return
        except QueueRefused as error:
            _log.warning("%s cannot be received from for %s: %s", mapped.source, mapped.document["FunctionArn"], error)
        except Exception:  # noqa: BLE001 - the next message is another chance
            _log.exception("%s could not be served from %s", mapped.document["FunctionArn"], mapped.source)

    async def _place(self) -> None:
        """Returns once another batch may be handed over."""
        while len(self._running) >= self._at_once:
            await asyncio.wait(self._running, return_when=asyncio.FIRST_COMPLETED)

    async def _batch(self, mapped: Mapped) -> Sequence[Message]:
        """The next batch; none where there is nothing to receive now."""
        size = mapped.document["BatchSize"]
        wanted = event_filters.patterns(mapped.document.get("FilterCriteria"))
        window_s = mapped.document.get("MaximumBatchingWindowInSeconds") or 0
        waiting, self._left = self._left, []
        loop = asyncio.get_running_loop()
        closes = loop.time() + window_s if waiting else None
        total_bytes = sum(len(each.text) for each in waiting)
        while self._serves and len(waiting) < size and total_bytes < queue_batches.PAYLOAD_BYTES_MAX:
            self._woken.clear()
            received, kept = await self._receive(min(AT_ONCE_MAX, size - len(waiting)), wanted)
            waiting += kept
            total_bytes += sum(len(each.text) for each in kept)
            if waiting and closes is None:
                closes = loop.time() + window_s
            if closes is not None and loop.time() >= closes:
                break
            if received:
                continue
            if closes is None:
                break
            try:
                async with asyncio.timeout_at(closes):
                    await self._woken.wait()
            except TimeoutError:
                break
        count = queue_batches.fitting(waiting, size)
        self._left = waiting[count:]
        return waiting[:count]

    async def _receive(self, count: int, wanted: Sequence[Mapping[str, Any]]) -> tuple[bool, list[Message]]:
        """Whether there was anything, and what of it the patterns *wanted* let through; the rest is deleted."""
        if not self._queues.can_have_messages:
            return False, []
        found = [queue_batches.message(each, self.queue) for each in await self._queues.receive(self.queue, count)]
        kept: list[Message] = []
        dropped: list[Message] = []
        for each in found:
            (kept if event_filters.lets_through(wanted, each.record) else dropped).append(each)
        await self._queues.delete(self.queue, [each.handle for each in dropped])
        return bool(found), kept

    async def _hand_over(self, mapped: Mapped, batch: Sequence[Message]) -> None:
        function = mapped.document["FunctionArn"]
        trace = lineage.merged([each.trace for each in batch if each.trace])
        call = Call(new_request_id(), mapped.scope, "", {} if trace is None else {"x-amzn-trace-id": trace})
        try:
            outcome = await self._invoke(call, {"FunctionName": function, "Payload": queue_batches.payload(batch)})
            if outcome.function_error is not None:
                _log.info("%s failed at %d messages of %s", function, len(batch), mapped.source)
                return
            done = queue_batches.done(mapped.document, batch, outcome.payload)
            await self._queues.delete(self.queue, [each.handle for each in done])
        except (errors.ApiError, QueueRefused) as error:
            _log.warning("%d messages of %s stay there, for %s: %s", len(batch), mapped.source, function, error)
        except Exception:  # noqa: BLE001 - they come back
            _log.exception("%d messages of %s could not be handed to %s", len(batch), mapped.source, function)
