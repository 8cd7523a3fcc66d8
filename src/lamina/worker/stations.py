"""A runtime's place on this machine: its zygote, with the blanks forked ahead of demand."""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from lamina.environments.commands import first_command
from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import runtime_variables
from lamina.functions.runtimes import Language, runtime_version_arn
from lamina.sandbox import contents, processes
from lamina.sandbox.contents import HOUSE, RUNTIME_ROOT, InterpreterLayout, Operation
from lamina.sandbox.plan import TASK_ROOT, HostFolders, plan_processes, plan_root, plan_switches
from lamina.worker import kits, packages, system
from lamina.worker.blanks import Shelf
from lamina.worker.kits import Kit
from lamina.worker.machine import Machine
from lamina.worker.network import Way
from lamina.worker.runtimes import Runtimes
from lamina.worker.standard_library import READ_AHEAD
from lamina.worker.zygotes import SandboxFailed, Zygote, ZygotePlan

_GUEST: Final = Path(__file__).parent.parent / "guest"
_AHEAD: Final = 2
_log = logging.getLogger(__name__)
# All of AWS's client that every function imports, some of it only as it begins.
_CLIENT: Final = ("awslambdaric.bootstrap", "awslambdaric.lambda_literals", "awslambdaric.lambda_runtime_client")


class Station:
    """A runtime's zygote and its shelf of blanks."""

    def __init__(self, runtime: str, release: str, zygote: Zygote, shelf: Shelf, way: Way) -> None:
        self._runtime = runtime
        self._release = release
        self.zygote = zygote
        self._watch = asyncio.ensure_future(zygote.wait_gone())
        self._way = way
        self.shelf = shelf

    @property
    def gone(self) -> bool:
        """Whether the zygote has ended, and every environment of it."""
        return self.zygote.gone

    def runtime_version(self, spec: EnvironmentSpec) -> tuple[str, str]:
        """What the first line in an environment's log says of the runtime: its version, and that version's ARN."""
        arn = runtime_version_arn(spec.function.scope, spec.runtime, spec.architecture)
        language = Language.of(self._runtime)
        return f"{language.family}:{language.version}.v{self._release}", arn

    async def close(self) -> None:
        by_itself = self.gone
        await self.shelf.close()
        self.zygote.close()
        reason = await self._watch
        await self._way.close()
        status = await asyncio.to_thread(processes.bury, self.zygote.pid)
        if by_itself:
            told = reason or (f"signal {-status}" if status is not None and status < 0 else f"exit status {status}")
            _log.warning("the zygote of %s has ended, and its environments with it: %s", self._runtime, told)


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

    def running(self) -> frozenset[str]:
        """The runtimes that are in use."""
        return frozenset(self._open)

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
        runtimes = await self._runtimes()
        kit = runtimes.kit(runtime)
        if kit.interpreter is None:
            zygote = await self._start(await asyncio.to_thread(self._executed, kit, runtimes.house))
        else:
            zygote = await self._fork_from(kit, kit.interpreter)
        try:
            way = await self._machine.network.connect(zygote)
        except BaseException:
            zygote.close()
            raise
        expected, common = first_command(runtime), runtime_variables(runtime)
        shelf = Shelf(zygote, self._machine, _AHEAD, self.fresh_name, expected, common)
        shelf.fill()
        return Station(runtime, kit.release, zygote, shelf, way)

    async def _fork_from(self, kit: Kit, interpreter: InterpreterLayout) -> Zygote:
        files = await asyncio.to_thread(packages.provide, self._state / "runtimes", interpreter.version)
        operations = contents.python(interpreter, files.packages) + contents.folder(RUNTIME_ROOT, files.var_runtime)
        zygote = await self._start(
            ZygotePlan(
                runtime=kit.runtime,
                operations=await asyncio.to_thread(self._root, operations),
                mount_point=self._state / "root",
                user_namespace=not self._machine.privileged,
                environ=runtime_variables(kit.runtime),
                executable=f"/var/lang/bin/{interpreter.name}",
                search_path=(f"/var/lang/lib/{interpreter.name}/site-packages",),
                preload=_CLIENT,
                forget=packages.REPLACEABLE,
                read_ahead=READ_AHEAD,
                folders=(TASK_ROOT, f"/opt/python/lib/{interpreter.name}/site-packages", "/opt/python"),
                rehearsal=packages.REHEARSAL,
                program=packages.BOOTSTRAP,
            )
        )
        self._compiling.add(asyncio.ensure_future(packages.compile_ahead(files, interpreter)))
        return zygote

    async def _start(self, plan: ZygotePlan) -> Zygote:
        """A zygote by *plan* in the network that functions have here."""
        network = self._machine.network
        try:
            router = await asyncio.to_thread(network.plan_router)
        except OSError as error:
            raise SandboxFailed(f"no way out of {plan.runtime} could be planned: {error}") from error
        seal = self._machine.seal_ahead()
        switches = plan_switches(user_namespace=plan.user_namespace)
        processes = plan_processes()
        complete = replace(plan, network=network.mode, router=router, seal=seal, processes=processes, switches=switches)
        return await Zygote.start(complete)

    def _executed(self, kit: Kit, house: InterpreterLayout) -> ZygotePlan:
        """A zygote that has nothing of the runtime, only what process 1 of its environments is made of."""
        client = packages.provide_client(self._state / "runtimes", kit.language.family)
        return ZygotePlan(
            runtime=kit.runtime,
            operations=self._root(kits.executed(kit, client, house)),
            mount_point=self._state / "root",
            user_namespace=not self._machine.privileged,
            # Its own library may lie beside it. What the runtime is executed with has nothing of this.
            environ={"LD_LIBRARY_PATH": f"{HOUSE}/lib"},
            executable=f"{HOUSE}/bin/{house.name}",
            options=("-I", "-S"),
        )

    def _root(self, operations: Sequence[Operation]) -> tuple[Operation, ...]:
        host = HostFolders(
            guest=_GUEST,
            trees=self._state / "trees" / "v1",
            scratch=self._machine.scratch.root,
            resolver=self._machine.network.resolver_configuration,
            sandbox=self._machine.network.sandbox_address,
        )
        return plan_root(system.look(), operations, host, self._machine.first_uid, self._machine.uids.count)
