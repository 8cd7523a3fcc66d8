"""Sends spans to an OpenTelemetry collector, by OTLP over HTTP, a batch at a time and off every request's way.

What cannot be sent is kept for a while, then dropped and counted: a collector that is slow, away or full never makes
this server wait, or grow.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
import secrets
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

import lamina
from lamina.observability import otlp
from lamina.observability.otel import ExportPlan
from lamina.observability.spans import Span
from lamina.observability.tracing import TracingMeter

# OpenTelemetry's own bounds for batches.
_QUEUE_MAX: Final = 2048
_BATCH_MAX: Final = 512
# What a collector says that will take them later.
_AGAIN: Final = frozenset({429, 502, 503, 504})
# Before each try.
_PAUSES_S: Final = (0.0, 1.0, 2.0)
_LAST_SECONDS_MAX: Final = 3.0
# Two clocks that are asked one after the other differ by as much as a busy machine takes for it.
_CLOCK_NS_MAX: Final = 10_000_000
_log = logging.getLogger(__name__)


class NotTaken(Exception):
    """The collector did not take a batch; *again*: it may, later."""

    def __init__(self, why: str, *, again: bool) -> None:
        super().__init__(why)
        self.again = again


@dataclass(frozen=True, slots=True)
class Collector:
    """The collector of *plan*."""

    plan: ExportPlan

    def send(self, body: bytes) -> None:
        """Hand it *body*, on a connection of its own. Raises NotTaken."""
        parts = urlsplit(self.plan.url)
        secure = parts.scheme == "https"
        kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        headers = {"Content-Type": "application/json", "User-Agent": f"lamina/{lamina.__version__}"}
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        assert parts.hostname is not None, "the plan's address has a host"
        connection = kind(parts.hostname, parts.port, timeout=self.plan.timeout_s)
        try:
            connection.request("POST", target, body, {**headers, **dict(self.plan.headers)})
            answer = connection.getresponse()
            said = answer.read(64 * 1024)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotTaken(f"{type(error).__name__}: {error}", again=True) from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            raise NotTaken(f"HTTP status {answer.status}", again=answer.status in _AGAIN)
        missing = otlp.rejected(said)
        if missing is not None:
            raise NotTaken(missing, again=False)


class SpanExporter:
    """Gathers spans for *send*, which may take its time and raises NotTaken. Open, put and close on the loop.

    *sleep* waits between two tries; *last_s* is how long `close` may take.
    """

    def __init__(
        self,
        plan: ExportPlan,
        send: Callable[[bytes], None],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        last_s: float = _LAST_SECONDS_MAX,
    ) -> None:
        self._plan = plan
        self._send = send
        self._sleep = sleep
        self._last_s = last_s
        self._resource = dict(plan.resource)
        self._spans: list[Span] = []
        self._full = asyncio.Event()
        self._dropped = 0
        self._failing = self._closing = False
        self._sending: asyncio.Task[None] | None = None

    def open(self) -> None:
        self._sending = asyncio.ensure_future(self._run())

    def put(self, span: Span) -> None:
        """Have *span* sent in its turn, or dropped where there are too many."""
        if len(self._spans) >= _QUEUE_MAX:
            self._dropped += 1
            return
        self._spans.append(span)
        if len(self._spans) >= _BATCH_MAX:
            self._full.set()

    async def close(self) -> None:
        """Send what is left, if that takes little time."""
        assert self._sending is not None, "not opened"
        self._closing = True
        self._full.set()
        done, _ = await asyncio.wait([self._sending], timeout=self._last_s)
        if not done:
            self._sending.cancel()
            await asyncio.wait([self._sending])
            _log.warning("%d spans were not sent: the collector takes too long", self._dropped + len(self._spans))

    async def _run(self) -> None:
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._plan.delay_s):
                    await self._full.wait()
            self._full.clear()
            while self._spans:
                await self._send_batch()
            if self._closing:
                return

    async def _send_batch(self) -> None:
        batch = self._spans[:_BATCH_MAX]
        body = otlp.document(batch, self._resource)
        failure: NotTaken | None = None
        for wait_s in _PAUSES_S:
            await self._sleep(wait_s)
            try:
                await _aside(lambda: self._send(body))
            except NotTaken as error:
                failure = error
                if self._closing or not error.again:
                    break
            else:
                failure = None
                break
        del self._spans[: len(batch)]
        self._tell(failure, len(batch))

    def _tell(self, failure: NotTaken | None, count: int) -> None:
        """Say that batches are lost, once until one is taken again."""
        if failure is not None:
            self._dropped += count
            if not self._failing:
                _log.warning("%s does not take spans: %s", self._plan.url, failure)
        elif self._dropped:
            _log.warning("%d spans were dropped before %s took them again", self._dropped, self._plan.url)
            self._dropped = 0
        self._failing = failure is not None


async def _aside(work: Callable[[], None]) -> None:
    """Do *work* in a thread of its own: one that hangs keeps none from who makes environments, nor the server's end."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[None] = loop.create_future()

    def conclude(error: Exception | None) -> None:
        if over.done():
            return
        if error is None:
            over.set_result(None)
        else:
            over.set_exception(error)

    def run() -> None:
        error: Exception | None = None
        try:
            work()
        except Exception as failed:  # noqa: BLE001 - whoever waits is told
            error = failed
        # The loop may be closed by now.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(conclude, error)

    threading.Thread(target=run, name="spans", daemon=True).start()
    await over


def traced(plan: ExportPlan, new_header: Callable[[], str], house: contextlib.AsyncExitStack) -> TracingMeter:
    """A meter whose spans go to the collector of *plan*, until *house* is taken down; call on the loop.

    *new_header* gives a trace header to who brings none.
    """
    exporter = SpanExporter(plan, Collector(plan).send)
    exporter.open()
    house.push_async_callback(exporter.close)

    return TracingMeter(plan.sampler, exporter.put, secrets.token_hex, new_header, _Epoch().ns)


class _Epoch:
    """When `time.perf_counter` was 0, by the clock on the wall.

    The same for all spans, so that none begins before the one it is in, until somebody sets the clock.
    """

    def __init__(self) -> None:
        self._ns = self._now_ns()

    def ns(self) -> int:
        now_ns = self._now_ns()
        if abs(now_ns - self._ns) > _CLOCK_NS_MAX:
            self._ns = now_ns
        return self._ns

    def _now_ns(self) -> int:
        return time.time_ns() - time.perf_counter_ns()
