"""Environments that are kept initialised ahead of their calls: provisioned concurrency.

A provisioned environment is made from a spec of its own, the twin of the version's, as it is told how it was
initialised. A call takes a free one if there is one; else it goes the usual way. One that ends is made anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Any

from lamina.environments.pool import Pool, Throttle
from lamina.environments.spec import PROVISIONED, EnvironmentSpec
from lamina.names import FunctionArn
from lamina.worker.environment import Environment
from lamina.worker.runtimes import RuntimeNotInstalled
from lamina.worker.zygotes import SandboxFailed

INIT_FAILURE = "FUNCTION_ERROR_INIT_FAILURE"


@dataclass(frozen=True, slots=True)
class Provisioned:
    """How far it is: `ready` environments are initialised; `failure` says why there will be no more of them."""

    ready: int = 0
    failure: str | None = None


@dataclass(slots=True)
class _Kept:
    twin: EnvironmentSpec
    wanted: int
    environments: set[Environment] = field(default_factory=set)
    starting: int = 0
    failure: str | None = None


class Provisions:
    """Which specs are kept ready, and by which environments. Call on the loop."""

    def __init__(
        self,
        pool: Pool[EnvironmentSpec, Environment],
        make: Callable[[EnvironmentSpec], Awaitable[Environment]],
        started: Callable[[EnvironmentSpec, Environment], None],
        end: Callable[[Environment], None],
        spawn: Callable[[Coroutine[Any, Any, None]], None],
    ) -> None:
        self._pool = pool
        self._make = make
        self._started = started
        self._end = end
        self._spawn = spawn
        # By the spec of calls.
        self._kept: dict[EnvironmentSpec, _Kept] = {}
        self._by_twin: dict[EnvironmentSpec, _Kept] = {}

    def keep(self, spec: EnvironmentSpec, count: int) -> None:
        """From now on have *count* environments of *spec* ready; what failed before is tried again."""
        kept = self._kept.get(spec)
        if kept is None:
            twin = replace(spec, initialization=PROVISIONED)
            kept = self._kept[spec] = self._by_twin[twin] = _Kept(twin, count)
            self._pool.keep(twin)
        kept.wanted, kept.failure = count, None
        surplus = len(kept.environments) - count
        if surplus > 0:
            idle = [each for each in kept.environments if each.idle][:surplus]
            for environment in self._pool.take_idle(lambda _spec, member, _since: member in idle):
                self._end(environment)
        self._fill(kept)

    def drop(self, spec: EnvironmentSpec) -> None:
        """Keep none of *spec* any more; what handles a call finishes it."""
        kept = self._kept.pop(spec, None)
        if kept is None:
            return
        kept.wanted = 0
        del self._by_twin[kept.twin]
        self._pool.let_go(kept.twin)
        for environment in self._pool.take_idle(lambda spec, _member, _since: spec == kept.twin):
            self._end(environment)

    def forget(self, function: FunctionArn) -> None:
        """Keep none of *function*, or of one version of it."""
        for spec in list(self._kept):
            if spec.function == function.unqualified and function.qualifier in (None, spec.version):
                self.drop(spec)

    def state(self, spec: EnvironmentSpec) -> Provisioned | None:
        """How far *spec* is; None if it is not kept."""
        kept = self._kept.get(spec)
        return None if kept is None else Provisioned(len(kept.environments), kept.failure)

    def specs(self) -> list[EnvironmentSpec]:
        """What is kept."""
        return list(self._kept)

    def free(self, spec: EnvironmentSpec) -> EnvironmentSpec | None:
        """The twin of *spec* if an environment of it is free now."""
        if not self._kept:
            # Nobody pays for hashing a spec who has nothing provisioned.
            return None
        kept = self._kept.get(spec)
        return kept.twin if kept is not None and self._pool.has_idle(kept.twin) else None

    def keeps(self, environment: Environment) -> bool:
        """Whether *environment* stays, however long nobody calls."""
        kept = self._by_twin.get(environment.spec)
        return kept is not None and environment in kept.environments and len(kept.environments) <= kept.wanted

    def ended(self, environment: Environment) -> None:
        """*environment* is no more; another one takes its place if it has to."""
        kept = self._by_twin.get(environment.spec)
        if kept is not None and environment in kept.environments:
            kept.environments.discard(environment)
            self._fill(kept)

    def close(self) -> None:
        """Start nothing more."""
        for kept in self._kept.values():
            kept.wanted = 0
        self._kept.clear()
        self._by_twin.clear()

    def _fill(self, kept: _Kept) -> None:
        while kept.failure is None and len(kept.environments) + kept.starting < kept.wanted:
            decision = self._pool.start_ahead(kept.twin)
            if isinstance(decision, Throttle):
                kept.failure = "This machine has as many execution environments as it may have."
                return
            if decision.evict is not None:
                self._end(decision.evict)
            kept.starting += 1
            self._spawn(self._start(kept))

    async def _start(self, kept: _Kept) -> None:
        try:
            environment = await self._make(kept.twin)
        except (SandboxFailed, RuntimeNotInstalled) as error:
            self._pool.start_failed(kept.twin)
            kept.failure = str(error)
            return
        except BaseException:
            self._pool.start_failed(kept.twin)
            kept.failure = "The execution environment could not be made."
            raise
        finally:
            kept.starting -= 1
        unwanted = len(kept.environments) >= kept.wanted
        if unwanted or not environment.usable:
            self._pool.start_failed(kept.twin)
            self._end(environment)
            if not unwanted:
                kept.failure = INIT_FAILURE
            return
        kept.environments.add(environment)
        self._started(kept.twin, environment)
