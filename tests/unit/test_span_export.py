"""When spans are sent, and what becomes of those that are not taken."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import replace

import pytest

from lamina.observability.otel import ExportPlan
from lamina.observability.spans import INTERNAL, Sampler, Span
from lamina.span_export import NotTaken, SpanExporter

PLAN = ExportPlan("http://collector", (), 1.0, 0.001, (), Sampler(follows=True, ratio=1.0))


class House:
    """A collector that does what *answers* say, then takes all; `sent` is what came, `slept` pauses between tries."""

    def __init__(self, *answers: Callable[[], object], delay_s: float = PLAN.delay_s) -> None:
        self._answers = list(answers)
        self.sent: list[list[str]] = []
        self.slept: list[float] = []
        self.exporter = SpanExporter(replace(PLAN, delay_s=delay_s), self._send, self._sleep, last_s=0.2)
        self._tried = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def put(self, count: int, first: int = 0) -> None:
        for number in range(first, first + count):
            self.exporter.put(Span("0" * 32, f"{number:016x}", None, str(number), INTERNAL, 0, 1))

    async def wait_tried(self, times: int) -> None:
        async with asyncio.timeout(20):
            while len(self.sent) < times:
                self._tried.clear()
                await self._tried.wait()

    def _send(self, body: bytes) -> None:
        (resource,) = json.loads(body)["resourceSpans"]
        self.sent.append([span["name"] for span in resource["scopeSpans"][0]["spans"]])
        self._loop.call_soon_threadsafe(self._tried.set)
        if self._answers:
            self._answers.pop(0)()

    async def _sleep(self, seconds: float) -> None:
        if seconds:
            self.slept.append(seconds)


def _refuse(*, again: bool) -> Callable[[], object]:
    def refuse() -> None:
        raise NotTaken("HTTP status 503", again=again)

    return refuse


def test_what_was_gathered_is_sent_together() -> None:
    async def run() -> None:
        house = House()
        house.put(3)
        house.exporter.open()
        await house.wait_tried(1)
        await house.exporter.close()
        assert house.sent == [["0", "1", "2"]]

    asyncio.run(run())


def test_a_batch_that_is_full_waits_for_nothing() -> None:
    async def run() -> None:
        house = House(delay_s=3600)
        house.exporter.open()
        house.put(600)
        await house.wait_tried(1)
        await house.exporter.close()
        assert len(house.sent[0]) == 512
        assert sum(map(len, house.sent)) == 600

    asyncio.run(run())


def test_a_busy_collector_is_asked_again(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        house = House(_refuse(again=True), _refuse(again=True))
        house.put(1)
        house.exporter.open()
        await house.wait_tried(3)
        await house.exporter.close()
        assert house.sent == [["0"]] * 3
        assert house.slept == [1, 2]

    asyncio.run(run())
    assert caplog.messages == []


def test_what_is_refused_for_good_is_dropped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        house = House(_refuse(again=False), _refuse(again=False))
        house.exporter.open()
        for number in range(3):
            house.put(1, number)
            await house.wait_tried(number + 1)
        await house.exporter.close()
        assert house.sent == [["0"], ["1"], ["2"]]

    with caplog.at_level(logging.WARNING):
        asyncio.run(run())
    first, last = caplog.messages
    assert "does not take spans" in first
    assert "2 spans were dropped" in last


def test_it_keeps_only_so_many(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> None:
        house = House(delay_s=3600)
        house.exporter.open()
        house.put(5000)
        await house.exporter.close()
        assert sum(map(len, house.sent)) == 2048

    asyncio.run(run())
    assert any("2952 spans were dropped" in message for message in caplog.messages)


def test_a_collector_that_hangs_does_not_keep_the_server(caplog: pytest.LogCaptureFixture) -> None:
    let_go = threading.Event()

    async def run() -> None:
        house = House(lambda: let_go.wait(30))
        house.put(4)
        house.exporter.open()
        await house.wait_tried(1)
        await house.exporter.close()

    try:
        asyncio.run(run())
    finally:
        let_go.set()
    assert any("4 spans were not sent" in message for message in caplog.messages)
