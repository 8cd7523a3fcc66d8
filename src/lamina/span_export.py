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
from collections.abc import Callable
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
_TRIES: Final = 3
_LAST_SECONDS_MAX: Final = 3.0
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
    """Gathers spans for *send*, which may take its time and raises NotTaken. Open, put and close on the loop."""

    def __init__(self, plan: ExportPlan, send: Callable[[bytes], None]) -> None:
        self._plan = plan
        self._send = send
        self._resource = dict(plan.resource)
        self._spans: list[Span] = []
        self._full = asyncio.Event()
        self._dropped = 0
        self._failing = False
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
        """Send what is left, if that takes little time; what is on its way just now may go twice."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait([self._sending])
        try:
            async with asyncio.timeout(_LAST_SECONDS_MAX):
                while self._spans:
                    await self._send_batch(tries=1)
        except TimeoutError:
            self._dropped += len(self._spans)
            _log.warning("%d spans were not sent: the collector takes too long", self._dropped)

    async def _run(self) -> None:
        while True:
            try:
                async with asyncio.timeout(self._plan.delay_s):
                    await self._full.wait()
            except TimeoutError:
                pass
            self._full.clear()
            while self._spans:
                await self._send_batch(tries=_TRIES)

    async def _send_batch(self, tries: int) -> None:
        batch = self._spans[:_BATCH_MAX]
        body = otlp.document(batch, self._resource)
        failure: NotTaken | None = None
        for wait_s in [0, *(2**n for n in range(tries - 1))]:
            await asyncio.sleep(wait_s)
            try:
                await _aside(lambda: self._send(body))
            except NotTaken as error:
                failure = error
                if not error.again:
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

    def epoch_s() -> float:
        return time.time() - time.perf_counter()

    return TracingMeter(plan.sampler, exporter.put, secrets.token_hex, new_header, epoch_s)
