"""Which environments are kept ready: as many as are wanted, and another when one of them ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, cast

from lamina.environments.pool import Pool
from lamina.environments.spec import PROVISIONED, EnvironmentSpec
from lamina.functions.versions import SETTLED, Configuration, FunctionVersion
from lamina.layers.versions import StoredArchive
from lamina.names import Digest, FunctionArn, Scope
from lamina.worker.environment import Environment
from lamina.worker.provisions import INIT_FAILURE, Provisioned, Provisions
from lamina.worker.zygotes import SandboxFailed

F = FunctionArn(Scope("123456789012", "eu-west-1"), "f")


def spec(version: str = "1") -> EnvironmentSpec:
    configuration = Configuration("python3.12", "app.handler", "role")
    code = StoredArchive(Digest.of(b""), 0, 0)
    return EnvironmentSpec.of(FunctionVersion(F, version, configuration, code, SETTLED, "r", "now"))


@dataclass(eq=False)
class Fake:
    spec: EnvironmentSpec
    usable: bool = True
    idle: bool = True


@dataclass
class Machine:
    """A pool, and a worker around it that makes what it is told to and keeps what it was told to end."""

    concurrency: int = 10
    make: Callable[[EnvironmentSpec], Fake] = Fake
    ended: list[Fake] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.pool: Pool[EnvironmentSpec, Environment] = Pool(self.concurrency)
        self.provisions = Provisions(self.pool, self._make, self._started, self._end, self._spawn)

    async def settle(self) -> None:
        """Everything begun is done."""
        while self.tasks:
            await asyncio.gather(*self.tasks, return_exceptions=True)

    def _make(self, spec: EnvironmentSpec) -> Awaitable[Environment]:
        async def made() -> Environment:
            return cast(Environment, self.make(spec))

        return made()

    def _started(self, spec: EnvironmentSpec, environment: Environment) -> None:
        assert not self.pool.started(spec, environment, 0.0)

    def _end(self, environment: Environment) -> None:
        self.ended.append(cast(Fake, environment))
        self.provisions.ended(environment)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)


def test_as_many_are_ready_as_are_wanted_and_told_how_they_were_made() -> None:
    async def scenario() -> None:
        machine = Machine()
        machine.provisions.keep(spec(), 2)
        assert machine.provisions.state(spec()) == Provisioned(0)
        assert machine.provisions.free(spec()) is None
        await machine.settle()
        assert machine.provisions.state(spec()) == Provisioned(2)
        twin = machine.provisions.free(spec())
        assert twin is not None
        assert (twin.initialization, twin.version) == (PROVISIONED, "1")
        assert machine.provisions.free(spec("2")) is None
        machine.provisions.keep(spec(), 1)
        assert (len(machine.ended), machine.provisions.state(spec())) == (1, Provisioned(1))
        machine.provisions.keep(spec(), 3)
        await machine.settle()
        assert machine.provisions.state(spec()) == Provisioned(3)

    asyncio.run(scenario())


def test_one_that_ends_is_made_anew() -> None:
    async def scenario() -> None:
        machine = Machine()
        machine.provisions.keep(spec(), 1)
        await machine.settle()
        [gone] = machine.pool.take_idle(lambda *_: True)
        machine._end(gone)
        assert machine.provisions.state(spec()) == Provisioned(0)
        await machine.settle()
        assert machine.provisions.state(spec()) == Provisioned(1)

    asyncio.run(scenario())


def test_what_is_dropped_ends_and_what_is_forgotten_with_its_version_too() -> None:
    async def scenario() -> None:
        machine = Machine()
        for version in ("1", "2", "3"):
            machine.provisions.keep(spec(version), 1)
        await machine.settle()
        machine.provisions.drop(spec("1"))
        machine.provisions.forget(F.qualified("2"))
        assert [each.spec.version for each in machine.ended] == ["1", "2"]
        assert machine.provisions.specs() == [spec("3")]
        machine.provisions.forget(F)
        assert machine.pool.alive == 0
        await machine.settle()
        assert machine.pool.alive == 0

    asyncio.run(scenario())


def test_one_dropped_while_it_starts_is_not_kept() -> None:
    async def scenario() -> None:
        machine = Machine()
        machine.provisions.keep(spec(), 1)
        machine.provisions.drop(spec())
        await machine.settle()
        assert machine.pool.alive == 0
        assert len(machine.ended) == 1

    asyncio.run(scenario())


def test_a_function_that_cannot_be_initialised_fails_and_is_tried_again_when_asked_again() -> None:
    async def scenario() -> None:
        machine = Machine(make=lambda spec: Fake(spec, usable=False))
        machine.provisions.keep(spec(), 1)
        await machine.settle()
        assert machine.provisions.state(spec()) == Provisioned(0, INIT_FAILURE)
        assert machine.pool.alive == 0
        machine.make = Fake
        machine.provisions.keep(spec(), 1)
        await machine.settle()
        assert machine.provisions.state(spec()) == Provisioned(1)

    asyncio.run(scenario())


def test_a_machine_that_has_no_room_or_no_sandbox_says_so() -> None:
    def fail(_: EnvironmentSpec) -> Fake:
        raise SandboxFailed("no sandbox")

    async def scenario() -> None:
        machine = Machine(concurrency=1)
        machine.provisions.keep(spec(), 2)
        await machine.settle()
        state = machine.provisions.state(spec())
        assert state == Provisioned(1, "This machine has as many execution environments as it may have.")
        broken = Machine(make=fail)
        broken.provisions.keep(spec(), 1)
        await broken.settle()
        assert broken.provisions.state(spec()) == Provisioned(0, "no sandbox")

    asyncio.run(scenario())


def test_those_wanted_stay_however_long_nobody_calls_and_a_surplus_does_not() -> None:
    async def scenario() -> None:
        machine = Machine()
        machine.provisions.keep(spec(), 2)
        await machine.settle()
        members = machine.pool.take_idle(lambda *_: True)
        assert [machine.provisions.keeps(each) for each in members] == [True, True]
        for member in members:
            cast(Fake, member).idle = False
        machine.provisions.keep(spec(), 1)
        assert [machine.provisions.keeps(each) for each in members] == [False, False]
        machine._end(members[0])
        assert machine.provisions.keeps(members[1])

    asyncio.run(scenario())
