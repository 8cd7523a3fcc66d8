"""The templates of the function versions that use SnapStart, and the environments forked from them ahead of demand.

A template is made when its version is published, again when it is first needed under a new server, and goes with its
version. What it has forked lives in pid namespaces below its own, and cannot outlive it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from lamina.environments.spec import EnvironmentSpec
from lamina.names import FunctionArn
from lamina.worker.blanks import Shelf
from lamina.worker.environment import Environment
from lamina.worker.machine import Machine
from lamina.worker.making import Maker
from lamina.worker.restored import CannotBeForked, RestoredEnvironment, TemplateEnvironment, TemplateFailed
from lamina.worker.runtimes import RuntimeNotInstalled
from lamina.worker.uids import Uids
from lamina.worker.watchdog import Watched
from lamina.worker.zygotes import Ahead, Blank, SandboxFailed, Zygote

_AHEAD: Final = 2
_log = logging.getLogger(__name__)


class Template:
    """One template, with *ahead* environments that wait to be restored."""

    def __init__(
        self,
        environment: TemplateEnvironment,
        zygote: Zygote,
        maker: Maker,
        machine: Machine,
        fresh_name: Callable[[], str],
    ) -> None:
        self.environment = environment
        self._zygote = zygote
        self._maker = maker
        # All of one template's environments are its user's, each in a user namespace of its own.
        own = replace(machine, uids=Uids(environment.prepared.uid, 1, shared=True))
        self._shelf = Shelf(self, own, 0, fresh_name)
        self._standing: deque[RestoredEnvironment] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._in_use: set[RestoredEnvironment] = set()
        self._closed = False
        self._taking = 0
        self.used_last = time.monotonic()
        # It goes with its version.
        self.lasting = True

    @property
    def idle(self) -> bool:
        """Whether nothing that was forked from it is in use, or about to be."""
        return not self._taking and all(each.closed.is_set() for each in self._in_use)

    @property
    def held_bytes(self) -> int:
        """What it holds of memory, with those that wait to be restored."""
        prepared = [self.environment.prepared, *(each.prepared for each in self._standing)]
        return sum(each.memory_held_bytes() for each in prepared)

    async def take(self) -> RestoredEnvironment:
        """An environment that only has to `begin`. Raises SandboxFailed."""
        self._taking += 1
        try:
            return await self._take()
        finally:
            self._taking -= 1
            self.used_last = time.monotonic()

    async def _take(self) -> RestoredEnvironment:
        restored = None
        while self._standing and restored is None:
            candidate = self._standing.popleft()
            if candidate.sound:
                restored = candidate
            else:
                await self._end(candidate)
        restored = restored or await self._make()
        self._in_use = {each for each in self._in_use if not each.closed.is_set()} | {restored}
        self.fill()
        return restored

    async def fork(self) -> Blank:
        """The process 1 of a blank sandbox for the shelf. Raises SandboxFailed."""
        return await self.environment.beget(self._zygote)

    async def furnish(self, blank: Blank, ahead: Ahead) -> None:
        """Have it make its sandbox, in which nothing stands by: its runtime comes from here. Raises SandboxFailed."""
        await self.environment.furnish(blank, self._zygote)

    def fill(self) -> None:
        """See to it that enough environments wait again."""
        if not self._closed and (self._filling is None or self._filling.done()):
            self._filling = asyncio.ensure_future(self._fill())

    async def close(self) -> None:
        """End it, once those of its environments that are in use have ended."""
        self._closed = True
        await asyncio.gather(*(each.closed.wait() for each in self._in_use))
        if self._filling is not None:
            await asyncio.wait([self._filling])
        while self._standing:
            await self._end(self._standing.popleft())
        self.environment.close()
        await self._shelf.close()
        await self.environment.prepared.wait_gone()
        await self._maker.give_back(self.environment.spec)

    async def _fill(self) -> None:
        try:
            while len(self._standing) < _AHEAD and not self._closed:
                self._standing.append(await self._make())
        except SandboxFailed:
            # Whoever asks next is told; here nobody has asked.
            _log.warning("no environment of %s could be forked ahead", self.environment.spec.function, exc_info=True)

    async def _make(self) -> RestoredEnvironment:
        prepared = await self._shelf.take(self.environment.spec.storage_mb)
        restored = await self._maker.assemble_restored(self.environment, prepared)
        try:
            await restored.adopt(self.environment.order)
        except BaseException:
            await self._end(restored)
            raise
        return restored

    async def _end(self, restored: RestoredEnvironment) -> None:
        restored.close()
        await restored.prepared.wait_gone()
        await self._maker.give_back(restored.spec)


class Templates:
    """Templates by what their environments are made from.

    `environments` are those that are initialised and forked, which nobody calls; what is forked from them is not here.
    """

    def __init__(self, maker: Maker, machine: Machine, fresh_name: Callable[[], str]) -> None:
        self._maker = maker
        self._machine = machine
        self._fresh_name = fresh_name
        self.environments = Watched()
        self._made: dict[EnvironmentSpec, asyncio.Task[Template]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def make(self, spec: EnvironmentSpec) -> None:
        """Have a template of *spec*. Raises TemplateFailed, SandboxFailed, RuntimeNotInstalled."""
        task = self._made.get(spec)
        if task is None or (task.done() and (task.cancelled() or task.exception() is not None)):
            task = self._made[spec] = asyncio.ensure_future(self._make(spec))
        await asyncio.shield(task)

    async def take(self, spec: EnvironmentSpec) -> Environment | None:
        """An environment of *spec* that only has to `begin`; None where there is no template."""
        task = self._made.get(spec)
        template = None if task is None else _made(task)
        if template is None:
            return None
        if not template.environment.sound:
            self._forget(spec)
            return None
        return await template.take()

    def knows(self, spec: EnvironmentSpec) -> bool:
        """Whether there is a template, one is being made, or making one has failed."""
        return spec in self._made

    def retire(self, function: FunctionArn) -> None:
        """Forget the templates of *function*, of one version where it is qualified."""
        for spec in list(self._made):
            if spec.function == function.unqualified and function.qualifier in (None, spec.version):
                self._forget(spec)

    def idle(self) -> list[Template]:
        """Those that serve nobody now."""
        return [template for template in map(_made, self._made.values()) if template is not None and template.idle]

    def drop(self, template: Template) -> None:
        """End an idle one, though its version is still there: the next call has it made again."""
        _log.info("the snapshot of %s ends until it is called again", template.environment.spec.function)
        self._forget(template.environment.spec)

    def __bool__(self) -> bool:
        return any(_made(task) is not None for task in self._made.values())

    async def close(self) -> None:
        """End all of them, and give up making others."""
        for task in self._made.values():
            if not task.done():
                task.cancel()
        for spec in list(self._made):
            self._forget(spec)
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _make(self, spec: EnvironmentSpec) -> Template:
        if spec.needs_own_interpreter:
            raise CannotBeForked("its variables need an interpreter of its own, which cannot be forked")
        environment, zygote = await self._maker.assemble_template(spec)
        self.environments.add(environment)
        try:
            await environment.begin()
        except BaseException:
            self.environments.discard(environment)
            environment.close()
            await environment.prepared.wait_gone()
            await self._maker.give_back(spec)
            raise
        template = Template(environment, zygote, self._maker, self._machine, self._fresh_name)
        template.fill()
        return template

    def _forget(self, spec: EnvironmentSpec) -> None:
        ending = asyncio.ensure_future(self._end(self._made.pop(spec)))
        self._ending.add(ending)
        ending.add_done_callback(self._ending.discard)

    async def _end(self, task: asyncio.Task[Template]) -> None:
        try:
            template = await task
        except (TemplateFailed, SandboxFailed, RuntimeNotInstalled, asyncio.CancelledError):
            return
        self.environments.discard(template.environment)
        await template.close()


def _made(task: asyncio.Task[Template]) -> Template | None:
    """What *task* has made, if it has."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()
