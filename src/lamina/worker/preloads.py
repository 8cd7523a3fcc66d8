"""Preloaded layers: templates that have imported modules of layers, and the sandboxes their children stand by in.

One account's functions of a runtime with the same layers share a template (`environments.preloading` says which may).
It is made when the first of them starts, which does not wait for it; it goes when none has begun from it for long.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from lamina.environments.preloading import Findings, Source, brought, layer_folders, template_variables
from lamina.environments.spec import EnvironmentSpec
from lamina.sandbox.plan import plan_inhabited
from lamina.sandbox.scratch import FolderScratch
from lamina.worker.blanks import DEFAULT_STORAGE_MB, Shelf
from lamina.worker.environment import Environment
from lamina.worker.machine import Machine
from lamina.worker.making import Maker
from lamina.worker.preloaded import PreloadedEnvironment, PreloadTemplate
from lamina.worker.restored import CannotBeForked, TemplateFailed
from lamina.worker.runtimes import RuntimeNotInstalled
from lamina.worker.uids import Uids
from lamina.worker.zygotes import Ahead, Blank, SandboxFailed, Zygote

_AHEAD: Final = 2
# Longer than an idle environment is kept by default: what it serves may be called once in a while.
_KEPT_SECONDS: Final = 1800
# What is remembered of specs and of layers that came and went; to look at either again takes a millisecond.
_JUDGED_MAX: Final = 256
_FRUITLESS_MAX: Final = 256
# The largest /tmp there is.
_STORAGE_MB_MAX: Final = 10240
_log = logging.getLogger(__name__)


class Preload:
    """One template, and sandboxes in which its children stand by."""

    def __init__(
        self,
        source: Source,
        environment: PreloadTemplate,
        zygote: Zygote,
        maker: Maker,
        machine: Machine,
        fresh_name: Callable[[], str],
    ) -> None:
        self.source = source
        self.environment = environment
        self._zygote = zygote
        self._maker = maker
        # All of one template's environments are its user's, each in a user namespace of its own.
        own = replace(machine, uids=Uids(environment.prepared.uid, 1, shared=True))
        self._shelf = Shelf(self, own, _AHEAD, fresh_name)
        self._in_use: set[PreloadedEnvironment] = set()
        self._taking = 0
        self._findings = Findings.of(environment.report)
        # Why an environment of that spec does not begin from here; "" where it does.
        self._hindrances: dict[EnvironmentSpec, str] = {}
        self.used_last = time.monotonic()

    @property
    def idle(self) -> bool:
        """Whether nothing that was forked from it is in use, or about to be."""
        return not self._taking and all(each.closed.is_set() for each in self._in_use)

    @property
    def lasting(self) -> bool:
        """Whether it stays while there is memory."""
        return time.monotonic() - self.used_last < _KEPT_SECONDS

    @property
    def held_bytes(self) -> int:
        """What it holds of memory itself."""
        return self.environment.prepared.memory_held_bytes()

    async def take(self, spec: EnvironmentSpec, files: Callable[[], list[str]]) -> PreloadedEnvironment | None:
        """An environment of *spec*, still to `begin`; None where it may not begin from here. Raises SandboxFailed.

        *files* lists the root of its code.
        """
        self._taking += 1
        try:
            if spec not in self._hindrances:
                if len(self._hindrances) >= _JUDGED_MAX:
                    self._hindrances.clear()
                self._hindrances[spec] = await self._judge(spec, files)
            if self._hindrances[spec]:
                return None
            prepared = await self._shelf.take(spec.storage_mb)
            environment = await self._maker.assemble_inhabited(PreloadedEnvironment, spec, prepared)
        finally:
            self._taking -= 1
            self.used_last = time.monotonic()
        environment.closed = asyncio.Event()
        environment.unsuited = functools.partial(self._unsuited, spec)
        self._in_use = {each for each in self._in_use if not each.closed.is_set()} | {environment}
        return environment

    async def fork(self) -> Blank:
        """The process 1 of a blank sandbox for the shelf. Raises SandboxFailed."""
        return await self.environment.beget(self._zygote)

    async def furnish(self, blank: Blank, ahead: Ahead) -> None:
        """Have it make its sandbox, in which a child of the template stands by. Raises SandboxFailed."""
        await self.environment.furnish(blank, self._zygote)

    def fill(self) -> None:
        """See to it that children stand by."""
        self._shelf.fill()

    async def close(self) -> None:
        """End it, once those of its environments that are in use have ended."""
        await asyncio.gather(*(each.closed.wait() for each in self._in_use))
        await self._shelf.close()
        self.environment.close()
        await self.environment.prepared.wait_gone()
        await self._maker.give_back(self.environment.spec)

    async def _judge(self, spec: EnvironmentSpec, files: Callable[[], list[str]]) -> str:
        await self._maker.hold(spec)
        try:
            why = self._findings.prevents(spec, files(), self.environment.variables) or ""
        finally:
            await self._maker.give_back(spec)
        if why:
            _log.info("environments of %s do without preloaded layers: %s", spec.function, why)
        return why

    def _unsuited(self, spec: EnvironmentSpec, why: str) -> None:
        self._hindrances[spec] = why
        _log.warning("an environment of %s did not begin from preloaded layers: %s", spec.function, why)


class Preloads:
    """Templates by what they are made from, which import those of *modules* that the layers bring.

    *trees* is the folder of extracted archives; the templates themselves are among the *environments*.
    """

    def __init__(
        self,
        modules: tuple[str, ...],
        trees: Path,
        maker: Maker,
        machine: Machine,
        fresh_name: Callable[[], str],
        environments: set[Environment],
    ) -> None:
        self._modules = modules
        self._trees = trees
        self._maker = maker
        self._machine = machine
        self._fresh_name = fresh_name
        self._environments = environments
        self._made: dict[Source, asyncio.Task[Preload | None]] = {}
        self._ending: set[asyncio.Task[None]] = set()

    async def take(self, spec: EnvironmentSpec) -> Environment | None:
        """An environment of *spec*, still to `begin`, with modules of its layers imported; None where there is none."""
        source = Source.of(spec)
        if source is None:
            return None
        task = self._made.get(source)
        if task is None:
            self._forget_fruitless()
            self._made[source] = asyncio.ensure_future(self._make(source))
            return None
        preload = _made(task)
        if preload is None:
            return None
        if not preload.environment.sound:
            self.drop(preload)
            return None
        try:
            return await preload.take(spec, lambda: self._list(spec.code.hex))
        except (SandboxFailed, OSError) as error:
            _log.warning("%s does without preloaded layers: %s", spec.function, error)
            return None

    def idle(self) -> list[Preload]:
        """Those that serve nobody now."""
        return [preload for preload in map(_made, self._made.values()) if preload is not None and preload.idle]

    def drop(self, preload: Preload) -> None:
        """End one, when what was forked from it has ended: the next start has it made again."""
        task = self._made.pop(preload.source, None)
        if task is not None:
            ending = asyncio.ensure_future(self._end(task))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)

    def __bool__(self) -> bool:
        return any(_made(task) is not None for task in self._made.values())

    async def close(self) -> None:
        """End all of them, and give up making others."""
        made = list(self._made.values())
        self._made.clear()
        for task in made:
            if not task.done():
                task.cancel()
        await asyncio.gather(*map(self._end, made), *self._ending, return_exceptions=True)

    def _forget_fruitless(self) -> None:
        """Every version of a layer is another source, of which there may never be a template."""
        fruitless = [source for source, task in self._made.items() if task.done() and _made(task) is None]
        if len(fruitless) >= _FRUITLESS_MAX:
            for source in fruitless:
                del self._made[source]

    async def _make(self, source: Source) -> Preload | None:
        """A template of *source*; None where there can be none, which is said once."""
        try:
            return await self._try(source)
        except TemplateFailed as error:
            _log.warning("functions with the layers %s start as always: %s", _layers(source), error)
        except (SandboxFailed, RuntimeNotInstalled, OSError) as error:
            _log.warning("no layers could be preloaded for %s: %s", _layers(source), error)
            # The machine may be able to, another time.
            self._made.pop(source, None)
        return None

    async def _try(self, source: Source) -> Preload | None:
        bounded = not isinstance(self._machine.scratch, FolderScratch)
        spec = source.template(DEFAULT_STORAGE_MB if bounded else _STORAGE_MB_MAX)
        await self._maker.hold(spec)
        try:
            preload = await self._import(source, spec)
        except BaseException:
            await self._maker.give_back(spec)
            raise
        if preload is None:
            await self._maker.give_back(spec)
        return preload

    async def _import(self, source: Source, spec: EnvironmentSpec) -> Preload | None:
        modules = self._choose(source)
        if not modules:
            return None
        told = functools.partial(template_variables, source, modules)
        environment, zygote = await self._maker.assemble_template_of(PreloadTemplate, spec, told)
        layers = [layer.hex for layer in source.layers]
        environment.plan_mounts = lambda: plan_inhabited(layers, self._maker.find_byte_code(spec))
        self._environments.add(environment)
        try:
            await environment.begin()
            preload = Preload(source, environment, zygote, self._maker, self._machine, self._fresh_name)
        except BaseException as error:
            self._environments.discard(environment)
            environment.close()
            await environment.prepared.wait_gone()
            if isinstance(error, LookupError | TypeError):
                raise CannotBeForked("what it says of its imports cannot be read") from error
            raise
        preload.fill()
        return preload

    def _choose(self, source: Source) -> tuple[str, ...]:
        """The modules that its layers bring."""
        folders = [f"{layer.hex}/{folder}" for layer in source.layers for folder in layer_folders(source.runtime)]
        return brought(self._modules, [name for folder in folders for name in self._list(folder)])

    def _list(self, folder: str) -> list[str]:
        """The names in a folder below that of all trees; none where it is missing."""
        try:
            return os.listdir(self._trees / folder)
        except (FileNotFoundError, NotADirectoryError):
            return []

    async def _end(self, task: asyncio.Task[Preload | None]) -> None:
        try:
            preload = await task
        except asyncio.CancelledError:
            return
        if preload is not None:
            self._environments.discard(preload.environment)
            await preload.close()


def _made(task: asyncio.Task[Preload | None]) -> Preload | None:
    """What *task* has made, if it has."""
    if not task.done() or task.cancelled() or task.exception() is not None:
        return None
    return task.result()


def _layers(source: Source) -> str:
    return ", ".join(layer.hex[:12] for layer in source.layers)
