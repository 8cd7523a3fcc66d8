"""The worker's side of a zygote: started once for a runtime, asked for new environments."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol

from lamina.runtime_api.pipes import Talk
from lamina.sandbox import kernel_files
from lamina.sandbox.contents import Operation
from lamina.sandbox.network import Mode, Router
from lamina.sandbox.plan import Limits, Seal
from lamina.worker.channel import Channel, ChannelClosed, Packet

_GUEST: Final = Path(__file__).parent.parent / "guest"
_ENTER: Final = "import sys; sys.path.insert(0, sys.argv[1]); from guest.enter import main; main()"
_ZYGOTE: Final = (
    "import sys; sys.path.insert(0, '/.lamina/lib'); from lamina_guest.zygote import main; main(int(sys.argv[1]))()"
)
_START_SECONDS_MAX: Final = 30
_log = logging.getLogger(__name__)


class SandboxFailed(Exception):
    """A sandbox could not be made; the text names the step and what the kernel said."""


class SandboxEnded(SandboxFailed):
    """It ended before it could be used, for no fault of its plan; another one may do."""


@dataclass(frozen=True, slots=True)
class ZygotePlan:
    """All a zygote is started from."""

    runtime: str
    operations: tuple[tuple[str, ...], ...]
    mount_point: Path
    user_namespace: bool
    environ: dict[str, str]
    executable: str  # inside
    options: tuple[str, ...] = ()  # of the interpreter
    seal: Seal | None = None  # of every environment's processes, whoever they will be
    processes: tuple[Operation, ...] = ()  # mounts that every environment makes for itself
    switches: tuple[Operation, ...] = ()  # those it makes when it has set what is the kernel's
    search_path: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    forget: tuple[str, ...] = ()
    read_ahead: tuple[str, ...] = ()  # of the standard library, for whoever imports it
    folders: tuple[str, ...] = ()  # of an environment, from which modules will be imported
    rehearsal: str = ""  # the module whose `rehearse` makes a fork quicker that waits for its order
    program: str = ""  # what a fork of it will run, read ahead; none where it executes something else
    network: Mode = "none"
    router: Router | None = None


@dataclass(frozen=True, slots=True)
class Ahead:
    """What can be done in an environment before it is known for which function it is.

    Its runtime's process is forked for user *uid*, and executes *argv*, where that is not empty, with *variables*. One
    that is *waited* for does nothing that only pays where nobody waits.
    """

    uid: int
    argv: tuple[str, ...]
    variables: Mapping[str, str]
    waited: bool = False


class Lone(Protocol):
    """The worker's hold on an environment in which nobody obeys (`lamina.worker.lone`)."""

    runtime: int | None  # its process, as the host counts, while it runs

    def order(self, message: dict[str, Any], fds: Sequence[int]) -> None: ...

    def signal(self, number: int) -> None:
        """Send a signal to everything in it."""
        ...

    def runtime_ended(self, end: Mapping[str, Any]) -> None: ...

    def lose(self) -> None:
        """It is gone, with its zygote."""
        ...

    def close(self) -> None: ...

    async def wait_closed(self) -> None:
        """Returns once nobody is being brought into it any more. Call after `close`."""
        ...


