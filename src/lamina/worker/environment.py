"""One execution environment, from its assignment to its end.

Its life: a blank sandbox is assigned (mounts, limits, seal), a generation of processes is started in it, and all of
them ask for their first event: that is the init phase. Then it takes one event at a time, and is frozen in between. A
crash or a timeout does not end it: everything in it is killed, /tmp stays, and the next event begins anew. A caller has
the answer when the runtime has given it; the environment is free when the extensions are done, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from lamina.environments.commands import Command
from lamina.environments.extension_variables import extension_variables
from lamina.environments.phases import ON_DEMAND_INIT_S
from lamina.environments.spec import EnvironmentSpec
from lamina.invocations.calls import Invocation, Outcome, ProcessEnd
from lamina.invocations.streams import Sink
from lamina.observability.passages import Start
from lamina.runtime_api.connections import Connections
from lamina.runtime_api.extensions import Facts
from lamina.runtime_api.session import Answer, InitFailed, Offer
from lamina.sandbox.plan import TASK_ROOT, EnvironmentMounts, Seal
from lamina.worker.blanks import Prepared
from lamina.worker.channel import ChannelClosed
from lamina.worker.event_log import EventLog, Taken
from lamina.worker.freezing import Freezer
from lamina.worker.generation import Cast, Generation
from lamina.worker.happenings import Exited, Failed, Failure, TimeIsUp, Told, told
from lamina.worker.logs import EnvironmentLog
from lamina.worker.memory import MemoryGauge
from lamina.worker.outputs import ExtensionOutput
from lamina.worker.platform_log import PlatformLog
from lamina.worker.processes import Assigned, Processes, Program, Reports
from lamina.worker.telemetry import Telemetry
from lamina.worker.zygotes import SandboxEnded, SandboxFailed

# So long a runtime that reported an error may take to ask for its next event, before the caller is answered.
_AFTERWORD_S: Final = 0.1
# How long a killed process may take to be gone before its whole sandbox goes.
_KILL_SECONDS_MAX: Final = 2
# For reading what an ended process has streamed, if another one keeps its connection open; and the turns of the loop
# until a connection that is waiting to be accepted was.
_LAST_PIECES_SECONDS_MAX: Final = 0.2
_ACCEPTING_TURNS: Final = 10


@dataclass(frozen=True, slots=True)
class Assignment:
    """What makes a blank this function's environment."""

    mounts: EnvironmentMounts
    seal: Seal
    variables: Mapping[str, str]
    command: Command  # empty where the forked interpreter runs what it has
    init_seconds_max: int = ON_DEMAND_INIT_S


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
        # How it came to be, until its first event has seen to it.
        self.start: Start | None = None
        # Whether it waits for an event, rather than handles one or gets ready.
        self.idle = True
        self.platform = platform
        self._assignment = assignment
        self._cast = _cast(spec, assignment)
        self._processes = Processes(prepared, Reports(self._assigned, self._exited, self._failed, self._gone))
        self._api = Connections(prepared.blank.listener)
        self._loop = asyncio.get_running_loop()
        self._generation: Generation | None = None
        # Known once the mounts stand.
        self._extensions: tuple[str, ...] | None = None
        self._extension_output: ExtensionOutput | None = None
        self._killed: asyncio.Future[None] | None = None
        self._freezer = Freezer(prepared, self._rests, self._telemetry)
        self._oom_kills = 0
        self._memory = MemoryGauge(prepared)
        self._events = EventLog(spec, log, platform, self._memory)
        self._init_ms: float | None = None
        self._restore_ms: float | None = None
        self._stillborn: Failure | None = None
        self._deadline = 0.0
        self._last: Answer | Failure | None = None
        self._unfinished: Callable[[], None] | None = None
        self._listening: asyncio.Task[None] | None = None

    @property
    def sound(self) -> bool:
        """Whether its processes run, and nothing has gone wrong with them."""
        generation = self._generation
        return self.usable and self._processes.running and generation is not None and generation.failure is None

    @property
    def takes_leave(self) -> bool:
        """Whether there are extensions that are to be told before it ends."""
        generation = self._generation
        return generation is not None and generation.has_extensions and self._processes.running

    async def connect(self, port: int) -> socket.socket:
        """A connection to *port* of the loopback address in there. Raises OSError."""
        return await self._processes.connect("127.0.0.1", port)

    def apart(self) -> Collection[int]:
        """The processes in here that are the first of other environments, which have limits of their own."""
        return ()

    def overrun(self) -> None:
        """It takes more than its due: kill what runs in it, as the kernel does where it keeps the limits itself."""
        self.prepared.overran = True
        with contextlib.suppress(ChannelClosed):
            self._processes.kill_all()

    async def begin(self) -> None:
        """Assign the blank, start what belongs in it, wait out the init phase.

        Raises SandboxFailed. A function that cannot be initialised is no error of ours: its first event tells.
        """
        tmp = self.prepared.tmp
        mounts = () if tmp.mount_fd is None else (tmp.mount_fd,)
        began = time.perf_counter()
        self.idle = False
        try:
            self.prepared.limit(self.spec.memory_mb)
            self._processes.assign(self._assignment.mounts, self._assignment.seal, mounts, self._cast.runtime)
            self._listening = self._loop.create_task(self._processes.listen())
            generation = self._renew("init")
            blank = self.prepared.blank
            if blank.frames is not None:
                self._api.adopt(blank.frames)
                blank.frames = None
            tmp.handed_over()
            deadline = self._loop.time() + self._assignment.init_seconds_max
            failure = await generation.initialise(deadline, None)
        except (ChannelClosed, OSError) as error:
            raise SandboxEnded(f"an environment ended while it was assigned: {error}") from error
        if isinstance(failure, Failed):
            raise SandboxFailed(f"a sandbox could not be set up: {failure.text}")
        self._init_ms = (time.perf_counter() - began) * 1000
        self.log.drain()
        if isinstance(failure, TimeIsUp):
            # AWS then begins anew within the first event's own time.
            self._init_ms = None
            await self._reset("timeout")
        elif failure is not None:
            self._stillborn = failure
            self.usable = False
        self.log.flush()
        self.idle = True
        self._freezer.soon()

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one event. Every way a function can fail is an outcome. `rest` follows."""
        self._catch_up()
        self._freezer.thaw()
        self.idle = False
        init_ms, self._init_ms = self._init_ms, None
        restore_ms, self._restore_ms = self._restore_ms, None
        if init_ms is None and restore_ms is None:
            self.log.begin()
        self.platform.started(invocation.request_id, invocation.trace_id)
        began = time.perf_counter()
        self._deadline = self._loop.time() + invocation.timeout_s
        happened = self._stillborn or await self._run(invocation)
        duration_ms = (time.perf_counter() - began) * 1000
        if isinstance(happened, Answer) and happened.error_type is not None and self._generation is not None:
            # Amazon's client for Java logs what was thrown once it has answered: that is part of this call's log.
            await self._generation.wait_next(self._loop.time() + _AFTERWORD_S)
        if invocation.sink is not None and isinstance(happened, Exited):
            await _wait_read(invocation.sink)
        outcome = told(invocation.request_id, invocation.timeout_s, happened)
        self._last = happened
        taken = Taken(duration_ms, init_ms, restore_ms, began)
        if isinstance(happened, Answer) and not invocation.with_log and not self.takes_leave:
            # Nobody has to wait for the log: it is written when the answer is, before anything else happens.
            self._unfinished = partial(self._finish, invocation, happened, outcome, taken)
            self._loop.call_soon(self._catch_up)
            return Outcome(outcome.payload, outcome.function_error, content_type=outcome.content_type)
        self.log.drain()
        if isinstance(happened, InitFailed):
            self.usable = False
        self._events.failed(invocation, happened)
        if not isinstance(happened, Answer) and not self.takes_leave:
            await self._reset("failure")
            self.log.drain()
        self._events.finished(invocation, happened, outcome, taken, self._processes.runtime_pid)
        return Outcome(outcome.payload, outcome.function_error, self.log.tail(), content_type=outcome.content_type)

    def _finish(self, invocation: Invocation, happened: Answer, outcome: Told, taken: Taken) -> None:
        self.log.catch_up()
        self._events.finished(invocation, happened, outcome, taken, self._processes.runtime_pid)

    def _catch_up(self) -> None:
        """Do what is left to do of the event before."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is not None:
            unfinished()

    def rest(self) -> Coroutine[Any, Any, None] | None:
        """What is still to be waited for after `invoke`, before it may take another event; None for nothing."""
        if self.takes_leave:
            return self._rest(self._last)
        self.idle = True
        self._freezer.soon()
        return None

    async def leave(self) -> None:
        """Let its extensions go as AWS does when it ends an environment. Call before `close` if it `takes_leave`."""
        self._catch_up()
        self.usable = False
        self._freezer.thaw()
        generation = self._generation
        if generation is not None:
            await generation.shut_down("spindown" if generation.failure is None else "failure")

    def close(self) -> None:
        """End it and everything in it; what it held is given back once the kernel has let go of it."""
        self._catch_up()
        self.usable = False
        self._memory.close()
        self._freezer.close()
        try:
            self._api.ignore()
            if self._generation is not None:
                self._generation.close()
            if self._extension_output is not None:
                self._extension_output.close()
            self.log.close()
        finally:
            # A runtime that saw its conversation end would begin to end by itself, exit handlers and all, which AWS's
            # never does, and which takes three times as long as all that it did before.
            self.prepared.on_gone = self._api.close
            self.prepared.release()
            if self._listening is not None:
                self._listening.cancel()

    async def _run(self, invocation: Invocation) -> Answer | Failure:
        happened = await self._run_once(invocation)
        generation = self._generation
        if isinstance(happened, Exited) and self.usable and generation is not None and generation.untaken:
            # The runtime had answered its last event, and ended before it asked for this one: it is another's.
            happened = await self._run_once(invocation)
        return happened

    async def _run_once(self, invocation: Invocation) -> Answer | Failure:
        try:
            generation = self._generation
            if generation is None or generation.failure is not None:
                await self._kill_processes()
                generation = self._renew("invoke")
                failure = await generation.initialise(self._deadline, self._extensions)
                if failure is not None:
                    return failure
        except ChannelClosed:
            return Exited(self._end_of_everything())
        deadline_ms = int((time.time() + self._deadline - self._loop.time()) * 1000)
        headers = {
            "Lambda-Runtime-Aws-Request-Id": invocation.request_id,
            "Lambda-Runtime-Invoked-Function-Arn": invocation.arn,
            "Lambda-Runtime-Deadline-Ms": str(deadline_ms),
            "Lambda-Runtime-Trace-Id": invocation.trace_id or "",
        }
        if invocation.client_context is not None:
            headers["Lambda-Runtime-Client-Context"] = invocation.client_context
        event: Mapping[str, object] = {}
        if generation.has_extensions:
            event = {
                "deadlineMs": deadline_ms,
                "requestId": invocation.request_id,
                "invokedFunctionArn": invocation.arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id or ""},
            }
        offer = Offer(invocation.request_id, headers, invocation.payload, invocation.sink)
        return await generation.answer(offer, event, self._deadline)

    async def _rest(self, happened: Answer | Failure | None) -> None:
        """Wait for the extensions; one that takes too long, or crashes, ends this generation, as the runtime would."""
        generation = self._generation
        assert generation is not None
        failure = await generation.wait_rest(self._deadline) if isinstance(happened, Answer) else happened
        if failure is not None:
            await self._reset("timeout" if isinstance(failure, TimeIsUp) else "failure")
        self.log.drain()
        self.log.flush()
        self.idle = True
        self._freezer.soon()

    def _renew(self, phase: str) -> Generation:
        if self._generation is not None:
            self._generation.close()
        self._generation = Generation(self._cast, self._processes, self._api, self.platform, phase)
        return self._generation

    async def _reset(self, reason: str) -> None:
        """End everything that runs, telling extensions why; the next event begins anew, with the same /tmp."""
        generation, self._generation = self._generation, None
        if generation is not None:
            await generation.shut_down(reason)
        with contextlib.suppress(ChannelClosed):
            await self._kill_processes()
        if generation is not None:
            generation.close()

    def _telemetry(self) -> Telemetry | None:
        return None if self._generation is None else self._generation.telemetry

    def _rests(self) -> bool:
        return self.idle and self.usable and self._processes.running

    # What process 1 reports

    def _assigned(self, assigned: Assigned) -> None:
        self._extensions = assigned.extensions
        if assigned.output is not None:
            self._extension_output = ExtensionOutput(assigned.output, self._extensions_wrote)
        if self._generation is not None and assigned.extensions:
            self._generation.found(assigned.extensions)

    def _extensions_wrote(self, lines: list[bytes]) -> None:
        self.log.beside(b"".join(lines))
        self.log.flush()
        telemetry = self._telemetry()
        if telemetry is not None:
            telemetry.extension_output(lines)

    def _exited(self, extension: str | None, report: Mapping[str, Any]) -> None:
        self._memory.ended(report.get("resident_peak_kb", 0))
        if self._generation is not None:
            self._generation.exited(extension, self._end(report))
        self._notice_killed()

    def _failed(self, text: str) -> None:
        if self._generation is not None:
            self._generation.failed(text)

    def _gone(self) -> None:
        self.usable = False
        if self._generation is not None:
            self._generation.lost(self._end_of_everything())
        self._notice_killed()

    def _end(self, report: Mapping[str, Any]) -> ProcessEnd:
        kills = self.prepared.out_of_memory_kills()
        out_of_memory = kills > self._oom_kills or self.prepared.overran
        self._oom_kills = kills
        if out_of_memory:
            self._memory.is_all(self.spec.memory_mb)
        self.prepared.overran = False
        return ProcessEnd(
            report.get("status", 0), report.get("signal"), out_of_memory, never_began=report.get("never_began")
        )

    def _end_of_everything(self) -> ProcessEnd:
        return self._end({"signal": int(signal.SIGKILL)})

    async def _kill_processes(self) -> None:
        """Kill all there is but process 1, and wait until it is so; end the environment where that does not work.

        Raises ChannelClosed.
        """
        if not self._processes.running:
            return
        self._processes.kill_all()
        self._killed = self._loop.create_future()
        try:
            async with asyncio.timeout(_KILL_SECONDS_MAX):
                await self._killed
        except TimeoutError:
            self.usable = False
        finally:
            self._killed = None

    def _notice_killed(self) -> None:
        if self._killed is not None and not self._processes.running and not self._killed.done():
            self._killed.set_result(None)


def _cast(spec: EnvironmentSpec, assignment: Assignment) -> Cast:
    command = assignment.command
    return Cast(
        runtime=Program(assignment.variables, TASK_ROOT, command.argv, command.bootstraps, early=command.early),
        extension=Program(extension_variables(assignment.variables, dict(spec.variables)), folder="/"),
        facts=Facts(spec.function.name, spec.version, spec.handler, spec.function.scope.account),
        structured_logs=spec.log_format == "JSON",
    )


async def _wait_read(sink: Sink) -> None:
    """Returns when what a process that has ended had streamed before is read, which lies in its sockets."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LAST_PIECES_SECONDS_MAX):
            # Its last connection may not even be accepted.
            for _ in range(_ACCEPTING_TURNS):
                await asyncio.sleep(0)
            await sink.wait_left()
