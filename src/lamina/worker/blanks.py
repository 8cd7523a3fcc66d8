"""Sandboxes forked ahead of demand: in their namespaces and control groups, with a /tmp, waiting to be told what to be.

Joining a control group takes up to 11 ms on a machine that was idle and a file system for /tmp takes 1; neither is
spent while somebody waits. Nor is what Node.js takes to start: it has been executed in there already, with the options
of functions that were asked for lately.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from lamina.environments.commands import Command
from lamina.sandbox.cgroups import Cgroup
from lamina.sandbox.plan import PROCESSES_MAX
from lamina.sandbox.scratch import Tmp
from lamina.worker.machine import Machine
from lamina.worker.zygotes import Ahead, Blank, SandboxFailed

DEFAULT_STORAGE_MB: Final = 512
# Making a blank takes a processor from the call that has taken the one before it, which mostly is answered by then.
_REPLACED_AFTER_S: Final = 0.02
# Each takes some 5 MB. Where nobody has asked for so long, one has to do for whoever asks next.
_THINNED_AFTER_S: Final = 10.0
_NONE: Final[Mapping[str, str]] = {}
_log = logging.getLogger(__name__)


class Door(Protocol):
    """What answers on a listener that lies inside an environment."""

    def close(self) -> None: ...


@dataclass(slots=True)
class Prepared:
    """A blank sandbox with all that belongs to it."""

    blank: Blank
    cgroup: Cgroup | None
    tmp: Tmp
    uid: int
    give_back: Callable[[Prepared], Awaitable[None]]
    executed: tuple[str, ...] = ()  # what has been executed in it ahead of time, if anything
    overran: bool = False  # the watchdog killed what ran in it
    in_background: bool = False  # what will run in it takes processors that nobody else wants
    door: Door | None = None  # to the server's API, once it is known whose it is
    on_gone: Callable[[], object] | None = None  # what is to be done once its processes are gone
    _gone: asyncio.Future[None] | None = None

    def limit(self, memory_mb: int) -> None:
        if self.cgroup is not None:
            self.cgroup.limit(memory_mb << 20, PROCESSES_MAX, background=self.in_background)

    def freeze(self) -> None:
        """Stop everything in it but process 1."""
        if self.cgroup is not None and self.cgroup.can_freeze:
            self.cgroup.freeze()
        else:
            self.blank.signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self.cgroup is not None and self.cgroup.can_freeze:
            self.cgroup.thaw()
        else:
            self.blank.signal(signal.SIGCONT)

    def memory_held_bytes(self) -> int:
        if self.cgroup is not None:
            with contextlib.suppress(OSError):
                return self.cgroup.memory_held_bytes()
        return 0

    def memory_peak_bytes(self) -> int | None:
        """What was charged to its group at most, files' pages included; None where that is not known."""
        return None if self.cgroup is None else self.cgroup.memory_peak_bytes()

    def out_of_memory_kills(self) -> int:
        if self.cgroup is not None:
            with contextlib.suppress(OSError):
                return self.cgroup.out_of_memory_kills()
        return 0

    def release(self) -> None:
        """End the sandbox; what it held is given back in the background, once its processes are gone."""
        if self.door is not None:
            self.door.close()
        self.blank.close()
        if self._gone is None:
            self._gone = asyncio.ensure_future(self.give_back(self))

    async def wait_gone(self) -> None:
        """Returns once nothing of it is left. Call after `release`."""
        assert self._gone is not None
        await asyncio.shield(self._gone)


class Parent(Protocol):
    """What blanks are forked from."""

    async def fork(self) -> Blank:
        """A process that has used nothing yet. Raises SandboxFailed, OSError."""
        ...

    async def furnish(self, blank: Blank, ahead: Ahead) -> None:
        """Have it do what can be done ahead. Raises SandboxFailed."""
        ...


