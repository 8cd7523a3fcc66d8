"""Ends idle environments and templates: `environments.eviction` says which, this looks and acts while there are any."""

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
from lamina.worker.preloads import Preload, Preloads
from lamina.worker.templates import Template, Templates

_LOOK_SECONDS: Final = 1.0
_log = logging.getLogger(__name__)


class Upkeep:
    """Of *pool*, *templates* and *preloads*, by *policy*, with *memory* to see how much there is.

    *keeps* tells whose stay is paid for.
    """

    def __init__(
        self,
        pool: Pool[EnvironmentSpec, Environment],
        templates: Templates,
        preloads: Preloads,
        policy: Policy,
        memory: MemoryView,
        keeps: Callable[[Environment], bool],
        end: Callable[[Environment], None],
    ) -> None:
        self._pool = pool
        self._templates = templates
        self._preloads = preloads
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
            if not self._pool.idle and not self._templates and not self._preloads:
                self._some_idle.clear()

    def _look(self) -> None:
        idle: list[Idle[Environment | Template | Preload]] = [
            Idle(each, since, each.usable, self._keeps(each)) for each, since in self._pool.idle_members()
        ]
        idle += [Idle(each, each.used_last, lasting=True) for each in self._templates.idle()]
        idle += [Idle(each, each.used_last, lasting=each.lasting) for each in self._preloads.idle()]
        idle.sort(key=lambda each: each.since)
        available = self._memory.read().available
        over = set(self._policy.over(idle, time.monotonic(), available, _held_bytes))
        if available < self._policy.reserve_bytes and over:
            _log.info("%d MB of memory are left: %d idle environments end", available >> 20, len(over))
        for environment in self._pool.take_idle(lambda _spec, member, _since: member in over):
            self._end(environment)
        for each in over:
            if isinstance(each, Template):
                _log.info("the snapshot of %s ends until it is called again", each.environment.spec.function)
                self._templates.drop(each)
            elif isinstance(each, Preload):
                self._preloads.drop(each)


def _held_bytes(idle: Environment | Template | Preload) -> int:
    return idle.prepared.memory_held_bytes() if isinstance(idle, Environment) else idle.held_bytes
