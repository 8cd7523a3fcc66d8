"""One execution environment, from its assignment to its end.

Its life: a blank sandbox is assigned (mounts, limits, seal), the runtime is started and asks for its first event: that
is the init phase. Then it takes one event at a time, and is frozen in between. A crash or a timeout does not end it:
everything in it is killed, /tmp stays, and the runtime is started again for the next event.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lamina.environments.commands import Command
from lamina.environments.spec import EnvironmentSpec
from lamina.invocations import calls
from lamina.invocations.calls import Invocation, Measured, Outcome, ProcessEnd
from lamina.runtime_api.connections import Connections
from lamina.runtime_api.routes import Routes
from lamina.runtime_api.session import InitFailed, Offer, RuntimeSession
from lamina.sandbox.plan import TASK_ROOT, EnvironmentMounts, Seal
from lamina.worker.blanks import Prepared
from lamina.worker.channel import ChannelClosed
from lamina.worker.happenings import Exited, Failed, Happening, Ready, TimeIsUp, told
from lamina.worker.logs import EnvironmentLog
from lamina.worker.platform_log import PlatformLog, Verdict
from lamina.worker.zygotes import SandboxEnded, SandboxFailed

INIT_SECONDS_MAX: Final = 10
# An environment used again within this time is not frozen in between: that would cost every call of a busy one.
_FREEZE_AFTER_S: Final = 0.02
# How long a killed process may take to be gone before its whole sandbox goes.
_KILL_SECONDS_MAX: Final = 2
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What makes a blank this function's environment."""

    mounts: EnvironmentMounts
    seal: Seal
    variables: Mapping[str, str]
    command: Command
    program: str  # what the forked interpreter runs where there is nothing to execute


