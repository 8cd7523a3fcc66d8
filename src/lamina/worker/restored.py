"""SnapStart's two kinds of environment: the template, which is initialised once, and those that are forked from it.

A template waits, initialised, for orders; it never sees an event. Each order moves a child of it into a blank sandbox
made for that, whose process 1 then takes it for its runtime. There it waits to be restored: that is what is left to do
when a call needs it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from lamina.invocations import calls
from lamina.invocations.calls import Invocation, Outcome
from lamina.runtime_api.session import InitFailed
from lamina.worker.channel import ChannelClosed
from lamina.worker.environment import Environment
from lamina.worker.happenings import Exited, Failure, TimeIsUp, verdict
from lamina.worker.platform_log import SUCCESS
from lamina.worker.processes import Assigned
from lamina.worker.zygotes import Blank, SandboxEnded, SandboxFailed, Zygote, born

# AWS's limits: of the initialisation before a snapshot, and of the hooks behind a restore.
TEMPLATE_SECONDS_MAX: Final = 130
RESTORE_SECONDS_MAX: Final = 10
_ADOPT_SECONDS_MAX: Final = 10
_REPORT_BYTES_MAX: Final = 64 * 1024
_COMPLAINT_BYTES_MAX: Final = 4096
# Two listeners, six namespaces and the log: what a blank that others may enter hands over; but not the host's network.
_DESCRIPTORS: Final = 9
_NETWORK: Final = 2  # which of the namespaces
# The descriptor on which a template hears what to do.
_ORDERS: Final = {"_LAMINA_TEMPLATE_FD": "64"}
# What no two environments have in common.
_OWN_VARIABLES: Final = (
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    # Where the network is the host's, these are at other ports each time.
    "AWS_LAMBDA_RUNTIME_API",
    "AWS_ENDPOINT_URL",
)
_PROCESSES: Final = "RLIMIT_NPROC"

Order = Callable[[bytes, Sequence[int]], None]


class TemplateFailed(Exception):
    """The function could not be initialised; the text says why."""


class CannotBeForked(TemplateFailed):
    """It can be initialised, but only where it is to run."""


class TemplateEnvironment(Environment):
    """An environment that is initialised, and then only forked."""

    # What it said once it was ready.
    report: Mapping[str, Any]
    _orders: socket.socket | None = None
    _report = -1
    _begotten: tuple[Blank, ...] = ()

    async def begin(self) -> None:
        """Initialise it. Raises SandboxFailed, and TemplateFailed where that is the function's fault."""
        tmp = self.prepared.tmp
        mounts = () if tmp.mount_fd is None else (tmp.mount_fd,)
        self.idle = False
        self._cast = replace(
            self._cast,
            held=True,
            runtime=replace(self._cast.runtime, variables={**self._cast.runtime.variables, **_ORDERS}),
        )
        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Nothing is sent back on it, descriptors least of all (`lamina.runtime_api.pipes`); the report comes by a pipe.
        self._orders.shutdown(socket.SHUT_RD)
        self._orders.setblocking(False)
        # What does not fit it is cut off, not waited for.
        self._report, report = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        began = time.perf_counter()
        with theirs:
            try:
                self.prepared.limit(self.spec.memory_mb)
                self._listening = self._loop.create_task(self._processes.listen())
                generation = self._renew("init")
                assignment = self._assignment
                self._processes.start_template(
                    self._cast.runtime, assignment.mounts, assignment.seal, (theirs.fileno(), report, *mounts)
                )
                tmp.handed_over()
            except (ChannelClosed, OSError) as error:
                raise SandboxEnded(f"a template ended while it was assigned: {error}") from error
            finally:
                os.close(report)
        failure = await generation.wait_runtime(self._loop.time() + TEMPLATE_SECONDS_MAX)
        self.log.drain()
        ended = SUCCESS if failure is None else verdict(failure)
        self.platform.init_ended("init", (time.perf_counter() - began) * 1000, ended)
        self.log.flush()
        if failure is not None:
            raise TemplateFailed(_complaint(failure))
        self._check_report()

    def _check_report(self) -> None:
        try:
            self.report = json.loads(os.read(self._report, _REPORT_BYTES_MAX))
            hindrances = [str(each) for each in self.report["hindrances"]]
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise CannotBeForked("the runtime did not say whether it can be forked") from error
        if hindrances:
            raise CannotBeForked("; ".join(hindrances)[:_COMPLAINT_BYTES_MAX])

    async def beget(self, zygote: Zygote) -> Blank:
        """Process 1 of a sandbox that a child of this may enter, still to be furnished. Raises SandboxFailed."""
        uid, mode = self.prepared.uid, zygote.plan.network
        # In the user namespace of an ordinary user's server there is one id, root's, and all are that.
        owner = 0 if self._assignment.seal.user_namespace else uid
        led = "led" if mode == "outbound" else mode
        order = {"do": "beget", "owner": owner, "seen_as": uid, "network": led}
        blank = await born(self.prepared.blank.channel, order, self.spec.runtime)
        self._begotten = (*(each for each in self._begotten if not each.ended), blank)
        return blank

    async def furnish(self, blank: Blank, zygote: Zygote) -> None:
        """Have what was begotten make its sandbox, in a network like its own. Raises SandboxFailed."""
        mode = zygote.plan.network
        await blank.furnish(self._order_to_furnish(), _DESCRIPTORS - 1 if mode == "host" else _DESCRIPTORS)
        if mode == "outbound":
            await zygote.lead(blank.entrance[_NETWORK])

    def _order_to_furnish(self) -> Mapping[str, Any]:
        return {}

    def apart(self) -> Collection[int]:
        return [blank.pid for blank in self._begotten if not blank.ended]

    def order(self, message: bytes, entrance: Sequence[int]) -> None:
        """Have a child enter the sandbox with these descriptors. Raises SandboxEnded."""
        assert self._orders is not None
        try:
            socket.send_fds(self._orders, [message], list(entrance))
        except OSError as error:
            raise SandboxEnded(f"a template takes no order: {error}") from error

    def close(self) -> None:
        if self._orders is not None:
            self._orders.close()
        if self._report != -1:
            os.close(self._report)
            self._report = -1
        super().close()