@dataclass(slots=True)
class Blank:
    """An environment's first process, in namespaces of its own, that has not been told yet what to be.

    It is process 1 there, or beside that.
    """

    channel: Channel
    pid: int  # as the host counts
    pidfd: int
    log: int  # the reading end of its output
    entrance: tuple[int, ...] = ()  # its namespaces and the writing end of its log, for a process of its owner's
    inhabitant: int | None = None  # what has moved in and stands by, as the host counts
    frames: Talk | None = None  # with its runtime's process, until somebody has it
    ended: bool = field(default=False)
    number: int = 0  # by which its zygote tells how it has ended, if process 1 is another
    process_1: int = -1  # a descriptor of that
    zygote: Zygote | None = None  # which forks what else is needed in there
    lone: Lone | None = None  # once its runtime is all there is
    end: Mapping[str, Any] | None = None  # how the process that was forked first has ended
    _listeners: tuple[socket.socket, ...] = ()

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended."""
        return self.channel.closed

    @property
    def above(self) -> tuple[int, ...]:
        """Below which processes, as the host counts, all others of it are."""
        if self.process_1 == -1:
            return (self.pid,)
        runtime = None if self.lone is None else self.lone.runtime
        return (kernel_files.process_of(self.process_1), self.pid, *(() if runtime is None else (runtime,)))

    @property
    def listener(self) -> socket.socket:
        """Where the Runtime API is asked for, once it is furnished."""
        return self._listeners[0]

    @property
    def endpoint(self) -> socket.socket:
        """Where the server's own API is, for what runs in it."""
        return self._listeners[1]

    async def furnish(self, order: Mapping[str, Any], fds: int = 2) -> None:
        """Have it make its namespaces and what is in them, and hand over as many descriptors. Raises SandboxFailed."""
        try:
            self.channel.send(dict(order))
            async with asyncio.timeout(_START_SECONDS_MAX):
                packet = await self.channel.receive()
        except (ChannelClosed, TimeoutError) as error:
            raise SandboxEnded("a new environment ended before it was used") from error
        if "failed" in packet.message:
            raise SandboxFailed(packet.message["failed"])
        talks = bool(packet.message.get("frames"))
        if len(packet.fds) != fds + 2 * talks:
            for fd in packet.fds:
                os.close(fd)
            raise SandboxFailed("the server has no file descriptor left")
        self._listeners = tuple(socket.socket(fileno=fd) for fd in packet.fds[:2])
        self.entrance = packet.fds[2:fds]
        if talks:
            telling, hearing = packet.fds[fds:]
            self.frames = Talk(socket.socket(fileno=telling), hearing)

    def close(self) -> None:
        """End it, and everything in it."""
        if self.ended:
            return
        self.ended = True
        with contextlib.suppress(ProcessLookupError):
            # Before its channel is closed, at which it would end by itself: that would cost it more than this.
            signal.pidfd_send_signal(self.pidfd if self.process_1 == -1 else self.process_1, signal.SIGKILL)
        if self.lone is not None:
            self.lone.close()
        self.channel.close()
        for each in (*self._listeners, self.frames):
            if each is not None:
                each.close()
        self.close_entrance()
        os.close(self.log)

    def order(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        """Have who obeys in there do something. Raises ChannelClosed."""
        if self.lone is not None:
            self.lone.order(message, fds)
        else:
            self.channel.send(message, fds)

    def signal(self, number: int) -> None:
        """Send a signal to everything in there but process 1. Raises ChannelClosed."""
        if self.lone is not None:
            self.lone.signal(number)
        else:
            self.channel.send({"do": "signal", "number": number})

    def close_entrance(self) -> None:
        """Let nobody else in."""
        entrance, self.entrance = self.entrance, ()
        for fd in entrance:
            os.close(fd)

    async def wait_gone(self) -> None:
        """Returns once process 1, and so everything in its namespace, has ended. Call once, after `close`."""
        if self.lone is not None:
            # Nobody may join its control group when that is another environment's.
            await self.lone.wait_closed()
        if self.process_1 != -1:
            os.close(self.pidfd)
            self.pidfd = self.process_1
        loop = asyncio.get_running_loop()
        gone = loop.create_future()

        def readable() -> None:
            if not gone.done():
                gone.set_result(None)

        loop.add_reader(self.pidfd, readable)
        try:
            await gone
        finally:
            loop.remove_reader(self.pidfd)
            os.close(self.pidfd)


class Zygote:
    """A running zygote. Ends, and all environments with it, when its channel is closed."""

    def __init__(self, plan: ZygotePlan, channel: Channel, pid: int, resolver: Sequence[int] = ()) -> None:
        self.plan = plan
        self._channel = channel
        self.pid = pid
        self._resolver = resolver
        # By their number, those that are to hear how what runs in them has ended.
        self._blanks: dict[int, Blank] = {}

    @classmethod
    async def start(cls, plan: ZygotePlan) -> Zygote:
        """Build the runtime's root and start its zygote there. Raises SandboxFailed."""
        channel, theirs = Channel.pair()
        try:
            with theirs:
                await _enter(plan, theirs)
            network = {"mode": plan.network, "resolver": plan.router.resolver if plan.router else ""}
            channel.send(
                {
                    "path": plan.search_path,
                    "preload": plan.preload,
                    "forget": plan.forget,
                    "read_ahead": plan.read_ahead,
                    "folders": plan.folders,
                    "rehearsal": plan.rehearsal,
                    "network": network,
                    "program": plan.program,
                    "seal": plan.seal and plan.seal.message(),
                    "processes": plan.processes,
                    "switches": plan.switches,
                }
            )
            async with asyncio.timeout(_START_SECONDS_MAX):
                packet = await channel.receive()
            if "failed" in packet.message:
                raise SandboxFailed(f"the zygote of {plan.runtime} could not get ready: {packet.message['failed']}")
        except (ChannelClosed, TimeoutError) as error:
            channel.close()
            raise SandboxFailed(f"the zygote of {plan.runtime} ended before it was ready") from error
        except BaseException:
            channel.close()
            raise
        if packet.message["complaint"]:
            _log.warning(
                "process 1 of environments of %s is an interpreter, which takes 3 MB more: %s",
                plan.runtime,
                packet.message["complaint"],
            )
        return cls(plan, channel, packet.pid, packet.fds)

    async def fork(self) -> Blank:
        """The first process of a new environment, still to be furnished. Raises SandboxFailed."""
        blank = await born(self._channel, {"fork": True}, self.plan.runtime)
        if blank.process_1 != -1:
            blank.zygote = self
            self._blanks[blank.number] = blank
        return blank

    async def attend(self, blank: Blank, uid: int, limits: Limits) -> tuple[Channel, int]:
        """A process to obey the worker in *blank*, where nobody does any more: a channel to it, and its id.

        It begins when it is told anything. What it starts is user *uid* within *limits*. Raises SandboxFailed.
        """
        order = {"attend": True, "uid": uid, "limits": limits}
        try:
            # The other end of what the log is read from.
            log = os.open(f"/proc/self/fd/{blank.log}", os.O_WRONLY | os.O_CLOEXEC)
        except OSError as error:
            raise SandboxFailed(f"an environment's log cannot be written to: {error}") from error
        channel, packet = await _forked(self._channel, order, self.plan.runtime, (log, blank.process_1))
        return channel, packet.pid

    async def furnish(self, blank: Blank, ahead: Ahead) -> None:
        """Have a fork make its environment, and the process of the function's that stands by. Raises SandboxFailed."""
        order = {"uid": ahead.uid, "argv": list(ahead.argv), "environ": dict(ahead.variables)}
        await blank.furnish({**order, "rehearse": not ahead.waited})

    def take_resolver(self) -> tuple[socket.socket, socket.socket]:
        """The sockets where its environments ask for names, for datagrams and connections: the caller's from now."""
        if len(self._resolver) < 2:
            raise OSError("the server has no file descriptor left")
        datagrams, listener = (socket.socket(fileno=fd) for fd in self._resolver)
        return datagrams, listener

    async def lead(self, namespace: int) -> None:
        """Give a network namespace that was made elsewhere the way out that environments have. Raises SandboxFailed."""
        reply, theirs = Channel.pair()
        try:
            with theirs:
                self._channel.send({"lead": True}, (namespace, theirs.fileno()))
            async with asyncio.timeout(_START_SECONDS_MAX):
                packet = await reply.receive()
        except (ChannelClosed, TimeoutError) as error:
            raise SandboxEnded(f"the zygote of {self.plan.runtime} is gone") from error
        finally:
            reply.close()
        if "failed" in packet.message:
            raise SandboxFailed(packet.message["failed"])

    @property
    def gone(self) -> bool:
        """Whether it is known to have ended."""
        return self._channel.closed

    async def wait_gone(self) -> str:
        """Returns once the zygote has ended, for whatever reason: the one it gave, if any."""
        reason = ""
        with contextlib.suppress(ChannelClosed):
            while True:
                message = (await self._channel.receive()).message
                reason = message.get("failed", reason)
                blank = self._blanks.pop(message.get("ended", 0), None)
                if blank is not None:
                    blank.end = message
                    if blank.lone is not None:
                        blank.lone.runtime_ended(message)
        for blank in self._blanks.values():
            if blank.lone is not None:
                blank.lone.lose()
        return reason

    def close(self) -> None:
        self._channel.close()


async def born(parent: Channel, order: Mapping[str, Any], runtime: str) -> Blank:
    """The process that *parent* forks at this *order* for an environment of *runtime*. Raises SandboxFailed."""
    log_read, log_write = os.pipe2(os.O_CLOEXEC)
    with contextlib.ExitStack() as undo:
        undo.callback(os.close, log_read)
        channel, packet = await _forked(parent, order, runtime, (log_write,))
        undo.callback(channel.close)
        number, process_1 = packet.message.get("beside", 0), -1
        if number:
            if not packet.fds:
                raise SandboxFailed("the server has no file descriptor left")
            process_1 = packet.fds[0]
            undo.callback(_end, process_1)
            packet = await _first_words(channel)
        pidfd = os.pidfd_open(packet.pid)
        undo.pop_all()
    return Blank(channel, packet.pid, pidfd, log_read, number=number, process_1=process_1)


def _end(pidfd: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        signal.pidfd_send_signal(pidfd, signal.SIGKILL)
    os.close(pidfd)


async def _forked(
    parent: Channel, order: Mapping[str, Any], runtime: str, fds: tuple[int, ...]
) -> tuple[Channel, Packet]:
    """What *parent* forks at this *order*: a channel to it, and its first words. Raises SandboxFailed.

    It is handed *fds*, the first of them for good.
    """
    with contextlib.ExitStack() as undo:
        channel, theirs = Channel.pair()
        undo.callback(channel.close)
        with theirs:
            try:
                parent.send(dict(order), (theirs.fileno(), *fds))
            except ChannelClosed as error:
                raise SandboxEnded(f"what environments of {runtime} are made from is gone") from error
            finally:
                os.close(fds[0])
        packet = await _first_words(channel)
        undo.pop_all()
    return channel, packet


async def _first_words(channel: Channel) -> Packet:
    """What is said of a process that is to begin, by itself or by its parent. Raises SandboxFailed."""
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            packet = await channel.receive()
    except (ChannelClosed, TimeoutError) as error:
        raise SandboxEnded("a new environment ended before it began") from error
    if "failed" in packet.message:
        raise SandboxFailed(packet.message["failed"])
    return packet


async def _enter(plan: ZygotePlan, control: socket.socket) -> None:
    """Run `guest.enter` with the server's interpreter; it leaves the zygote behind."""
    message: dict[str, Any] = {
        "operations": plan.operations,
        "mount_point": str(plan.mount_point),
        "user_namespace": plan.user_namespace,
        "environ": plan.environ,
        "network": plan.network,
        "router": plan.router and plan.router.message(),
        "argv": [plan.executable, *plan.options, "-c", _ZYGOTE, str(control.fileno())],
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-S", "-c", _ENTER, str(_GUEST.parent)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        pass_fds=(control.fileno(),),
        env={},
    )
    try:
        async with asyncio.timeout(_START_SECONDS_MAX):
            _, complaint = await process.communicate(json.dumps(message).encode())
    except TimeoutError as error:
        process.kill()
        raise SandboxFailed(f"the root of {plan.runtime} could not be built in {_START_SECONDS_MAX} s") from error
    if process.returncode:
        raise SandboxFailed(complaint.decode(errors="replace").strip() or f"exit status {process.returncode}")
