"""Which environments there are, and what they hold: for whoever looks at a server."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from lamina.environments.pool import Pool
from lamina.environments.spec import EnvironmentSpec
from lamina.names import FunctionArn
from lamina.worker.blanks import Prepared
from lamina.worker.environment import Environment


@dataclass(frozen=True, slots=True)
class Resident:
    """An environment of *function*: whether it waits for an event, and the bytes it holds where those are counted."""

    function: FunctionArn
    idle: bool
    memory_bytes: int | None


class Census:
    """Of the members of *pool*, which are among the *environments*, and of *templates*. Call on the loop.

    *counts_memory*: whether control groups tell what each holds; that takes reading a file for each.
    """

    def __init__(
        self,
        pool: Pool[EnvironmentSpec, Environment],
        environments: Collection[Environment],
        templates: Collection[Environment],
        *,
        counts_memory: bool,
    ) -> None:
        self._pool = pool
        self._environments = environments
        self._templates = templates
        self._counts_memory = counts_memory

    def states(self) -> Mapping[str, int]:
        """How many there are, by what they are about."""
        pool = self._pool
        starting = pool.alive - pool.idle - pool.busy
        return {"starting": starting, "busy": pool.busy, "idle": pool.idle, "template": len(self._templates)}

    async def residents(self) -> list[Resident]:
        """Every one but templates."""
        here = [(each.spec.function, each.idle, each.prepared) for each in self._environments]
        held = await self._held([prepared for _, _, prepared in here])
        return [Resident(function, idle, size) for (function, idle, _), size in zip(here, held, strict=True)]

    async def memory_held_bytes(self) -> int | None:
        """What all of them hold, without pages of files; None where nobody counts it."""
        held = await self._held([each.prepared for each in (*self._environments, *self._templates)])
        return sum(size or 0 for size in held) if self._counts_memory else None

    async def _held(self, prepared: Sequence[Prepared]) -> list[int | None]:
        if not self._counts_memory:
            return [None] * len(prepared)
        return await asyncio.to_thread(lambda: [each.memory_held_bytes() for each in prepared])
