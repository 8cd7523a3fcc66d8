"""A catalog whose changes a test can wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager

from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.queues import Delivery, Event

PATIENCE_S = 30


class Watched:
    """A catalog that can be waited on."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()

    def reading(self) -> AbstractContextManager[Transaction]:
        return self._catalog.reading()

    @contextmanager
    def writing(self) -> Iterator[Transaction]:
        with self._catalog.writing() as transaction:
            yield transaction
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._changed.set)

    def settle(self) -> bool:
        return self._catalog.settle()

    async def wait_until(self, condition: Callable[[], bool]) -> None:
        """Returns once *condition* holds, which is looked at after every change."""
        self._loop = asyncio.get_running_loop()
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                await self._changed.wait()
                self._changed.clear()
        self._loop = None

    @property
    def function_changes(self) -> int:
        return self._catalog.function_changes

    def watch_functions(self, changed: Callable[[], object]) -> Callable[[], None]:
        return self._catalog.watch_functions(changed)

    def close(self) -> None:
        self._catalog.close()

    def events(self) -> Sequence[Event]:
        with self._catalog.reading() as transaction:
            return transaction.events.due(1e12, 1000)

    def add(self, *events: Event) -> None:
        with self._catalog.writing() as transaction:
            for event in events:
                transaction.events.add(event)

    def deliveries(self) -> Sequence[Delivery]:
        with self._catalog.reading() as transaction:
            return transaction.deliveries.due(1e12, 1000)

    def add_deliveries(self, *deliveries: Delivery) -> None:
        with self._catalog.writing() as transaction:
            for delivery in deliveries:
                transaction.deliveries.add(delivery)
