"""Stand-ins for what sandboxes are made of, which count what is taken and what is given back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamina.worker.machine import Machine
from lamina.worker.uids import Uids
from lamina.worker.zygotes import Ahead

FIRST_UID = 70000
UIDS = 8


@dataclass
class FakeTmp:
    name: str
    size_mb: int
    removed: bool = False
    untouched: bool = False
    kept: bool = False

    def put_back(self) -> bool:
        self.kept = self.untouched
        return self.kept

    def remove(self) -> None:
        self.removed = True


@dataclass
class FakeScratch:
    root: Path | None = None
    description: str = "a stand-in"
    failures: list[Exception] = field(default_factory=list)
    made: list[FakeTmp] = field(default_factory=list)

    def ready(self, _size_mb: int) -> FakeTmp | None:
        return None

    def create(self, name: str, size_mb: int) -> FakeTmp:
        if self.failures:
            raise self.failures.pop(0)
        self.made.append(FakeTmp(name, size_mb))
        return self.made[-1]


@dataclass
class FakeCgroup:
    name: str
    failure: Exception | None = None
    members: list[int] = field(default_factory=list)
    lingers: int = 0  # how often the kernel still counts a member
    removed: bool = False
    as_new: bool = False
    kept: bool = False
    can_freeze: bool = False

    def join(self, pid: int) -> None:
        if self.failure is not None:
            raise self.failure
        self.members.append(pid)

    def put_back(self) -> bool:
        self.kept = self.as_new
        return self.kept

    def remove(self) -> bool:
        self.lingers -= 1
        self.removed = self.lingers < 0
        return self.removed


@dataclass
class FakeCgroups:
    failures: list[Exception] = field(default_factory=list)
    made: list[FakeCgroup] = field(default_factory=list)
    lingers: int = 0

    def create(self, name: str) -> FakeCgroup:
        failure = self.failures.pop(0) if self.failures else None
        self.made.append(FakeCgroup(name, failure, lingers=self.lingers))
        return self.made[-1]


class FakeBlank:
    """Ends when `die` is called, not when it is closed: a process takes its time."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.closed = False
        self.gone = False
        self.executed: tuple[str, ...] = ()
        self.waited = False
        self.inhabitant: int | None = None
        self._gone = asyncio.Event()

    def close(self) -> None:
        self.closed = True

    def die(self) -> None:
        self.gone = True
        self._gone.set()

    async def wait_gone(self) -> None:
        assert self.closed, "wait_gone is for after close"
        await self._gone.wait()


@dataclass
class FakeZygote:
    failures: Sequence[Exception] = ()
    forked: list[FakeBlank] = field(default_factory=list)
    pid: int = 1
    ended: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._failures = list(self.failures)
        self._dead = False

    async def fork(self) -> FakeBlank:
        await asyncio.sleep(0)
        if self._failures:
            raise self._failures.pop(0)
        self.forked.append(FakeBlank(1000 + len(self.forked)))
        if self._dead:
            self.forked[-1].die()
        return self.forked[-1]

    async def furnish(self, blank: FakeBlank, ahead: Ahead) -> None:
        await asyncio.sleep(0)
        blank.executed, blank.waited = ahead.argv, ahead.waited

    @property
    def gone(self) -> bool:
        return self.ended.is_set()

    async def wait_gone(self) -> str:
        await self.ended.wait()
        return "MemoryError: "

    def close(self) -> None:
        self.ended.set()

    def everything_dies(self) -> None:
        """What is there, and what is about to be."""
        self._dead = True
        self.ended.set()
        for blank in self.forked:
            blank.die()


def machine(scratch: FakeScratch, cgroups: FakeCgroups | None) -> Machine:
    means: Any = {"cgroups": cgroups, "scratch": scratch}
    uids = Uids(FIRST_UID, UIDS)
    return Machine(True, why_no_cgroups=None, first_uid=FIRST_UID, uids=uids, environments_max=UIDS, **means)


def free_uids(means: Machine) -> int:
    """How many ids nobody holds."""
    return len(means.uids._free)