class Environment:
    """A sandbox with a function in it. `usable` says whether it may serve another event."""

    def __init__(
        self,
        spec: EnvironmentSpec,
        prepared: Prepared,
        log: EnvironmentLog,
        platform: PlatformLog,
        assignment: Assignment,
    ) -> None:
        self.spec = spec
        self.prepared = prepared
        self.log = log
        self.usable = True
        self._platform = platform
        self._assignment = assignment
        self._channel = prepared.blank.channel
        self._api = Connections(prepared.blank.listener)
        self._session: RuntimeSession | None = None
        self._loop = asyncio.get_running_loop()
        self._awaited: asyncio.Future[Happening] | None = None
        self._running = False
        self._freezing: asyncio.TimerHandle | None = None
        self._frozen = False
        self._runtime_pid = 0
        self._oom_kills = 0
        self._memory_used = 0
        self._init_ms: float | None = None
        self._stillborn: Happening | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def idle(self) -> bool:
        """Whether it waits for an event, rather than handles one or gets ready."""
        return self._awaited is None

    def overrun(self) -> None:
        """It takes more than its due: kill what runs in it, as the kernel does where it keeps the limits itself."""
        self.prepared.overran = True
        with contextlib.suppress(ChannelClosed):
            self._channel.send({"do": "signal", "number": int(signal.SIGKILL)})

    async def begin(self) -> None:
        """Assign the blank, start the runtime, wait out the init phase.

        Raises SandboxFailed. A function that cannot be initialised is no error of ours: its first event tells.
        """
        tmp = self.prepared.tmp
        mounts = () if tmp.mount_fd is None else (tmp.mount_fd,)
        began = time.perf_counter()
        try:
            self.prepared.limit(self.spec.memory_mb)
            self._channel.send(
                {
                    "do": "assign",
                    "operations": self._assignment.mounts.operations,
                    "mounts": ["tmp"] * len(mounts),
                    "seal": self._assignment.seal.message(),
                },
                mounts,
            )
            self._start()
        except (ChannelClosed, OSError) as error:
            raise SandboxEnded(f"an environment ended while it was assigned: {error}") from error
        tmp.handed_over()
        self._listening = self._loop.create_task(self._listen())
        happened = await self._wait(INIT_SECONDS_MAX)
        self._init_ms = (time.perf_counter() - began) * 1000
        if isinstance(happened, Failed):
            raise SandboxFailed(f"a sandbox could not be set up: {happened.text}")
        self.log.drain()
        await self._conclude_init(happened, self._init_ms)
        self.log.flush()
        self._freeze_soon()

    async def _conclude_init(self, happened: Happening, init_ms: float) -> None:
        if isinstance(happened, TimeIsUp):
            # AWS gives this phase ten seconds, then begins anew within the first event's own time.
            self._platform.init_failed(init_ms, Verdict("timeout"))
            self._init_ms = None
            await self._kill_processes()
        elif isinstance(happened, InitFailed | Exited):
            kind = happened.error_type if isinstance(happened, InitFailed) else calls.describe_end(happened.end)[0]
            self._platform.init_failed(init_ms, Verdict("error", kind))
            self._stillborn = happened
            self.usable = False

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one event. Every way a function can fail is an outcome."""
        self._thaw()
        init_ms, self._init_ms = self._init_ms, None
        if init_ms is None:
            self.log.begin()
        self._platform.started(invocation.request_id)
        began = time.perf_counter()
        happened = self._stillborn or await self._run(invocation)
        duration_ms = (time.perf_counter() - began) * 1000
        self.log.drain()
        outcome = told(invocation.request_id, invocation.timeout_s, happened)
        self._say(invocation, happened)
        if isinstance(happened, TimeIsUp):
            await self._kill_processes()
            self.log.drain()
        measured = Measured(
            duration_ms=min(duration_ms, invocation.timeout_s * 1000.0),
            memory_mb=self.spec.memory_mb,
            memory_used_mb=self._memory_used_mb(),
            init_ms=init_ms,
        )
        self._platform.finished(invocation.request_id, outcome.verdict, measured)
        tail = self.log.tail()
        self.log.flush()
        self._freeze_soon()
        return Outcome(outcome.payload, outcome.function_error, tail, content_type=outcome.content_type)

    async def _run(self, invocation: Invocation) -> Happening:
        deadline = self._loop.time() + invocation.timeout_s
        if not self._running:
            try:
                self._start()
            except ChannelClosed:
                return Exited(self._end_of_everything())
            happened = await self._wait(deadline - self._loop.time())
            if not isinstance(happened, Ready):
                return happened
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Deadline-Ms": str(int((time.time() + deadline - self._loop.time()) * 1000)),
            "Lambda-Runtime-Trace-Id": invocation.trace_id or "",
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        assert self._session is not None
        self._session.offer(Offer(invocation.request_id, headers, invocation.payload, invocation.sink))
        return await self._wait(deadline - self._loop.time())

    def _say(self, invocation: Invocation, happened: Happening) -> None:
        """Have the platform's own line in the log, where it has one to say about how an invocation ended."""
        if isinstance(happened, Exited):
            self._platform.exited(invocation.request_id, *calls.describe_end(happened.end))
        elif isinstance(happened, TimeIsUp):
            self._platform.timed_out(invocation.request_id, invocation.timeout_s)
        elif isinstance(happened, InitFailed):
            self.usable = False

    def close(self) -> None:
        """End it and everything in it; what it held is given back once the kernel has let go of it."""
        self.usable = False
        if self._freezing is not None:
            self._freezing.cancel()
        if self._frozen:
            # A group that is gone already has nothing to thaw.
            with contextlib.suppress(OSError):
                self._thaw()
        try:
            self._api.close()
            self.log.close()
        finally:
            self.prepared.release()
            if self._listening is not None:
                self._listening.cancel()

    def _start(self) -> None:
        self._session = RuntimeSession(
            ready=lambda: self._happened(Ready()), answered=self._happened, init_failed=self._happened
        )
        self._api.renew(Routes(self._session))
        assignment = self._assignment
        self._channel.send(
            {
                "do": "start",
                "name": "runtime",
                "environ": dict(assignment.variables),
                "argv": assignment.command.argv,
                "bootstraps": assignment.command.bootstraps,
                "program": assignment.program,
                "working_folder": TASK_ROOT,
                "extension": False,
                "alone": False,
            }
        )
        self._running = True

    async def _wait(self, seconds: float) -> Happening:
        self._awaited = self._loop.create_future()
        timer = self._loop.call_later(max(0.0, seconds), self._happened, TimeIsUp())
        try:
            return await self._awaited
        finally:
            timer.cancel()
            self._awaited = None

    def _happened(self, happening: Happening) -> None:
        if self._awaited is not None and not self._awaited.done():
            self._awaited.set_result(happening)

    async def _listen(self) -> None:
        """Hear what process 1 has to tell, until it is gone."""
        try:
            while True:
                message = (await self._channel.receive()).message
                if "failed" in message:
                    self._happened(Failed(message["failed"]))
                elif "started" in message:
                    self._runtime_pid = _only_child(self.prepared.blank.pid)
                elif "exited" in message:
                    self._running = False
                    self._happened(Exited(self._end(message)))
        except ChannelClosed:
            self._running = self.usable = False
            self._happened(Exited(self._end_of_everything()))

    def _end(self, exited: Mapping[str, Any]) -> ProcessEnd:
        kills = self.prepared.out_of_memory_kills()
        out_of_memory = kills > self._oom_kills or self.prepared.overran
        self._oom_kills = kills
        if out_of_memory:
            self._memory_used = self.spec.memory_mb
        self.prepared.overran = False
        return ProcessEnd(
            exited.get("status", 0), exited.get("signal"), out_of_memory, never_began=exited.get("never_began")
        )

    def _end_of_everything(self) -> ProcessEnd:
        return self._end({"signal": int(signal.SIGKILL)})

    async def _kill_processes(self) -> None:
        """Kill all there is but process 1, and wait until it is so; end the environment where that does not work."""
        try:
            self._channel.send({"do": "signal", "number": int(signal.SIGKILL)})
            deadline = self._loop.time() + _KILL_SECONDS_MAX
            while self._running:
                # What it still managed to say before it died counts no more.
                if isinstance(await self._wait(deadline - self._loop.time()), TimeIsUp):
                    self.usable = False
                    return
        except ChannelClosed:
            self.usable = False

    def _freeze_soon(self) -> None:
        if self.usable and self._running:
            self._freezing = self._loop.call_later(_FREEZE_AFTER_S, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        try:
            self.prepared.freeze()
            self._frozen = True
        except (OSError, ChannelClosed):
            _log.warning("an idle environment of %s could not be frozen", self.spec.function, exc_info=True)

    def _thaw(self) -> None:
        if self._freezing is not None:
            self._freezing.cancel()
            self._freezing = None
        if self._frozen:
            self._frozen = False
            with contextlib.suppress(ChannelClosed):
                self.prepared.thaw()

    def _memory_used_mb(self) -> int:
        """The most it is known to have held: at the end of an event, or the runtime's process at any time.

        What the runtime shares with its zygote is included, as AWS's figure includes the runtime.
        """
        held = self.prepared.memory_held_bytes() >> 20, _resident_peak_kb(self._runtime_pid) >> 10
        self._memory_used = max(1, self._memory_used, *held)
        return min(self._memory_used, self.spec.memory_mb)


def _only_child(pid: int) -> int:
    """The one child of process *pid*, 0 where the kernel does not tell."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return int(children[0]) if children else 0


def _resident_peak_kb(pid: int) -> int:
    if pid:
        with contextlib.suppress(OSError):
            # As bytes: the first line is a name that the function chooses.
            for line in Path(f"/proc/{pid}/status").read_bytes().splitlines():
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1])
    return 0
