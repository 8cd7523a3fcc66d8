"""The two kinds of environment of preloaded layers: the template, and those its children have moved into.

They are SnapStart's (`restored`) but for the order of things: a child moves in before it is known for which function,
and stands by there as one does that a zygote has forked. What is left to do when a call needs it is what always is.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from lamina.runtime_api.pipes import Talk, make_talk
from lamina.sandbox.contents import Operation
from lamina.worker.channel import ChannelClosed
from lamina.worker.processes import RUNTIME, child_of
from lamina.worker.restored import ForkedEnvironment, TemplateEnvironment
from lamina.worker.zygotes import Blank, SandboxEnded, SandboxFailed, Zygote

_MOVE_SECONDS_MAX: Final = 10


class PreloadTemplate(TemplateEnvironment):
    """An environment that has imported modules, and then is only forked.

    *plan_mounts* says how a sandbox becomes one with its layers.
    """

    plan_mounts: Callable[[], Sequence[Operation]]

    @property
    def variables(self) -> Mapping[str, str]:
        """What the modules were imported with."""
        return self._assignment.variables

    async def furnish(self, blank: Blank, zygote: Zygote) -> None:
        """Have what was begotten make its sandbox, and a child of this move in and stand by. Raises SandboxFailed."""
        await super().furnish(blank, zygote)
        ours, theirs = make_talk()
        try:
            orders_read, orders_write = os.pipe2(os.O_CLOEXEC)
            try:
                try:
                    self.order(b"{}", (*blank.entrance, orders_read, *theirs))
                finally:
                    for fd in (orders_read, *theirs):
                        os.close(fd)
                blank.close_entrance()
                blank.inhabitant = await self._wait_standing(blank, ours, orders_write)
            finally:
                os.close(orders_write)
        except BaseException:
            ours.close()
            raise
        blank.frames = ours

    def _order_to_furnish(self) -> Mapping[str, Any]:
        return {"inhabited": self.plan_mounts()}

    async def _wait_standing(self, blank: Blank, talk: Talk, orders: int) -> int:
        """The process that stands by in *blank*, as the host counts, once it does."""
        try:
            async with asyncio.timeout(_MOVE_SECONDS_MAX):
                await _wait_said(talk.hearing)
                if not os.read(talk.hearing, 1):
                    raise SandboxEnded("what was to move into an environment has ended on the way")
                blank.channel.send({"do": "adopt", "name": RUNTIME}, (orders,))
                message = (await blank.channel.receive()).message
        except (ChannelClosed, OSError, TimeoutError) as error:
            raise SandboxEnded(f"nothing has moved into an environment: {error}") from error
        if "failed" in message:
            raise SandboxFailed(message["failed"])
        pid = child_of(blank.pid, message["standing"])
        if not pid:
            raise SandboxFailed("this kernel does not tell which process has moved into an environment")
        return pid


async def _wait_said(hearing: int) -> None:
    """Returns once there is something to read, or the other end is closed."""
    loop, said = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(hearing, said.set)
    try:
        await said.wait()
    finally:
        loop.remove_reader(hearing)


class PreloadedEnvironment(ForkedEnvironment):
    """A function's environment in which modules of its layers were imported before. *unsuited* hears if none begins."""

    unsuited: Callable[[str], None]

    async def begin(self) -> None:
        try:
            await super().begin()
            if self._generation is None:
                # AWS begins anew then, within the first event's time: the next environment will.
                raise SandboxEnded("its initialisation takes too long")
        except SandboxFailed as error:
            self.unsuited(str(error))
            raise SandboxEnded(str(error)) from error
