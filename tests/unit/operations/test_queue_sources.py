"""Queues that are mapped to functions: batches, windows, what is in the way, and an end."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, cast

import pytest

from lamina import errors
from lamina.catalog.settings import Mapped
from lamina.catalog.sql import SqlCatalog
from lamina.companions import Arrival, Companions, Queues
from lamina.invocations.calls import Outcome
from lamina.names import Scope
from lamina.operations.call import Call, Parameters
from lamina.operations.queue_sources import QueueSources

PATIENCE_S = 30
HERE = Scope("123456789012", "eu-west-1")
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:f:live"


class FakeQueues(Queues):
    """Holds `messages`, by their identifiers; what was received is in `taken` until it is deleted."""

    def __init__(self) -> None:
        super().__init__(cast(Companions, None))
        self.runs = True
        self.messages: list[str] = []
        self.taken: list[str] = []
        self.asked = 0
        self.trace: str | None = None

    @property
    def can_have_messages(self) -> bool:
        return self.runs

    async def receive(self, queue: str, count: int) -> Sequence[Mapping[str, Any]]:
        assert (queue, 1 <= count <= 10) == (QUEUE, True)
        self.asked += 1
        await asyncio.sleep(0)
        found, self.messages = self.messages[:count], self.messages[count:]
        self.taken += found
        trace = {"Attributes": {"AWSTraceHeader": self.trace}} if self.trace else {}
        return [{"MessageId": each, "ReceiptHandle": each, "Body": each, "MD5OfBody": "", **trace} for each in found]

    async def delete(self, queue: str, handles: Sequence[str]) -> None:
        assert queue == QUEUE
        for handle in handles:
            self.taken.remove(handle)


class House:
    """Sources, the queues they look at, and a function that keeps what it was handed; `open` lets it answer."""

    def __init__(self, catalog: SqlCatalog) -> None:
        self._catalog = catalog
        self.queues = FakeQueues()
        self.batches: list[list[str]] = []
        self.traces: list[str | None] = []
        self.answer: Outcome | errors.ApiError = Outcome(b"null")
        self.open = asyncio.Event()
        self.open.set()
        self._handed = asyncio.Event()
        self.sources = QueueSources(catalog, self.queues, self._invoke)

    def map(self, **more: Any) -> None:
        document = {"State": "Enabled", "BatchSize": 10, "FunctionArn": FUNCTION, **more}
        with self._catalog.writing() as transaction:
            transaction.mappings.put(Mapped(HERE, "id", "f", QUEUE, document))
        self.sources.changed(QUEUE)

    def send(self, *messages: str) -> None:
        self.queues.messages += messages
        self.sources.arrived([Arrival(QUEUE, 0)])

    async def until(self, *batches: Sequence[str]) -> None:
        """Returns once the function was handed *batches*, and nothing else."""
        async with asyncio.timeout(PATIENCE_S):
            while len(self.batches) < len(batches):
                self._handed.clear()
                await self._handed.wait()
        assert self.batches == [list(each) for each in batches]

    async def settle(self) -> None:
        """Give everything that could happen now the time to; a look at the catalog is a thread's."""
        for _ in range(20):
            await asyncio.to_thread(time.time)
            await asyncio.sleep(0)

    async def _invoke(self, call: Call, request: Parameters) -> Outcome:
        assert (call.scope, request["FunctionName"]) == (HERE, FUNCTION)
        self.traces.append(call.headers.get("x-amzn-trace-id"))
        self.batches.append([each["body"] for each in json.loads(request["Payload"])["Records"]])
        self._handed.set()
        await self.open.wait()
        if isinstance(self.answer, errors.ApiError):
            raise self.answer
        return self.answer


@pytest.fixture
def catalog() -> Iterator[SqlCatalog]:
    catalog = SqlCatalog.open("sqlite://")
    yield catalog
    catalog.close()


def run(catalog: SqlCatalog, test: Any) -> None:
    async def main() -> None:
        house = House(catalog)
        try:
            work: Coroutine[Any, Any, None] = test(house)
            await work
        finally:
            await house.sources.close()

    asyncio.run(main())


