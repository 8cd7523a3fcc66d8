"""Ends idle environments: `environments.eviction` says which, this looks and acts, as long as there are any."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from lamina.environments.eviction import Idle, Policy
from lamina.environments.pool import Pool
from lamina.environments.spec import EnvironmentSpec
from lamina.sandbox.memory import MemoryView
from lamina.worker.environment import Environment

_LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Upkeep:
    """Of *pool*, by *policy*, with *memory* to see how much there is; *keeps* tells whose stay is paid for."""

    def __init__(
        self,
        pool: Pool[EnvironmentSpec, Environment],
        policy: Policy,
        memory: MemoryView,
        keeps: Callable[[Environment], bool],
        end: Callable[[Environment], None],
    ) -> None:
        self._pool = pool
        self._policy = policy
        self._memory = memory
        self._keeps = keeps
        self._end = end
        self._some_idle = asyncio.Event()

    def wake(self) -> None:
        """One is idle. A server with none does not look."""
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
            if not self._pool.idle:
                self._some_idle.clear()

    def _look(self) -> None:
        idle = [Idle(each, since, each.usable, self._keeps(each)) for each, since in self._pool.idle_members()]
        available = self._memory.read().available
        over = set(self._policy.over(idle, time.monotonic(), available, _held_bytes))
        if available < self._policy.reserve_bytes and over:
            _log.info("%d MB of memory are left: %d idle environments end", available >> 20, len(over))
        for environment in self._pool.take_idle(lambda _spec, member, _since: member in over):
            self._end(environment)


def _held_bytes(environment: Environment) -> int:
    return environment.prepared.memory_held_bytes()
