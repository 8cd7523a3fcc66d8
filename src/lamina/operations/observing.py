"""What stands before the runner of invocations and sees which of them are turned away."""

from __future__ import annotations

from collections.abc import Callable

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
