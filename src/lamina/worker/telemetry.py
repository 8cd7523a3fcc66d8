"""Sends telemetry to the extensions that subscribed: buffered as they asked, to a listener inside their environment.

The listener is the customer's: connections, batches and waiting are bounded, what is not taken is dropped and counted,
and nothing but the subscriber itself waits for it. While the environment is stopped nothing is sent.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from lamina.runtime_api import subscriptions
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.subscriptions import Allowance, Api, Event, Recent, Structured, Subscription, Waiting
from lamina.worker.outputs import Lines

# Begins a connection to an address and a port inside the environment. Raises OSError.
Connect = Callable[[str, int], Awaitable[socket.socket]]

_Words = dict[tuple[Api, str], "bytes | None"]

_SEND_SECONDS_MAX: Final = 2.0
_TRIES_MAX: Final = 4
_FIRST_PAUSE_S: Final = 0.1
# What happened before somebody subscribed is kept for them until initialisation is over.
_EARLY_EVENTS_MAX: Final = 500
_EARLY_BYTES_MAX: Final = 1024 * 1024
# Output is put into words line by line, on the server's own time: a flood of short lines must not take all of it.
_LINES_PER_SECOND: Final = 5_000
_LINES_AT_ONCE: Final = 5_000
_ANSWER_BYTES_MAX: Final = 64 * 1024
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*(\d{1,7})[ \t]*\r\n", re.IGNORECASE)


class Telemetry:
    """What one generation of an environment's processes tells its subscribers. *structured*: the log format is JSON."""

    def __init__(self, connect: Connect, *, structured: bool) -> None:
        self._connect = connect
        self._structured = structured
        self._deliveries: dict[str, _Delivery] = {}
        self._early: Recent | None = Recent(_EARLY_EVENTS_MAX, _EARLY_BYTES_MAX)
        self._function_lines = Lines()
        self._loop = asyncio.get_running_loop()
        self._allowance = Allowance(self._loop.time(), _LINES_PER_SECOND, _LINES_AT_ONCE)

    @property
    def in_flight(self) -> bool:
        """Whether something is being sent right now."""
        return any(delivery.in_flight for delivery in self._deliveries.values())

    def subscribe(self, name: str, api: Api, body: bytes) -> Reply:
        """PUT /telemetry or /logs by the extension *name*; asked twice, the last request counts."""
        if self._early is None:
            return subscriptions.closed(api)
        subscription = subscriptions.parse(name, api, body)
        if isinstance(subscription, Reply):
            return subscription
        present = self._deliveries.get(name)
        if present is not None:
            if present.subscription.api is not api:
                return subscriptions.other_api(api)
            present.close()
        delivery = self._deliveries[name] = _Delivery(subscription, self._connect)
        if present is None:
            for event in self._early.events:
                self._pass_on(delivery, event, {})
        return subscriptions.SUBSCRIBED

    def types_of(self, name: str) -> tuple[str, ...]:
        """What the extension *name* has subscribed to."""
        return self._deliveries[name].subscription.types

    def close_subscriptions(self) -> None:
        """Initialisation is over: nobody subscribes any more."""
        self._early = None

    def tell(self, kind: str, record: object) -> None:
        """Something has happened: "platform.start" and the like, "function" or "extension"."""
        if self._early is None and not self._deliveries:
            return
        event = Event(_now(), kind, record)
        if self._early is not None:
            self._early.add(event)
        words: _Words = {}
        for delivery in self._deliveries.values():
            self._pass_on(delivery, event, words)

    def function_output(self, pieces: Sequence[tuple[bytes, int | None]]) -> None:
        """What the function has written: printed text, cut anywhere, or a framed message."""
        if self._early is None and not self._deliveries:
            return
        lines: list[bytes] = []
        for text, framed_ms in pieces:
            if framed_ms is None:
                lines += self._function_lines.feed(text)
            else:
                lines.append(text)
        self._tell_lines("function", lines)

    def extension_output(self, lines: Sequence[bytes]) -> None:
        """What the extensions have written."""
        self._tell_lines("extension", lines)

    def hurry(self) -> None:
        """From now on send everything at once: the environment ends."""
        for delivery in self._deliveries.values():
            delivery.hurry()

    async def wait_sent(self, seconds: float) -> None:
        """Returns when nothing waits to be sent, or after *seconds*."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                for delivery in list(self._deliveries.values()):
                    await delivery.wait_idle()

    def pause(self) -> None:
        """The environment is being stopped: nobody there could take anything."""
        for delivery in self._deliveries.values():
            delivery.awake.clear()

    def resume(self) -> None:
        for delivery in self._deliveries.values():
            delivery.awake.set()

    def close(self) -> None:
        for delivery in self._deliveries.values():
            delivery.close()

    def _tell_lines(self, kind: str, lines: Sequence[bytes]) -> None:
        wanting = [delivery for delivery in self._deliveries.values() if kind in delivery.subscription.types]
        if not wanting and self._early is None:
            return
        allowed = self._allowance.take(len(lines), self._loop.time())
        for line in lines[:allowed]:
            self.tell(kind, self._record(line))
        if allowed < len(lines):
            size = sum(map(len, lines[allowed:]))
            for delivery in wanting:
                delivery.drop(len(lines) - allowed, size)

    def _record(self, line: bytes) -> object:
        if self._structured and line.startswith(b"{"):
            with contextlib.suppress(ValueError, RecursionError):
                return Structured.of(line)
        return line.decode("utf-8", "replace")

    def _pass_on(self, delivery: _Delivery, event: Event, words: _Words) -> None:
        subscription = delivery.subscription
        if event.category not in subscription.types:
            return
        language = subscription.api, subscription.schema
        if language not in words:
            # Once for all who understand it, who then share its memory, too.
            words[language] = subscriptions.worded(event, *language)
        told = words[language]
        if told is not None:
            delivery.add(told)


class _Delivery:
    """Sends to one subscriber, one batch at a time."""

    def __init__(self, subscription: Subscription, connect: Connect) -> None:
        self.subscription = subscription
        self.in_flight = False
        self.awake = asyncio.Event()
        self.awake.set()
        self._connect = connect
        self._waiting = Waiting(subscription)
        self._some = asyncio.Event()
        self._now = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurried = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    def add(self, event: bytes) -> None:
        self._waiting.add(event)
        self._idle.clear()
        self._some.set()
        if self._waiting.full:
            self._now.set()

    def drop(self, records: int, size: int) -> None:
        self._waiting.drop(records, size)
        self._idle.clear()
        self._some.set()

    def hurry(self) -> None:
        self._hurried = True
        self._now.set()

    async def wait_idle(self) -> None:
        await self._idle.wait()

    def close(self) -> None:
        self._task.cancel()

    async def _run(self) -> None:
        while True:
            await self._some.wait()
            if not self._hurried:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.subscription.timeout_ms / 1000):
                        await self._now.wait()
            await self.awake.wait()
            self._some.clear()
            self._now.clear()
            await self._send(self._waiting.take(_now()))
            if self._waiting:
                self._some.set()
            else:
                self._idle.set()

    async def _send(self, events: list[bytes]) -> None:
        data = subscriptions.request(self.subscription.destination, events)
        pause = _FIRST_PAUSE_S
        for _ in range(_TRIES_MAX):
            await self.awake.wait()
            if await self._try(data):
                return
            await asyncio.sleep(pause)
            pause *= 2
        self._waiting.drop(len(events), sum(map(len, events)))

    async def _try(self, data: bytes) -> bool:
        """Whether the subscriber has taken *data*."""
        destination = self.subscription.destination
        self.in_flight = True
        try:
            async with asyncio.timeout(_SEND_SECONDS_MAX):
                connection = await self._connect(destination.address, destination.port)
                return await _exchange(connection, data, answered=destination.target is not None)
        except (OSError, TimeoutError, EOFError, asyncio.LimitOverrunError):
            return False
        finally:
            self.in_flight = False


async def _exchange(connection: socket.socket, data: bytes, *, answered: bool) -> bool:
    """Send *data*, and read the answer where there is to be one. Whether it says that all is well."""
    try:
        reader, writer = await asyncio.open_connection(sock=connection, limit=_ANSWER_BYTES_MAX)
    except BaseException:
        connection.close()
        raise
    try:
        writer.write(data)
        await writer.drain()
        if not answered:
            writer.close()
            await writer.wait_closed()
            return True
        head = await reader.readuntil(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if length is not None:
            # Whoever answers is not cut off in the middle of it.
            await reader.read(min(int(length[1]), _ANSWER_BYTES_MAX))
        return re.match(rb"HTTP/1\.[01] 2\d\d[ \r]", head) is not None
    finally:
        writer.transport.abort()


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
