"""A runtime's zygote is started once, and again when it is gone; what the gone one held is given back."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from lamina.sandbox import processes
from lamina.sandbox.contents import HOUSE, InterpreterLayout
from lamina.worker import kits, packages
from lamina.worker.packages import RuntimeFiles
from lamina.worker.runtimes import RuntimeNotInstalled, Runtimes
from lamina.worker.stations import Stations
from lamina.worker.zygotes import SandboxFailed, Zygote, ZygotePlan

from .sandboxes import UIDS, FakeCgroups, FakeScratch, FakeZygote, free_uids, machine

HERE = Path("/p")
LAYOUT = InterpreterLayout("3.12", "3.12.1", HERE, HERE, HERE, None, standalone=True, has_site_packages=True)


class Yard:
    """Stations over stand-ins."""

    def __init__(self, state: Path) -> None:
        self.started: list[FakeZygote] = []
        self.plans: list[ZygotePlan] = []
        self.failures: list[Exception] = []
        self.buried: list[int] = []
        self.machine = machine(FakeScratch(), FakeCgroups())

        async def runtimes() -> Runtimes:
            found = [kits.python("python3.12", LAYOUT), *kits.provided()]
            return Runtimes({kit.runtime: kit for kit in found}, LAYOUT)

        self.stations = Stations(self.machine, runtimes, state)

    async def start(self, plan: ZygotePlan) -> Any:
        await asyncio.sleep(0)
        self.plans.append(plan)
        if self.failures:
            raise self.failures.pop(0)
        self.started.append(FakeZygote(pid=100 + len(self.started)))
        return self.started[-1]

    async def close(self) -> None:
        for zygote in self.started:
            zygote.everything_dies()
        async with asyncio.timeout(20):
            await self.stations.close()


@pytest.fixture
def in_a_yard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Yard], Awaitable[None]]], None]:
    def run(test: Callable[[Yard], Awaitable[None]]) -> None:
        async def compiled(*_: object) -> None:
            pass

        async def main() -> None:
            yard = Yard(tmp_path)
            monkeypatch.setattr(Zygote, "start", yard.start)
            monkeypatch.setattr(packages, "provide", lambda *_: RuntimeFiles(HERE, HERE))
            monkeypatch.setattr(packages, "compile_ahead", compiled)
            monkeypatch.setattr(processes, "bury", yard.buried.append)
            await test(yard)
            await yard.close()
            assert free_uids(yard.machine) == UIDS
            assert yard.buried == [zygote.pid for zygote in yard.started]

        asyncio.run(main())

    return run


Run = Callable[[Callable[[Yard], Awaitable[None]]], None]


def test_callers_who_come_at_once_share_one_zygote(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        stations = await asyncio.gather(*(yard.stations.get("python3.12") for _ in range(5)))
        assert len(set(map(id, stations))) == len(yard.started) == 1

    in_a_yard(test)


def test_a_zygote_that_is_gone_is_buried_and_another_started(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        first = await yard.stations.get("python3.12")
        assert first.shelf._filling is not None
        await first.shelf._filling
        assert free_uids(yard.machine) < UIDS
        yard.started[0].everything_dies()
        await asyncio.sleep(0)
        assert first.gone
        second = await yard.stations.get("python3.12")
        assert second is not first
        await asyncio.gather(*yard.stations._ending)
        assert yard.buried == [100]
        assert all(blank.closed for blank in yard.started[0].forked)

    in_a_yard(test)


def test_why_a_zygote_has_ended_is_logged(in_a_yard: Run, caplog: pytest.LogCaptureFixture) -> None:
    async def test(yard: Yard) -> None:
        await yard.stations.get("python3.12")
        yard.started[0].everything_dies()
        # Nothing on the loop has come by since.
        second = await yard.stations.get("python3.12")
        assert not second.gone
        await asyncio.gather(*yard.stations._ending)
        assert "zygote of python3.12 has ended, and its environments with it: MemoryError" in caplog.text

    in_a_yard(test)


def test_one_that_could_not_be_started_is_tried_again(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        yard.failures.append(SandboxFailed("mount /usr: no"))
        with pytest.raises(SandboxFailed):
            await yard.stations.get("python3.12")
        await yard.stations.get("python3.12")
        assert len(yard.started) == 1

    in_a_yard(test)


def test_a_runtime_that_is_not_installed_has_none(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        with pytest.raises(RuntimeNotInstalled):
            await yard.stations.get("python3.9")
        yard.stations._open.clear()

    in_a_yard(test)


def test_what_is_executed_has_a_zygote_of_the_house_that_knows_nothing_of_the_runtime(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        await yard.stations.get("python3.12")
        await yard.stations.get("provided.al2023")
        forked, executed = yard.plans
        assert forked.executable == "/var/lang/bin/python3.12"
        assert "awslambdaric.bootstrap" in forked.preload
        assert "ssl" in forked.read_ahead
        assert executed.executable == f"{HOUSE}/bin/python3.12"
        assert executed.environ.keys() == {"LD_LIBRARY_PATH"}
        assert not executed.preload
        assert not executed.read_ahead
        assert "/var/lang" not in [operation[1] for operation in executed.operations]

    in_a_yard(test)


def test_a_caller_who_gives_up_takes_the_zygote_from_nobody(in_a_yard: Run) -> None:
    async def test(yard: Yard) -> None:
        impatient = asyncio.ensure_future(yard.stations.get("python3.12"))
        await asyncio.sleep(0)
        impatient.cancel()
        await yard.stations.get("python3.12")
        assert len(yard.started) == 1

    in_a_yard(test)


def test_names_are_never_used_twice(tmp_path: Path) -> None:
    async def main() -> None:
        stations = Yard(tmp_path).stations
        names = {stations.fresh_name() for _ in range(100)}
        assert len(names) == 100
        assert all(name.startswith(f"{os.getpid()}-") for name in names), "the next server's differ"

    asyncio.run(main())
