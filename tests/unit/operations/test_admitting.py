"""Which calls reach the worker: what functions reserve is read again only when something changed."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

import pytest

from lamina.catalog.settings import Kind, Setting
from lamina.environments.spec import EnvironmentSpec
from lamina.functions.concurrency import Quota
from lamina.invocations.calls import Invocation, Outcome
from lamina.names import FunctionArn
from lamina.operations.admitting import AdmittingRunner, ReservedExceeded
from lamina.worker.runtimes import Runtimes
from lamina.worker.worker import Throttled

from .house import HERE, INTERPRETER, House

CALL = Invocation("id", "arn", b"{}", 3)


@dataclass
class Held:
    """A worker whose calls end when they are let go."""

    provisioned: bool = False
    running: int = 0
    go_on: asyncio.Event = field(default_factory=asyncio.Event)

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        self.running += 1
        await self.go_on.wait()
        self.running -= 1
        return Outcome(b"null")

    async def runtimes(self) -> Runtimes:
        return Runtimes({}, INTERPRETER)

    def has_provisioned(self, spec: EnvironmentSpec) -> bool:
        return self.provisioned


def spec_of(house: House, name: str) -> EnvironmentSpec:
    with house.catalog.reading() as transaction:
        function = transaction.functions.find(HERE, name)
    assert function is not None
    return EnvironmentSpec.of(function)


def reserve(house: House, name: str, count: int) -> None:
    with house.catalog.writing() as transaction:
        transaction.settings.put(Setting(Kind.CONCURRENCY, FunctionArn(HERE, name), {"reserved": count}))


async def refusals(runner: AdmittingRunner, worker: Held, spec: EnvironmentSpec, calls: int) -> list[BaseException]:
    """How those of so many calls at once end that are not run."""
    running = [asyncio.ensure_future(runner.invoke(spec, CALL)) for _ in range(calls)]
    while worker.running + sum(each.done() for each in running) < calls:  # noqa: ASYNC110 - two things to wait for
        await asyncio.sleep(0)
    worker.go_on.set()
    ended = await asyncio.gather(*running, return_exceptions=True)
    return [each for each in ended if isinstance(each, BaseException)]


def test_15_3_as_many_run_as_are_reserved_and_the_next_change_counts_at_once(house: House) -> None:
    house.function("f")
    reserve(house, "f", 2)

    async def scenario() -> None:
        worker = Held()
        runner = AdmittingRunner(house.catalog, worker, Quota(10, 1))
        refused = await refusals(runner, worker, spec_of(house, "f"), 5)
        assert [type(each) for each in refused] == [ReservedExceeded] * 3
        assert not any(each.none_ever for each in refused if isinstance(each, ReservedExceeded))
        assert await refusals(runner, worker, spec_of(house, "f"), 2) == [], "places are given back"
        reserve(house, "f", 0)
        with pytest.raises(ReservedExceeded) as caught:
            await runner.invoke(spec_of(house, "f"), CALL)
        assert caught.value.none_ever

    asyncio.run(scenario())


def test_functions_that_reserve_nothing_share_what_others_leave(house: House) -> None:
    house.function("f")
    house.function("g")
    reserve(house, "g", 7)

    async def scenario() -> None:
        worker = Held()
        runner = AdmittingRunner(house.catalog, worker, Quota(10, 1))
        refused = await refusals(runner, worker, spec_of(house, "f"), 5)
        assert [type(each) for each in refused] == [Throttled] * 2

    asyncio.run(scenario())


def test_15_3_a_provisioned_environment_takes_calls_whatever_is_left_over(house: House) -> None:
    house.function("f")
    reserve(house, "f", 0)

    async def scenario() -> None:
        worker = Held(provisioned=True)
        runner = AdmittingRunner(house.catalog, worker, Quota(10, 1))
        assert await refusals(runner, worker, spec_of(house, "f"), 3) == []

    asyncio.run(scenario())
