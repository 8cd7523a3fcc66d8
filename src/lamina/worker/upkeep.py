"""Ends idle environments and templates: `environments.eviction` says which, this looks and acts while there are any."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, TypeVar

from lamina.environments.eviction import Idle, Policy
from lamina.environments.pool import Pool
from lamina.environments.spec import EnvironmentSpec
from lamina.sandbox.memory import MemoryView
from lamina.worker.environment import Environment

T = TypeVar("T")
_LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Template(Protocol):
    """What environments are forked from, and what that says of itself."""

    used_last: float

    @property
    def lasting(self) -> bool:
        """Whether it ends for want of memory only."""
        ...

    @property
    def held_bytes(self) -> int:
        """What it holds of memory."""
        ...


class House(Protocol[T]):
    """Templates of one kind; true while there are any."""

    def idle(self) -> Sequence[T]:
        """Those that serve nobody now."""
        ...

    def drop(self, template: T, /) -> None:
        """End an idle one."""
        ...

    def __bool__(self) -> bool: ...


class Upkeep:
    """Of *pool*, and of the templates in *houses*, by *policy*, with *memory* to see how much there is.

    *keeps* tells whose stay is paid for.
    """

    def __init__(
        self,
        pool: Pool[EnvironmentSpec, Environment],
        houses: Sequence[House[Any]],
        policy: Policy,
        memory: MemoryView,
        keeps: Callable[[Environment], bool],
        end: Callable[[Environment], None],
    ) -> None:
        self._pool = pool
        self._houses = houses
        self._policy = policy
        self._memory = memory
        self._keeps = keeps
        self._end = end
        self._some_idle = asyncio.Event()

    def wake(self) -> None:
        """One is idle, or a template was made. A server with none does not look."""
        self._some_idle.set()

    async def run(self) -> None:
        """Look once a second; returns never."""
        while True:
            await self._some_idle.wait()
            await asyncio.sleep(_LOOK_SECONDS)
            try:
                self._look()
            except Exception:  # noqa: BLE001 - idle environments must go on being ended, whatever one of them does
                _log.exception("an idle environment could not be ended")
            if not self._pool.idle and not any(self._houses):
                self._some_idle.clear()

    def _look(self) -> None:
        idle: list[Idle[Environment | Template]] = [
            Idle(each, since, each.usable, self._keeps(each)) for each, since in self._pool.idle_members()
        ]
        templates = [(each, house) for house in self._houses for each in house.idle()]
        idle += [Idle(each, each.used_last, lasting=each.lasting) for each, _ in templates]
        idle.sort(key=lambda each: each.since)
        available = self._memory.read().available
        over = set(self._policy.over(idle, time.monotonic(), available, _held_bytes))
        if available < self._policy.reserve_bytes and over:
            _log.info("%d MB of memory are left: %d idle environments end", available >> 20, len(over))
        for environment in self._pool.take_idle(lambda _spec, member, _since: member in over):
            self._end(environment)
        for each, house in templates:
            if each in over:
                house.drop(each)


def _held_bytes(idle: Environment | Template) -> int:
    return idle.prepared.memory_held_bytes() if isinstance(idle, Environment) else idle.held_bytes
