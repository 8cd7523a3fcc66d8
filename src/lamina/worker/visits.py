"""Environments that somebody looks around in: all that belongs to a function, and no function that runs."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from lamina.sandbox.plan import TASK_ROOT
from lamina.worker.channel import ChannelClosed
from lamina.worker.environment import Environment
from lamina.worker.processes import Program
from lamina.worker.zygotes import SandboxEnded, SandboxFailed

# What only a function's runtime can make use of.
_RUNTIMES = ("_LAMBDA_TELEMETRY_LOG_FD", "_HANDLER")


class VisitedEnvironment(Environment):
    """An environment whose runtime never starts."""

    _ended: asyncio.Future[int] | None = None

    async def visit(self, argv: Sequence[str], variables: Mapping[str, str], streams: Sequence[int]) -> int:
        """Run *argv* with *streams*, and *variables* beside the function's own; its status, 128 + a signal's number.

        Raises SandboxFailed.
        """
        tmp = self.prepared.tmp
        mounts = () if tmp.mount_fd is None else (tmp.mount_fd,)
        self._ended = self._loop.create_future()
        told = {name: value for name, value in self._assignment.variables.items() if name not in _RUNTIMES}
        try:
            self.prepared.limit(self.spec.memory_mb)
            self._processes.assign(self._assignment.mounts, self._assignment.seal, mounts)
            self._listening = self._loop.create_task(self._processes.listen())
            tmp.handed_over()
            self._processes.start_visit(Program({**told, **variables}, TASK_ROOT, tuple(argv)), streams)
        except (ChannelClosed, OSError) as error:
            raise SandboxEnded(f"an environment ended while it was assigned: {error}") from error
        return await self._ended

    def _exited(self, extension: str | None, report: Mapping[str, Any]) -> None:
        if "never_began" in report:
            self._fail(report["never_began"])
        elif self._ended is not None and not self._ended.done():
            number = report.get("signal")
            self._ended.set_result(report.get("status", 0) if number is None else 128 + number)

    def _failed(self, text: str) -> None:
        self._fail(text)

    def _gone(self) -> None:
        self._fail("the environment has ended")

    def _fail(self, text: str) -> None:
        self.usable = False
        if self._ended is not None and not self._ended.done():
            self._ended.set_exception(SandboxFailed(text))
