"""A runtime's place on this machine: its zygote, with the blanks forked ahead of demand."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from lamina.environments.spec import EnvironmentSpec, runtime_variables
from lamina.functions.runtimes import runtime_version_arn
from lamina.sandbox import processes
from lamina.sandbox.plan import HostFolders, InterpreterLayout, plan_root
from lamina.worker import packages, system
from lamina.worker.blanks import Shelf
from lamina.worker.machine import Machine
from lamina.worker.packages import RuntimeFiles
from lamina.worker.runtimes import Runtimes
from lamina.worker.zygotes import Zygote, ZygotePlan

_GUEST: Final = Path(__file__).parent.parent / "guest"
_AHEAD: Final = 2


class Station:
    """A runtime's zygote and its shelf of blanks."""

    def __init__(self, runtime: str, release: str, zygote: Zygote, shelf: Shelf) -> None:
        self._runtime = runtime
        self._release = release
        self._zygote = zygote
        self._watch = asyncio.ensure_future(zygote.wait_gone())
        self.shelf = shelf

    @property
    def gone(self) -> bool:
        """Whether the zygote has ended, and every environment of it."""
        return self._watch.done()

    def runtime_version(self, spec: EnvironmentSpec) -> tuple[str, str]:
        """What the first line in an environment's log says of the runtime: its version, and that version's ARN."""
        arn = runtime_version_arn(spec.function.scope, spec.runtime, spec.architecture)
        return f"{self._runtime.replace('python', 'python:')}.v{self._release}", arn

    async def close(self) -> None:
        await self.shelf.close()
        self._zygote.close()
        await self._watch
        await asyncio.to_thread(processes.bury, self._zygote.pid)


class Stations:
    """One station for each runtime in use, opened when first asked for and again when its zygote is gone."""

    def __init__(self, machine: Machine, runtimes: Callable[[], Coroutine[Any, Any, Runtimes]], state: Path) -> None:
        self._machine = machine
        self._runtimes = runtimes
        self._state = state
        self._open: dict[str, asyncio.Task[Station]] = {}
        self._names = itertools.count()
        self._compiling: set[asyncio.Task[None]] = set()
        self._ending: set[asyncio.Task[None]] = set()
        (state / "root").mkdir(parents=True, exist_ok=True)

    async def get(self, runtime: str) -> Station:
        """The station of *runtime*. Raises SandboxFailed, RuntimeNotInstalled."""
        task = self._open.get(runtime)
        if task is not None and task.done() and task.exception() is None and task.result().gone:
            # Its process is to be buried, and what its blanks held is to be given back.
            ending = asyncio.ensure_future(task.result().close())
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)
            task = None
        if task is None or (task.done() and task.exception() is not None):
            task = self._open[runtime] = asyncio.ensure_future(self._begin(runtime))
        return await asyncio.shield(task)

    def fresh_name(self) -> str:
        """A name no other environment has or had, nor one of a server that was killed and may still be ending."""
        return f"{os.getpid()}-{next(self._names)}"

    async def close(self) -> None:
        for task in self._compiling:
            task.cancel()
        await asyncio.gather(*self._compiling, *self._ending, return_exceptions=True)
        for station in await asyncio.gather(*self._open.values(), return_exceptions=True):
            if isinstance(station, Station):
                await station.close()

    async def _begin(self, runtime: str) -> Station:
        interpreter = (await self._runtimes()).interpreter(runtime)
        files = await asyncio.to_thread(packages.provide, self._state / "runtimes", interpreter.version)
        zygote = await Zygote.start(await asyncio.to_thread(self._plan, runtime, interpreter, files))
        self._compiling.add(asyncio.ensure_future(packages.compile_ahead(files, interpreter)))
        shelf = Shelf(zygote, self._machine, _AHEAD, self.fresh_name)
        shelf.fill()
        return Station(runtime, interpreter.release, zygote, shelf)

    def _plan(self, runtime: str, interpreter: InterpreterLayout, files: RuntimeFiles) -> ZygotePlan:
        host = HostFolders(
            guest=_GUEST,
            trees=self._state / "trees" / "v1",
            runtime=files.var_runtime,
            packages=files.packages,
            scratch=self._machine.scratch.root,
        )
        return ZygotePlan(
            runtime=runtime,
            operations=plan_root(system.look(), interpreter, host, self._machine.first_uid, self._machine.uids.count),
            mount_point=self._state / "root",
            user_namespace=not self._machine.privileged,
            environ=runtime_variables(runtime),
            executable=f"/var/lang/bin/{runtime}",
            search_path=(f"/var/lang/lib/{runtime}/site-packages",),
            preload=("awslambdaric.bootstrap", "awslambdaric.lambda_runtime_client"),
            forget=packages.REPLACEABLE,
        )
