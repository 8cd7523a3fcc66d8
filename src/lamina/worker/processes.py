"""The worker's hold on what runs in one sandbox, by way of its process 1: starts, signals, ends, connections."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from lamina.sandbox import kernel_files
from lamina.sandbox.plan import LIMITS, EnvironmentMounts, Limits, Seal
from lamina.worker.blanks import Prepared
from lamina.worker.channel import ChannelClosed
from lamina.worker.lone import LoneRuntime

RUNTIME: Final = "runtime"
# An extension's process has the name of its file behind this.
_EXTENSION: Final = "extension-"
_LOOPBACK: Final = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Program:
    """What to start: execute *argv*, or the first of *bootstraps* there is; else what a fork of the zygote runs.

    *early*: one that has been executed already, by the same *argv*, will do.
    """

    variables: Mapping[str, str]
    folder: str
    argv: tuple[str, ...] = ()
    bootstraps: tuple[str, ...] = ()
    early: bool = False


@dataclass(frozen=True, slots=True)
class Assigned:
    """The mounts stand; *extensions* are the names of programs to start before the runtime, *output* is theirs."""

    extensions: tuple[str, ...]
    output: int | None


@dataclass(slots=True)
class Reports:
    """Whom to call when process 1 has something to tell."""

    assigned: Callable[[Assigned], None]
    # The name of an extension, None for the runtime; and how it ended.
    exited: Callable[[str | None, Mapping[str, Any]], None]
    failed: Callable[[str], None]
    # Process 1 itself has gone, and all with it.
    gone: Callable[[], None]


@dataclass(slots=True)
class Processes:
    """What runs in the sandbox *prepared*."""

    prepared: Prepared
    reports: Reports
    runtime_pid: int = 0  # as the host counts, 0 where that is unknown
    _adopted: asyncio.Future[None] | None = None
    _running: set[str] = field(default_factory=set)
    _connecting: dict[int, asyncio.Future[socket.socket]] = field(default_factory=dict)
    _numbers: itertools.count[int] = field(default_factory=itertools.count)
    _limits: Limits = field(default_factory=dict)
    _lone: LoneRuntime | None = None

    @property
    def running(self) -> bool:
        """Whether any process that was started has not ended."""
        return bool(self._running)

    @property
    def runtime_running(self) -> bool:
        return RUNTIME in self._running

    def extension_running(self, name: str) -> bool:
        return _EXTENSION + name in self._running

    def assign(self, mounts: EnvironmentMounts, seal: Seal, fds: Sequence[int], runtime: Program | None = None) -> None:
        """Make the blank sandbox an environment; have *runtime* started in it unless extensions are found.

        Raises ChannelClosed, OSError.
        """
        # What has come from a template has the limits of that, which are wider.
        came = self.prepared.blank.inhabitant is not None
        self._limits = seal.limits if came else seal.limits_beyond(LIMITS)
        self._order(
            {
                "do": "assign",
                "operations": mounts.operations,
                "mounts": ["tmp"] * len(fds),
                "limits": self._limits,
                "start": runtime and _start(RUNTIME, runtime, extension=False),
            },
            fds,
        )
        if runtime is not None:
            self._running.add(RUNTIME)

    def start_runtime(self, program: Program) -> None:
        """Start the runtime. Raises ChannelClosed."""
        self._order({"do": "start", **_start(RUNTIME, program, extension=False)})
        self._running.add(RUNTIME)

    def start_extension(self, name: str, program: Program) -> None:
        """Start one of the programs that were found. Raises ChannelClosed."""
        self._order({"do": "start", **_start(_EXTENSION + name, program, extension=True)})
        self._running.add(_EXTENSION + name)

    def end_runtime(self, number: signal.Signals) -> None:
        if self._lone is not None and self._lone.runtime is not None:
            self._lone.signal_runtime(number)
            return
        self._order({"do": "signal", "number": int(number), "name": RUNTIME})

    def kill_extension(self, name: str) -> None:
        self._order({"do": "signal", "number": int(signal.SIGKILL), "name": _EXTENSION + name})

    def kill_all(self) -> None:
        """Kill everything but process 1. Raises ChannelClosed."""
        self.prepared.blank.signal(signal.SIGKILL)

    async def connect(self, address: str, port: int) -> socket.socket:
        """A connection to a port inside. Raises OSError."""
        if self.prepared.blank.listener.getsockname()[0] == _LOOPBACK:
            # Its network is the host's, and the sandbox's own address is none there.
            address = _LOOPBACK
        number = next(self._numbers)
        loop = asyncio.get_running_loop()
        begun = self._connecting[number] = loop.create_future()
        try:
            try:
                self._order({"do": "connect", "connect": number, "host": address, "port": port})
            except ChannelClosed as error:
                raise ConnectionAbortedError("the environment has gone") from error
            connection: socket.socket = await begun
        finally:
            del self._connecting[number]
        try:
            await _wait_connected(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    async def listen(self) -> None:
        """Hear what process 1 has to tell, until it is gone."""
        try:
            while True:
                try:
                    packet = await self.prepared.blank.channel.receive()
                except ChannelClosed:
                    if self._lone is None or not await self._lone.wait_attended():
                        raise
                    continue
                self._hear(packet.message, packet.fds)
        except ChannelClosed:
            self._running.clear()
            for begun in self._connecting.values():
                if not begun.done():
                    begun.set_exception(ConnectionAbortedError("the environment has gone"))
            self.reports.gone()

    def _hear(self, message: dict[str, Any], fds: tuple[int, ...]) -> None:
        if "exited" in message:
            name = message["exited"]
            self._running.discard(name)
            self.reports.exited(None if name == RUNTIME else name.removeprefix(_EXTENSION), message)
        elif "connected" in message:
            self._connected(message, fds)
        elif "failed" in message:
            self.reports.failed(message["failed"])
        if "assigned" in message:
            if message["assigned"]:
                # It was to be started only if there were none.
                self._running.discard(RUNTIME)
            self.reports.assigned(Assigned(tuple(message["assigned"]), fds[0] if fds else None))
        if "alone" in message:
            self._become_lone()
        elif message.get("started") == RUNTIME:
            self.runtime_pid = child_of(self.prepared.blank.pid, message["pid"])
            if self._adopted is not None and not self._adopted.done():
                self._adopted.set_result(None)

    def _become_lone(self) -> None:
        """Who obeyed in there has become the runtime."""
        prepared, blank = self.prepared, self.prepared.blank
        self.runtime_pid = blank.pid
        assert blank.zygote is not None
        self._lone = blank.lone = LoneRuntime(
            blank.zygote, blank, prepared.uid, self._limits, prepared.cgroup, self._lone_ended
        )
        if blank.zygote.gone:
            self._lone.lose()

    def _lone_ended(self, end: Mapping[str, Any]) -> None:
        self._hear({"exited": RUNTIME, **end}, ())

    def _connected(self, message: dict[str, Any], fds: tuple[int, ...]) -> None:
        begun = self._connecting.get(message["connected"])
        if begun is None or begun.done():
            for fd in fds:
                os.close(fd)
        elif fds:
            begun.set_result(socket.socket(fileno=fds[0]))
        else:
            code = message.get("errno", 0)
            begun.set_exception(OSError(code, os.strerror(code)))

    def start_template(self, program: Program, mounts: EnvironmentMounts, seal: Seal, fds: Sequence[int]) -> None:
        """Start a template of SnapStart, in the blank sandbox as it is, with mounts of its own. Raises ChannelClosed.

        On the first of *fds* it hears what to do, on the second it says what it has become; the others are for its
        mounts.
        """
        self._order(
            {
                "do": "template",
                **_start(RUNTIME, replace(program, argv=(), bootstraps=()), extension=False),
                "operations": mounts.operations,
                "mounts": ["tmp"] * (len(fds) - 2),
                "seal": seal.message(),
            },
            fds,
        )
        self._running.add(RUNTIME)

    def start_visit(self, program: Program, streams: Sequence[int]) -> None:
        """Start *program* with three standard streams, in the place of the runtime. Raises ChannelClosed."""
        self._order({"do": "visit", **_start(RUNTIME, program, extension=False)}, streams)
        self._running.add(RUNTIME)

    async def adopt_runtime(self) -> None:
        """Take the process that has come into the sandbox from a template for the runtime. Raises ChannelClosed."""
        self._adopted = asyncio.get_running_loop().create_future()
        self._order({"do": "adopt", "name": RUNTIME})
        self._running.add(RUNTIME)
        await self._adopted

    def _order(self, message: dict[str, Any], fds: Sequence[int] = ()) -> None:
        self.prepared.blank.order(message, fds)


def _start(name: str, program: Program, *, extension: bool) -> dict[str, Any]:
    return {
        "name": name,
        "environ": dict(program.variables),
        "argv": program.argv,
        "bootstraps": program.bootstraps,
        "early": program.early,
        "working_folder": program.folder,
        "extension": extension,
    }


async def _wait_connected(connection: socket.socket) -> None:
    """Returns when a connection that was begun stands. Raises OSError."""
    connection.setblocking(False)
    loop = asyncio.get_running_loop()
    writable = loop.create_future()

    def begun() -> None:
        if not writable.done():
            writable.set_result(None)

    loop.add_writer(connection, begun)
    try:
        await writable
    finally:
        loop.remove_writer(connection)
    code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if code:
        raise OSError(code, os.strerror(code))


def child_of(pid: int, inside: int) -> int:
    """The child of process *pid* that has the number *inside* in there; 0 where the kernel does not tell."""
    try:
        children = kernel_files.read(f"/proc/{pid}/task/{pid}/children").split()
        if len(children) == 1:
            return int(children[0])
        for child in map(int, children):
            for line in kernel_files.read(f"/proc/{child}/status").splitlines():
                # An attendant counts as its zygote does, who is one further out.
                if line.startswith(b"NSpid:") and b"%d" % inside in line.split()[1:]:
                    return child
    except OSError:
        pass
    return 0