class Shelf:
    """The blanks of one zygote, or another parent; *ahead* of them are kept ready, and one while nobody asks for any.

    *expected* is how the first function will begin that is asked for, *variables* are what all have that may begin
    early.
    """

    def __init__(
        self,
        parent: Parent,
        machine: Machine,
        ahead: int,
        fresh_name: Callable[[], str],
        expected: Command = Command(),  # noqa: B008 - it is frozen
        variables: Mapping[str, str] = _NONE,
    ) -> None:
        self._parent = parent
        self._machine = machine
        self._cgroups = machine.cgroups
        self._scratch = machine.scratch
        self._uids = machine.uids
        self._ahead = ahead
        self._fresh_name = fresh_name
        self._expected = expected
        self._variables = variables
        self._ready: deque[Prepared] = deque()
        self._filling: asyncio.Task[None] | None = None
        self._fill_later: asyncio.TimerHandle | None = None
        self._thin_later: asyncio.TimerHandle | None = None
        self._thinned = False
        self._returning: set[asyncio.Task[None]] = set()
        self._closed = False

    async def take(self, storage_mb: int, command: Command | None = None) -> Prepared:
        """A blank with a /tmp of *storage_mb*, if possible one where *command* has been executed. Raises SandboxFailed.

        It is replaced by one for the same command, so that those of several functions that take turns stand ready.
        """
        if command is not None:
            self._expected = command
        self._keep_all()
        prepared = self._alive() or await self._prepare(waited=True)
        self._replace()
        if storage_mb != DEFAULT_STORAGE_MB:
            try:
                prepared.tmp.remove()
                prepared.tmp = await self._tmp(self._fresh_name(), storage_mb)
            except BaseException:
                prepared.release()
                raise
        return prepared

    def _alive(self) -> Prepared | None:
        """A blank that stands ready, and has not been killed while it stood there; the best of them."""
        while self._ready:
            wanted = self._executed_ahead()
            prepared = next((each for each in self._ready if each.executed == wanted), self._ready[0])
            self._ready.remove(prepared)
            if not prepared.blank.gone:
                return prepared
            prepared.release()
        return None

    def _replace(self) -> None:
        """Have what was taken replaced: at once where nothing is left after others were taken, too."""
        if not (self._ready or self._thinned):
            self.fill()
        elif self._fill_later is None:
            self._fill_later = asyncio.get_running_loop().call_later(_REPLACED_AFTER_S, self.fill)

    def fill(self) -> None:
        """See to it that enough blanks stand ready again."""
        if self._fill_later is not None:
            self._fill_later.cancel()
            self._fill_later = None
        self._thinned = False
        if not self._closed and (self._filling is None or self._filling.done()):
            self._filling = asyncio.ensure_future(self._fill())

    async def close(self) -> None:
        """End the blanks, and wait until everything that was ever taken is given back."""
        self._closed = True
        self._keep_all()
        if self._fill_later is not None:
            self._fill_later.cancel()
        if self._filling is not None:
            # Not cancelled: what a thread of it is making would be nobody's.
            await asyncio.wait([self._filling])
        while self._ready:
            self._ready.popleft().release()
        # A release begins its task on the loop's next turn.
        await asyncio.sleep(0)
        if self._returning:
            await asyncio.gather(*self._returning, return_exceptions=True)

    async def _fill(self) -> None:
        try:
            while len(self._ready) < self._ahead and not self._closed:
                self._ready.append(await self._prepare())
            if len(self._ready) > 1 and not self._closed:
                self._keep_all()
                self._thin_later = asyncio.get_running_loop().call_later(_THINNED_AFTER_S, self._thin)
        except SandboxFailed:
            # Whoever asks next is told; here nobody has asked.
            _log.warning("no environment could be made ready ahead of demand", exc_info=True)

    def _keep_all(self) -> None:
        if self._thin_later is not None:
            self._thin_later.cancel()
            self._thin_later = None

    def _thin(self) -> None:
        self._thin_later, self._thinned = None, True
        while len(self._ready) > 1:
            self._ready.pop().release()

    async def _prepare(self, *, waited: bool = False) -> Prepared:
        uid = self._uids.take()
        name = self._fresh_name()
        try:
            tmp = await self._tmp(name, DEFAULT_STORAGE_MB)
            try:
                blank = await self._fork()
            except BaseException:
                tmp.remove()
                raise
        except BaseException:
            self._uids.give_back(uid)
            raise
        prepared = Prepared(blank, None, tmp, uid, self._give_back)
        try:
            if self._cgroups is not None:
                prepared.cgroup = self._cgroups.create(name)
                await asyncio.to_thread(prepared.cgroup.join, blank.pid)
            prepared.executed = self._executed_ahead()
            await self._parent.furnish(blank, Ahead(uid, prepared.executed, self._variables, waited))
            if prepared.cgroup is not None and blank.inhabitant is not None:
                await asyncio.to_thread(prepared.cgroup.join, blank.inhabitant)
        except BaseException as error:
            # A process runs already: what it has is free once that is gone, and not before.
            prepared.release()
            if isinstance(error, OSError):
                raise SandboxFailed(f"a control group could not be had: {error}") from error
            raise
        return prepared

    def _executed_ahead(self) -> tuple[str, ...]:
        return self._expected.argv if self._expected.early else ()

    async def _fork(self) -> Blank:
        try:
            return await self._parent.fork()
        except OSError as error:
            raise SandboxFailed(f"a sandbox could not be made: {error}") from error

    async def _tmp(self, name: str, size_mb: int) -> Tmp:
        ready = self._scratch.ready(size_mb)
        if ready is not None:
            return ready
        try:
            return await asyncio.to_thread(self._scratch.create, name, size_mb)
        except (OSError, subprocess.SubprocessError) as error:
            raise SandboxFailed(f"no /tmp of {size_mb} MB could be made: {error}") from error

    async def _give_back(self, prepared: Prepared) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._returning.add(task)
        try:
            await prepared.blank.wait_gone()
            if prepared.on_gone is not None:
                prepared.on_gone()
            if prepared.cgroup is not None and not prepared.cgroup.put_back():
                await _removed(prepared.cgroup)
            # Where others run as the same user, one may have been in there: a template that keeps its /tmp open.
            if self._uids.shared or not prepared.tmp.put_back():
                await asyncio.to_thread(prepared.tmp.remove)
            self._uids.give_back(prepared.uid)
        finally:
            self._returning.discard(task)


async def _removed(cgroup: Cgroup) -> None:
    """Remove *cgroup*; the kernel counts a process for a moment after its parent has buried it."""
    delay = 0.001
    while not cgroup.remove():
        if delay > 2:
            _log.warning("a control group could not be removed; the next start will do it")
            return
        await asyncio.sleep(delay)
        delay *= 2
