"""An environment whose runtime is all there is in it: nobody in there obeys the worker, until somebody has to.

The first process of such an environment became the runtime itself, which saves most of what a second one costs. What
the worker wants of one that serves it and is ended it can do from outside: stop it, let it go on, end it. Whatever else
there may be to do, to start it again after a crash above all, is done by an attendant, which the zygote forks into the
environment's namespaces when it is asked for the first time. Nobody in the environment sees that one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from lamina.sandbox import kernel_files
from lamina.sandbox.cgroups import Cgroup
from lamina.sandbox.plan import Limits
from lamina.worker.channel import Channel, ChannelClosed
from lamina.worker.zygotes import Blank, SandboxFailed, Zygote

_GO: Final = {"go": True}
# Whoever begets faster than it can be looked at is not waited for.
_LOOKS_MAX: Final = 50


class LoneRuntime:
    """The worker's hold on *blank*, of *zygote*, whose first process has become a runtime of user *uid* in *limits*.

    *ended* is told how that has ended. What an attendant starts belongs to *cgroup*.
    """

    def __init__(
        self,
        zygote: Zygote,
        blank: Blank,
        uid: int,
        limits: Limits,
        cgroup: Cgroup | None,
        ended: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._zygote = zygote
        self._blank = blank
        self._uid = uid
        self._limits = limits
        self._cgroup = cgroup
        self._ended = ended
        self.runtime: int | None = blank.pid
        self._attended: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._waiting: list[dict[str, Any]] = []
        self._channel: Channel | None = None
        self._attendant = 0
        self._summoning: asyncio.Task[None] | None = None
        if blank.end is not None:
            self.runtime_ended(blank.end)

    async def wait_attended(self) -> bool:
        """Returns once the blank's channel leads to an attendant; False when the environment is gone."""
        attended = await asyncio.shield(self._attended)
        # That of an attendant ends with the environment.
        self._attended = asyncio.get_running_loop().create_future()
        self._attended.set_result(False)
        return attended

    def order(self, message: dict[str, Any], fds: Sequence[int]) -> None:
        """Have an attendant do something. Raises ChannelClosed."""
        if self._channel is not None:
            self._channel.send(message, fds)
            return
        if self._attended.done():
            raise ChannelClosed
        assert not fds, "who is waited for takes no descriptors"
        self._waiting.append(message)
        self._call()

    def _call(self) -> None:
        if self._summoning is None:
            self._summoning = asyncio.ensure_future(self._summon())

    def signal(self, number: int) -> None:
        """Send a signal to everything in there. Raises ChannelClosed, OSError."""
        if self.runtime is not None:
            self.signal_runtime(number)
            # Stopped, it begets no more.
            if self._summoning is None and not self._has_others():
                return
        if self._cgroup is None:
            self.order({"do": "signal", "number": number}, ())
            return
        if number == signal.SIGKILL:
            # Or some would beget as fast as others are killed.
            self._signal_members(self._cgroup, signal.SIGSTOP)
        self._signal_members(self._cgroup, number)

    def _signal_members(self, cgroup: Cgroup, number: int) -> None:
        """Send a signal to all in *cgroup*, until there is nobody else.

        An attendant would have to fork for it, for which there may be no room, and to enter the pid namespace, where
        what it forked is to be seen.
        """
        done = {self._attendant}
        for _ in range(_LOOKS_MAX):
            found = set(cgroup.processes()) - done
            if not found:
                return
            _signal_each(cgroup, found, number)
            done |= found

    def signal_runtime(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._blank.pidfd, number)

    def runtime_ended(self, end: Mapping[str, Any]) -> None:
        """The runtime has ended: kill what it has left behind, and say so. With process 1, it was the environment."""
        self.runtime = None
        if not self._blank.ended:
            # Nothing of it goes on under the next one.
            with contextlib.suppress(ChannelClosed, OSError):
                self.signal(signal.SIGKILL)
            if not self._attended.done():
                self._call()
            self._tell_later(end)

    def _tell_later(self, end: Mapping[str, Any]) -> None:
        if self._summoning is None or self._summoning.done():
            self._ended(end)
        else:
            self._summoning.add_done_callback(lambda _: None if self._blank.ended else self._ended(end))

    def lose(self) -> None:
        """It is gone, with its zygote."""
        self.runtime = None
        if not self._attended.done():
            self._attended.set_result(False)

    def close(self) -> None:
        """It is about to end."""
        self.lose()

    async def wait_closed(self) -> None:
        """Returns once nobody is being brought into it any more. Call after `close`."""
        if self._summoning is not None:
            await asyncio.wait([self._summoning])

    async def _summon(self) -> None:
        if self._is_over():
            return
        try:
            channel, pid = await self._zygote.attend(self._blank, self._uid, self._limits)
        except SandboxFailed:
            # Process 1 has ended, or there is no room for another.
            self.lose()
            return
        self._attendant = pid
        try:
            if self._cgroup is not None and not self._is_over():
                await asyncio.to_thread(self._cgroup.join, pid)
            if self._is_over():
                channel.close()
                return
            for message in (_GO, *self._waiting):
                channel.send(message)
        except (OSError, ChannelClosed):
            channel.close()
            self.lose()
            return
        except BaseException:
            channel.close()
            raise
        self._channel = self._blank.channel = channel
        self._blank.pid = pid
        self._attended.set_result(True)

    def _is_over(self) -> bool:
        """Whether it is ended, or lost."""
        return self._blank.ended or self._attended.done()

    def _has_others(self) -> bool:
        """Whether there are processes beside the runtime and process 1."""
        for pid in (self._blank.pid, kernel_files.process_of(self._blank.process_1)):
            try:
                threads = os.listdir(f"/proc/{pid}/task")
                if any(kernel_files.read(f"/proc/{pid}/task/{thread}/children") for thread in threads):
                    return True
            except OSError:
                # It ends.
                continue
        return False


def _signal_each(cgroup: Cgroup, pids: Iterable[int], number: int) -> None:
    """Send a signal to those of *pids* that are in *cgroup* still: others may have their numbers meanwhile."""
    with contextlib.ExitStack() as opened:
        pidfds = {}
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                pidfds[pid] = os.pidfd_open(pid)
                opened.callback(os.close, pidfds[pid])
        for pid in pidfds.keys() & set(cgroup.processes()):
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(pidfds[pid], number)
