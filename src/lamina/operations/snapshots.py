"""SnapStart: the snapshot that a version waits for when it is published, taken by the worker."""

from __future__ import annotations

import asyncio
from typing import Protocol

from lamina.environments.spec import EnvironmentSpec
from lamina.functions.versions import FunctionVersion
from lamina.operations.activations import InitialisationFailed
from lamina.worker.restored import CannotBeForked, TemplateFailed
from lamina.worker.runtimes import RuntimeNotInstalled
from lamina.worker.zygotes import SandboxFailed


class Worker(Protocol):
    """What of the worker a snapshot needs."""

    async def snapshot(self, spec: EnvironmentSpec) -> None:
        """Raises TemplateFailed, SandboxFailed, RuntimeNotInstalled."""
        ...


class Snapshots:
    """Takes snapshots on the worker's *loop*, for threads that wait for them."""

    def __init__(self, worker: Worker, loop: asyncio.AbstractEventLoop) -> None:
        self._worker = worker
        self._loop = loop

    def take(self, version: FunctionVersion) -> str | None:
        """Have a snapshot of *version*; what is in its way, None for nothing. A hindrance is no failure: its
        environments then are initialised one by one.

        Raises InitialisationFailed, and CancelledError (concurrent.futures) when the server stops meanwhile.
        """
        taking = asyncio.run_coroutine_threadsafe(self._worker.snapshot(EnvironmentSpec.of(version)), self._loop)
        try:
            taking.result()
        except (CannotBeForked, RuntimeNotInstalled, SandboxFailed) as error:
            return str(error)
        except TemplateFailed as error:
            raise InitialisationFailed(str(error)) from error
        return None
