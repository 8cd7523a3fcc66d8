"""Messages for other services: sent until they are taken, one by one or a few at once, and not for ever."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping
from typing import Any

import pytest

from lamina.catalog.queues import Delivery
from lamina.catalog.sql import SqlCatalog
from lamina.operations.deliveries import DeliveryQueue, Destinations, NotDelivered

from .watched import PATIENCE_S, Watched


class Service(Destinations):
    """Takes messages, or fails with *failure*; does *meanwhile* in the middle of it. `sent` are those that came."""

    def __init__(self, failure: Exception | None = None, meanwhile: Callable[[], object] = lambda: None) -> None:
        super().__init__({})
        self._failure, self._meanwhile = failure, meanwhile
        self.sent: list[Any] = []

    def send(self, request: Mapping[str, Any]) -> None:
        self._meanwhile()
        self.sent.append(request["parameters"])
        if self._failure is not None:
            raise self._failure


def delivery(name: str, *, age_s: float = 0.0, attempts: int = 0) -> Delivery:
    now = time.time()
    return Delivery(name, "arn", {"service": "sqs", "parameters": name}, now - age_s, now - 1, attempts)


@pytest.fixture
def catalog() -> Iterator[Watched]:
    catalog = Watched(SqlCatalog.open("sqlite://"))
    yield catalog
    catalog.close()


def with_queue(catalog: Watched, service: Service, test: Coroutine[Any, Any, None]) -> None:
    async def main() -> None:
        queue = DeliveryQueue(catalog, service)
        queue.open()
        try:
            await test
        finally:
            await queue.close()

    asyncio.run(main())


def test_what_is_taken_is_sent_once_and_forgotten(catalog: Watched) -> None:
    service = Service()
    catalog.add_deliveries(delivery("1"), delivery("2"))
    with_queue(catalog, service, catalog.wait_until(lambda: not catalog.deliveries()))
    assert sorted(service.sent) == ["1", "2"]


def test_what_is_not_taken_waits_longer_each_time(catalog: Watched) -> None:
    service = Service(NotDelivered("not there"))
    before = time.time()
    catalog.add_deliveries(delivery("1", attempts=4))
    with_queue(catalog, service, catalog.wait_until(lambda: [each.attempts for each in catalog.deliveries()] == [5]))
    [left] = catalog.deliveries()
    assert 16 <= left.due_at - before < 16 + PATIENCE_S


def test_after_six_hours_it_is_given_up(catalog: Watched, caplog: pytest.LogCaptureFixture) -> None:
    catalog.add_deliveries(delivery("1", age_s=6 * 3600))
    with_queue(catalog, Service(NotDelivered("not there")), catalog.wait_until(lambda: not catalog.deliveries()))
    assert "it is given up: not there" in caplog.text


def test_a_service_that_hangs_does_not_hold_up_the_end(catalog: Watched) -> None:
    begun, let_go = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        let_go.wait(PATIENCE_S)

    catalog.add_deliveries(delivery("1"))

    async def until_it_hangs() -> None:
        assert await asyncio.to_thread(begun.wait, PATIENCE_S)

    try:
        with_queue(catalog, Service(meanwhile=hang), until_it_hangs())
        assert [left.attempts for left in catalog.deliveries()] == [0], "it is sent again at the next start"
    finally:
        let_go.set()
        for thread in threading.enumerate():
            if thread.name == "delivery":
                thread.join(PATIENCE_S)
