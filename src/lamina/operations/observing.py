"""What stands before the runner of invocations, and sees which are turned away and what becomes of the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from lamina.environments.spec import EnvironmentSpec
from lamina.invocations.calls import Invocation, Outcome
from lamina.names import FunctionArn
from lamina.operations.invocations import Runner
from lamina.worker.runtimes import Runtimes
from lamina.worker.worker import Throttled


class ObservedRunner:
    """Runs what *runner* runs; *throttled* is told of the function of each call that may not."""

    def __init__(self, runner: Runner, throttled: Callable[[FunctionArn], None]) -> None:
        self._runner = runner
        self._throttled = throttled

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run it. Raises what the runner raises."""
        try:
            return await self._runner.invoke(spec, invocation)
        except Throttled:
            self._throttled(spec.function)
            raise

    async def runtimes(self) -> Runtimes:
        return await self._runner.runtimes()


class Tracer(Protocol):
    """What records calls, and says which trace header their functions are given."""

    def enter(self, header: str | None) -> str | None:
        """The header for the function of a call that came with *header*; None where the call is not recorded."""
        ...

    def leave(self, given: str) -> None: ...


class TracedRunner:
    """Runs what *runner* runs, so that *tracer* can tell what became of it."""

    def __init__(self, runner: Runner, tracer: Tracer) -> None:
        self._runner = runner
        self._tracer = tracer

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run it. Raises what the runner raises."""
        given = self._tracer.enter(invocation.trace_id)
        if given is None:
            return await self._runner.invoke(spec, invocation)
        try:
            return await self._runner.invoke(spec, replace(invocation, trace_id=given))
        finally:
            self._tracer.leave(given)

    async def runtimes(self) -> Runtimes:
        return await self._runner.runtimes()
