"""The worker behind the limits of functions and accounts: calls are counted, and those too many are not run."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lamina.catalog.port import Catalog
from lamina.environments.spec import EnvironmentSpec
from lamina.functions.concurrency import Claims, Quota
from lamina.invocations.admission import RESERVED, Admission, Limits, Slot
from lamina.invocations.calls import Invocation, Outcome
from lamina.names import Scope
from lamina.operations.concurrency import claims
from lamina.worker.runtimes import Runtimes
from lamina.worker.worker import Throttled


class ReservedExceeded(Throttled):
    """As many calls are under way as the function has reserved. *none_ever*: it has reserved zero."""

    def __init__(self, *, none_ever: bool) -> None:
        super().__init__()
        self.none_ever = none_ever


class Worker(Protocol):
    """What of the worker is behind the limits."""

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome: ...

    async def runtimes(self) -> Runtimes: ...

    def has_provisioned(self, spec: EnvironmentSpec) -> bool:
        """Whether a call of *spec* would get a provisioned environment now."""
        ...


class AdmittingRunner:
    """Runs what may run. Call on the loop."""

    def __init__(self, catalog: Catalog, worker: Worker, quota: Quota) -> None:
        self._catalog = catalog
        self._worker = worker
        self._quota = quota
        self._admission = Admission()
        # Claims as last read, and what they leave over; thrown away whenever any function or setting changes.
        self._known: dict[Scope, tuple[Claims, int]] = {}
        self._known_at = -1

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run it. Raises ReservedExceeded besides what the worker raises."""
        claimed, shared = self._remembered(spec.function.scope) or await self._look_up(spec.function.scope)
        if self._worker.has_provisioned(spec):
            # Its place was claimed when the environment was provisioned.
            return await self._worker.invoke(spec, invocation)
        limits = Limits(claimed.on_demand(spec.function.name), shared)
        slot = self._admission.enter(spec.function, limits)
        if not isinstance(slot, Slot):
            if slot == RESERVED:
                raise ReservedExceeded(none_ever=claimed.reserved[spec.function.name] == 0)
            raise Throttled
        try:
            return await self._worker.invoke(spec, invocation)
        finally:
            self._admission.leave(slot)

    async def runtimes(self) -> Runtimes:
        return await self._worker.runtimes()

    def _remembered(self, scope: Scope) -> tuple[Claims, int] | None:
        changes = self._catalog.function_changes
        if changes != self._known_at:
            self._known.clear()
            self._known_at = changes
        return self._known.get(scope)

    async def _look_up(self, scope: Scope) -> tuple[Claims, int]:
        changes = self._known_at
        claimed = await asyncio.to_thread(self._read, scope)
        found = claimed, self._quota.concurrent - claimed.claimed
        if self._catalog.function_changes == changes == self._known_at:
            self._known[scope] = found
        return found

    def _read(self, scope: Scope) -> Claims:
        with self._catalog.reading() as transaction:
            return claims(transaction, scope)
