"""One execution environment, from its assignment to its end.

Its life: a blank sandbox is assigned (mounts, limits, seal), a generation of processes is started in it, and all of
them ask for their first event: that is the init phase. Then it takes one event at a time, and is frozen in between. A
crash or a timeout does not end it: everything in it is killed, /tmp stays, and the next event begins anew. A caller has
the answer when the runtime has given it; the environment is free when the extensions are done, too.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final

from lamina.environments.commands import Command
from lamina.environments.extension_variables import extension_variables
from lamina.environments.phases import ON_DEMAND_INIT_S
from lamina.environments.spec import EnvironmentSpec
from lamina.invocations import calls
from lamina.invocations.calls import Invocation, Measured, Outcome, ProcessEnd
from lamina.invocations.platform_events import Produced, Streamed
from lamina.invocations.streams import Sink
from lamina.runtime_api.connections import Connections
from lamina.runtime_api.extensions import ExtensionFailed, Facts
from lamina.runtime_api.session import Answer, InitFailed, Offer
from lamina.sandbox.plan import TASK_ROOT, EnvironmentMounts, Seal
from lamina.worker.blanks import Prepared
from lamina.worker.channel import ChannelClosed
from lamina.worker.generation import Cast, Generation
from lamina.worker.happenings import Exited, Failed, Failure, TimeIsUp, Told, told
from lamina.worker.logs import EnvironmentLog
from lamina.worker.memory import MemoryGauge
from lamina.worker.outputs import ExtensionOutput
from lamina.worker.platform_log import PlatformLog
from lamina.worker.processes import Assigned, Processes, Program, Reports
from lamina.worker.zygotes import SandboxEnded, SandboxFailed

# An environment used again within this time is not frozen in between: that would cost every call of a busy one.
_FREEZE_AFTER_S: Final = 0.02
# So long a runtime that reported an error may take to ask for its next event, before the caller is answered.
_AFTERWORD_S: Final = 0.1
# How long a killed process may take to be gone before its whole sandbox goes.
_KILL_SECONDS_MAX: Final = 2
# For reading what an ended process has streamed, if another one keeps its connection open; and the turns of the loop
# until a connection that is waiting to be accepted was.
_LAST_PIECES_SECONDS_MAX: Final = 0.2
_ACCEPTING_TURNS: Final = 10
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Assignment:
    """What makes a blank this function's environment."""

    mounts: EnvironmentMounts
    seal: Seal
    variables: Mapping[str, str]
    command: Command  # empty where the forked interpreter runs what it has
    init_seconds_max: int = ON_DEMAND_INIT_S