class ForkedEnvironment(Environment):
    """An environment whose runtime comes from a template. After a failure it is not used again: a new one is faster.

    It is `closed` some time after it was begun with.
    """

    closed: asyncio.Event

    async def invoke(self, invocation: Invocation) -> Outcome:
        outcome = await super().invoke(invocation)
        if self._generation is None or self._generation.failure is not None:
            self.usable = False
        return outcome

    def close(self) -> None:
        super().close()
        self.closed.set()

    def _exited(self, extension: str | None, report: Mapping[str, Any]) -> None:
        super()._exited(extension, report)
        if self.idle:
            self.usable = False


class RestoredEnvironment(ForkedEnvironment):
    """One that only has to be restored."""

    async def adopt(self, order: Order) -> None:
        """Assign the blank, and have the template's child move in. Raises SandboxFailed."""
        tmp = self.prepared.tmp
        mounts = () if tmp.mount_fd is None else (tmp.mount_fd,)
        self.closed = asyncio.Event()
        self._cast = replace(self._cast, held=True)
        self._standing: asyncio.Future[None] = self._loop.create_future()
        deadline = self._loop.time() + _ADOPT_SECONDS_MAX
        try:
            self.prepared.limit(self.spec.memory_mb)
            self._processes.assign(self._assignment.mounts, self._assignment.seal, mounts)
            self._listening = self._loop.create_task(self._processes.listen())
            generation = self._renew("restore")
            async with asyncio.timeout_at(deadline):
                # Who comes earlier would copy the template's /tmp to itself.
                await self._standing
            tmp.handed_over()
            order(self._own_variables(), self.prepared.blank.entrance)
            self.prepared.blank.close_entrance()
            failure = await generation.wait_runtime(deadline)
            if failure is not None:
                raise SandboxFailed(f"an environment could not be restored: {_complaint(failure)}")
            async with asyncio.timeout_at(deadline):
                await self._processes.adopt_runtime()
            if self.prepared.cgroup is not None:
                if not self._processes.runtime_pid:
                    # To the kernel 0 is whoever writes it: the server would join.
                    raise SandboxEnded("an environment's runtime could not be found: it ended before it was restored")
                await asyncio.to_thread(self.prepared.cgroup.join, self._processes.runtime_pid)
        except (ChannelClosed, OSError, TimeoutError) as error:
            raise SandboxEnded(f"an environment ended before it was restored: {error}") from error

    async def begin(self) -> None:
        """Restore it: the runtime's hooks run, and it asks for its first event."""
        generation = self._generation
        assert generation is not None
        began = time.perf_counter()
        failure = await generation.restore(self._loop.time() + RESTORE_SECONDS_MAX)
        self._restore_ms = (time.perf_counter() - began) * 1000
        self.log.drain()
        self.platform.restore_ended(self._restore_ms, SUCCESS if failure is None else verdict(failure))
        if failure is not None:
            self._stillborn = failure
            self.usable = False
        self.log.flush()
        self.idle = True
        self._freezer.soon()

    def _own_variables(self) -> bytes:
        variables = self._assignment.variables
        own = {name: variables[name] for name in _OWN_VARIABLES if name in variables}
        seal = self._assignment.seal
        # The one that a template cannot have where all of them share a user namespace.
        limits = {_PROCESSES: seal.limits[_PROCESSES]} if seal.user_namespace else {}
        return json.dumps({"environ": own, "limits": limits}).encode()

    def _assigned(self, assigned: Assigned) -> None:
        super()._assigned(assigned)
        if not self._standing.done():
            self._standing.set_result(None)


def _complaint(failure: Failure) -> str:
    if isinstance(failure, InitFailed):
        return failure.payload[:_COMPLAINT_BYTES_MAX].decode(errors="replace")
    if isinstance(failure, Exited):
        return calls.describe_end(failure.end)[1]
    if isinstance(failure, TimeIsUp):
        return "it took too long"
    return failure.text