def test_messages_are_handed_over_in_batches_and_deleted(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(BatchSize=2)
        house.send("a", "b", "c")
        await house.until("ab", "c")
        await house.settle()
        assert house.queues.taken == []

    run(catalog, test)


def test_a_function_is_handed_the_trace_of_what_sent_its_messages(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map()
        house.send("a")
        await house.until("a")
        house.queues.trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Lineage=43e12f0f:5"
        house.send("b", "c")
        await house.until("a", "bc")
        assert house.traces == [None, house.queues.trace]

    run(catalog, test)


def test_what_is_there_when_a_mapping_is_made_is_handed_over(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.send("a")
        await house.settle()
        assert house.queues.messages == ["a"]
        house.map()
        await house.until("a")

    run(catalog, test)


def test_nobody_is_asked_who_does_not_run_or_has_nothing(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.queues.runs = False
        house.map()
        house.sources.arrived([Arrival(QUEUE, 0)])
        await house.settle()
        assert house.queues.asked == 0
        house.queues.runs = True
        house.send("a")
        await house.until("a")
        await house.settle()
        asked = house.queues.asked
        await house.settle()
        assert house.queues.asked == asked

    run(catalog, test)


def test_a_message_that_comes_later_is_looked_for_then(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map()
        await house.settle()
        asked = house.queues.asked
        house.queues.messages.append("a")
        house.sources.arrived([Arrival(QUEUE, time.time() + 0.05)] * 2)
        assert house.queues.asked == asked
        await house.until("a")

    run(catalog, test)


def test_a_window_fills_a_batch_until_it_is_over_or_full(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(BatchSize=12, MaximumBatchingWindowInSeconds=PATIENCE_S)
        first = [str(number) for number in range(11)]
        house.send(*first)
        await house.settle()
        assert house.batches == []
        house.send("last", "too many")
        await house.until([*first, "last"])
        house.map(BatchSize=12, MaximumBatchingWindowInSeconds=PATIENCE_S, State="Disabled")
        await house.until([*first, "last"], ["too many"])

    run(catalog, test)


def test_a_window_that_is_over_hands_over_what_there_is(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(MaximumBatchingWindowInSeconds=0.05)
        house.send("a")
        await house.until("a")

    run(catalog, test)


def test_what_a_filter_leaves_out_is_deleted_and_counts_for_nothing(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(BatchSize=1, FilterCriteria={"Filters": [{"Pattern": '{"body": ["b"]}'}]})
        house.send("a", "a", "b", "a")
        await house.until("b")
        await house.settle()
        assert (house.queues.messages, house.queues.taken) == ([], [])

    run(catalog, test)


def test_so_many_batches_run_at_once_and_nothing_is_received_for_another(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        house.open.clear()
        house.send("a", "b", "c", "d")
        await house.until("a", "b")
        await house.settle()
        assert (house.queues.messages, house.queues.taken) == (["c", "d"], ["a", "b"])
        house.open.set()
        await house.until("a", "b", "c", "d")

    run(catalog, test)


@pytest.mark.parametrize(
    ("answer", "stays"),
    [
        (Outcome(b'{"batchItemFailures": [{"itemIdentifier": "b"}]}'), ["b"]),
        (Outcome(b'{"errorMessage": "no"}', "Unhandled"), ["a", "b"]),
        (errors.too_many_requests("Rate Exceeded.", "r"), ["a", "b"]),
    ],
)
def test_what_failed_stays(catalog: SqlCatalog, answer: Outcome | errors.ApiError, stays: list[str]) -> None:
    async def test(house: House) -> None:
        house.answer = answer
        house.map(FunctionResponseTypes=["ReportBatchItemFailures"])
        house.send("a", "b")
        await house.until("ab")
        await house.settle()
        assert house.queues.taken == stays

    run(catalog, test)


def test_one_that_is_disabled_receives_nothing_until_it_is_enabled(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map()
        house.send("a")
        await house.until("a")
        house.map(State="Disabled")
        await house.settle()
        house.send("b")
        await house.settle()
        assert house.queues.messages == ["b"]
        house.map()
        await house.until("a", "b")

    run(catalog, test)


def test_a_mapping_of_another_account_has_nothing_of_the_queue(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        document = {"State": "Enabled", "BatchSize": 10, "FunctionArn": FUNCTION}
        for scope in (Scope("210987654321", "eu-west-1"), Scope("123456789012", "us-east-1")):
            with catalog.writing() as transaction:
                transaction.mappings.put(Mapped(scope, f"of {scope}", "f", QUEUE, document))
        house.send("a")
        await house.settle()
        assert (house.queues.asked, house.batches) == (0, [])

    run(catalog, test)


def test_an_end_waits_for_what_runs_and_begins_nothing(catalog: SqlCatalog) -> None:
    async def test(house: House) -> None:
        house.map(BatchSize=1, ScalingConfig={"MaximumConcurrency": 2})
        house.open.clear()
        house.send("a", "b", "c")
        await house.until("a", "b")
        draining = asyncio.ensure_future(house.sources.drain(PATIENCE_S))
        await house.settle()
        assert not draining.done()
        house.open.set()
        await draining
        assert (house.queues.taken, house.queues.messages) == ([], ["c"])
        house.send("d")
        await house.settle()
        assert house.batches == [["a"], ["b"]]

    run(catalog, test)