@dataclass(frozen=True, slots=True)
class _Taken:
    """How long an event took, which began at *began* of `time.perf_counter`, and what had come before it."""

    duration_ms: float
    init_ms: float | None
    restore_ms: float | None
    began: float


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
        self._freezing: asyncio.TimerHandle | None = None
        self._idle_since = 0.0
        self._frozen = False
        self._oom_kills = 0
        self._memory = MemoryGauge(prepared)
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
        self._freeze_soon()

    async def invoke(self, invocation: Invocation) -> Outcome:
        """Run one event. Every way a function can fail is an outcome. `rest` follows."""
        self._catch_up()
        self._thaw()
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
        taken = _Taken(duration_ms, init_ms, restore_ms, began)
        if isinstance(happened, Answer) and not invocation.with_log and not self.takes_leave:
            # Nobody has to wait for the log: it is written when the answer is, before anything else happens.
            self._unfinished = partial(self._finish, invocation, happened, outcome, taken)
            self._loop.call_soon(self._catch_up)
            return Outcome(outcome.payload, outcome.function_error, content_type=outcome.content_type)
        self.log.drain()
        self._say(invocation, happened)
        if not isinstance(happened, Answer) and not self.takes_leave:
            await self._reset("failure")
        self._finish(invocation, happened, outcome, taken)
        return Outcome(outcome.payload, outcome.function_error, self.log.tail(), content_type=outcome.content_type)

    def _finish(self, invocation: Invocation, happened: Answer | Failure, outcome: Told, taken: _Taken) -> None:
        """Have in the log what the function wrote, and what the platform says of the event."""
        self.log.drain()
        measured = Measured(
            duration_ms=min(taken.duration_ms, invocation.timeout_s * 1000.0),
            memory_mb=self.spec.memory_mb,
            memory_used_mb=min(self._memory.used_mb(self._processes.runtime_pid), self.spec.memory_mb),
            init_ms=taken.init_ms,
            restore_ms=taken.restore_ms,
        )
        produced = _produced(happened, outcome.payload, taken.began) if isinstance(happened, Answer) else None
        self.platform.finished(invocation.request_id, outcome.verdict, measured, produced, invocation.trace_id)
        self.log.flush()

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
        self._freeze_soon()
        return None

    async def leave(self) -> None:
        """Let its extensions go as AWS does when it ends an environment. Call before `close` if it `takes_leave`."""
        self._catch_up()
        self.usable = False
        self._thaw()
        generation = self._generation
        if generation is not None:
            await generation.shut_down("spindown" if generation.failure is None else "failure")

    def close(self) -> None:
        """End it and everything in it; what it held is given back once the kernel has let go of it."""
        self._catch_up()
        self.usable = False
        self._memory.close()
        if self._freezing is not None:
            self._freezing.cancel()
        if self._frozen:
            # A group that is gone already has nothing to thaw.
            with contextlib.suppress(OSError):
                self._thaw()
        try:
            self._api.close()
            if self._generation is not None:
                self._generation.close()
            if self._extension_output is not None:
                self._extension_output.close()
            self.log.close()
        finally:
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
        event = {
            "deadlineMs": deadline_ms,
            "requestId": invocation.request_id,
            "invokedFunctionArn": invocation.arn,
            "tracing": {"type": "X-Amzn-Trace-Id", "value": invocation.trace_id or ""},
        }
        offer = Offer(invocation.request_id, headers, invocation.payload, invocation.sink)
        return await generation.answer(offer, event, self._deadline)

    def _say(self, invocation: Invocation, happened: Answer | Failure) -> None:
        """Have the platform's own line in the log, where it has one to say about how an invocation ended."""
        if isinstance(happened, Exited):
            self.platform.exited(invocation.request_id, *calls.describe_end(happened.end))
        elif isinstance(happened, ExtensionFailed):
            self.platform.exited(invocation.request_id, happened.error_type, happened.text)
        elif isinstance(happened, TimeIsUp):
            self.platform.timed_out(invocation.request_id, invocation.timeout_s)
        elif isinstance(happened, InitFailed):
            self.usable = False

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
        self._freeze_soon()

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
        if self._generation is not None and self._generation.telemetry is not None:
            self._generation.telemetry.extension_output(lines)

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

    def _freeze_soon(self) -> None:
        if self.usable and self._processes.running and self.idle:
            self._idle_since = self._loop.time()
            if self._freezing is None:
                self._freezing = self._loop.call_later(_FREEZE_AFTER_S, self._freeze)

    def _freeze(self) -> None:
        self._freezing = None
        if not self.idle or not self.usable:
            return
        rested_at = self._idle_since + _FREEZE_AFTER_S
        if self._loop.time() < rested_at:
            # It has been used meanwhile. A timer for each rest would cost more.
            self._freezing = self._loop.call_at(rested_at, self._freeze)
            return
        telemetry = None if self._generation is None else self._generation.telemetry
        if telemetry is not None:
            if telemetry.in_flight:
                # Whoever is being sent something shall be able to take it.
                self._freeze_soon()
                return
            telemetry.pause()
        try:
            self.prepared.freeze()
            self._frozen = True
        except (OSError, ChannelClosed):
            _log.warning("an idle environment of %s could not be frozen", self.spec.function, exc_info=True)

    def _thaw(self) -> None:
        if self._frozen:
            self._frozen = False
            with contextlib.suppress(ChannelClosed):
                self.prepared.thaw()
        if self._generation is not None and self._generation.telemetry is not None:
            self._generation.telemetry.resume()


def _produced(answer: Answer, payload: bytes, began: float) -> Produced:
    """What there was of *answer*, to an invocation that began at *began* of `time.perf_counter`."""
    flow = answer.streamed
    if flow is None:
        return Produced(len(payload))
    moment = datetime.now(UTC) - timedelta(seconds=time.perf_counter() - began)
    return Produced(flow.size, Streamed(moment, (flow.began - began) * 1000, (flow.ended - flow.began) * 1000))


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
