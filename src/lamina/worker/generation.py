"""The processes of an environment from one start to the next reset, and the conversations with them.

A generation begins with its extensions, all at once; then comes the runtime; it is ready when every one of them has
asked for its next event. What goes wrong first ends it: a process that exits, a report of failure, a phase that takes
too long. How it ends is the shutdown phase: the runtime is asked to go, the extensions are told, then all are killed.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lamina.invocations.calls import ProcessEnd
from lamina.runtime_api.connections import Connections
from lamina.runtime_api.extensions import EXTENSIONS_MAX, SHUTDOWN, ExtensionFailed, Extensions, Facts
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.restoring import Restoring
from lamina.runtime_api.routes import Routes
from lamina.runtime_api.session import Answer, InitFailed, Offer, RuntimeSession
from lamina.runtime_api.subscriptions import Api
from lamina.worker.channel import ChannelClosed
from lamina.worker.happenings import Exited, Failed, Failure, TimeIsUp, crash, verdict
from lamina.worker.platform_log import SUCCESS, PlatformLog
from lamina.worker.processes import Processes, Program
from lamina.worker.telemetry import Telemetry

EXTENSIONS_FOLDER: Final = "/opt/extensions"
# So much of the shutdown phase is the runtime's where an external extension is to have the rest.
_RUNTIME_SHARE: Final = 0.3
# How long what was said before may take to be sent, of a shutdown phase.
_LAST_WORDS_S: Final = 0.5


@dataclass(frozen=True, slots=True)
class Cast:
    """Who takes part: what the runtime and the extensions are started with, and what they are told."""

    runtime: Program
    extension: Program  # without what to execute
    facts: Facts
    structured_logs: bool
    held: bool = False  # SnapStart: whether the runtime waits, once initialised, until it is restored


class Generation:
    """One start of everything in the sandbox of *processes*, in *phase*: "init", or "invoke" when an event needs it."""

    def __init__(self, cast: Cast, processes: Processes, api: Connections, platform: PlatformLog, phase: str) -> None:
        self._cast = cast
        self._phase = phase
        self._processes = processes
        self._platform = platform
        self._loop = asyncio.get_running_loop()
        self._changed: asyncio.Future[None] | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._runtime_ready = False
        self._answer: Answer | None = None
        self._found: tuple[str, ...] | None = None
        self._ending = False
        self.failure: Failure | None = None
        self.telemetry: Telemetry | None = None
        # Telemetry is for those who subscribe to this generation.
        platform.listen(None, None)
        self.extensions = Extensions(cast.facts, self._wake, self._fail)
        self._session = RuntimeSession(self._ready, self._answered, self._init_failed)
        # Waiting to be restored it is as ready as it can be.
        self._restoring = Restoring(cast.held, self._ready, self._init_failed)
        api.renew(Routes(self._session, self._restoring, self.extensions, self._subscribe))

    @property
    def has_extensions(self) -> bool:
        """Whether there is anybody but the runtime to wait for, and to take leave of."""
        return self.extensions.count > 0

    @property
    def untaken(self) -> bool:
        """Whether the event that was given out last has not reached the runtime."""
        return self._session.untaken

    async def initialise(self, deadline: float, extensions: tuple[str, ...] | None) -> Failure | None:
        """Start everything, and wait until all are ready; else why not.

        *extensions*: their names; None if those are still to be told, and the runtime starts if there are none.

        Raises ChannelClosed.
        """
        began = time.perf_counter()
        failure = await self._initialise(deadline, extensions)
        ended = SUCCESS if failure is None else verdict(failure)
        if not self._runtime_ready:
            self._platform.init_runtime_done(self._phase, ended)
        if not isinstance(failure, Failed):
            self._platform.init_ended(self._phase, (time.perf_counter() - began) * 1000, ended)
        return failure

    async def _initialise(self, deadline: float, extensions: tuple[str, ...] | None) -> Failure | None:
        if not extensions:
            if extensions is not None:
                self._processes.start_runtime(self._cast.runtime)
            failure = await self._until(deadline, lambda: self._runtime_ready or bool(self._found))
            if failure is not None or not self._found:
                return failure or await self._wait_extensions_ready(deadline)
            extensions = self._found
        self._start_extensions(extensions)
        failure = await self._until(deadline, lambda: self.extensions.all_registered)
        if failure is None:
            self._processes.start_runtime(self._cast.runtime)
            failure = await self._until(deadline, lambda: self._runtime_ready)
        return failure or await self._wait_extensions_ready(deadline)

    async def _wait_extensions_ready(self, deadline: float) -> Failure | None:
        self._platform.init_runtime_done(self._phase, SUCCESS)
        self.extensions.close_registration()
        failure = await self._until(deadline, lambda: self.extensions.all_ready)
        self._close_subscriptions()
        return failure

    async def wait_runtime(self, deadline: float) -> Failure | None:
        """Returns when a runtime that was not started from here waits to be restored, or with what prevents it."""
        return await self._until(deadline, lambda: self._runtime_ready)

    async def restore(self, deadline: float) -> Failure | None:
        """Have the runtime that waits for it go on; returns when it asks for its first event, or why it does not."""
        self._runtime_ready = False
        self._restoring.restore()
        return await self._until(deadline, lambda: self._runtime_ready)

    async def answer(self, offer: Offer, event: Mapping[str, object], deadline: float) -> Answer | Failure:
        """Give out an event, to the extensions as *event*; what the runtime answers, or why it does not."""
        self._answer = None
        if self.has_extensions:
            self.extensions.invoke(event)
        self._session.offer(offer)
        failure = await self._until(deadline, lambda: self._answer is not None)
        if failure is not None:
            return failure
        answer: Answer | None = self._answer
        assert answer is not None
        return answer

    async def wait_next(self, deadline: float) -> None:
        """Returns when the runtime has asked for its next event, or can no more, or at *deadline*."""
        await self._until(deadline, lambda: self._session.waiting)

    async def wait_rest(self, deadline: float) -> Failure | None:
        """Returns when everyone has asked for the next event, or with what prevents it."""
        return await self._until(deadline, lambda: self.extensions.all_ready and self._session.waiting)

    async def shut_down(self, reason: str) -> None:
        """The shutdown phase, for *reason* ("spindown", "timeout", "failure"): as long as AWS gives it, at most."""
        seconds = self.extensions.shutdown_s
        if not seconds:
            return
        self._ending = True
        began = self._loop.time()
        end = began + seconds
        with contextlib.suppress(ChannelClosed):
            external = any(seen.external for seen in self.extensions.seen())
            await self._end_runtime(began + seconds * (_RUNTIME_SHARE if external else 1.0))
            if self.telemetry is not None:
                self.telemetry.hurry()
                await self.telemetry.wait_sent(min(_LAST_WORDS_S, end - self._loop.time()))
            told = self.extensions.subscribers(SHUTDOWN)
            for seen in self.extensions.seen():
                if seen.external and seen.name not in told:
                    self._processes.kill_extension(seen.name)
            deadline_ms = int((time.time() + end - self._loop.time()) * 1000)
            self.extensions.shut_down({"deadlineMs": deadline_ms, "shutdownReason": reason})
            await self._until(end, lambda: not any(map(self._processes.extension_running, told)), failing=False)

    def close(self) -> None:
        """Nobody listens to it any more."""
        if self._alarm is not None:
            self._alarm.cancel()
        if self.telemetry is not None:
            self.telemetry.close()

    # What process 1 reports

    def found(self, extensions: tuple[str, ...]) -> None:
        """The layers bring these *extensions*."""
        self._found = extensions
        self._wake()

    def exited(self, extension: str | None, end: ProcessEnd) -> None:
        """A process has ended: an *extension*, None for the runtime."""
        if extension is not None:
            self.extensions.ended(extension)
        if not self._ending:
            self._fail(Exited(end) if extension is None else crash(end))
        self._wake()

    def failed(self, text: str) -> None:
        """The sandbox could not be set up."""
        self._fail(Failed(text))

    def lost(self, end: ProcessEnd) -> None:
        """All processes have, and process 1 with them."""
        self._fail(Exited(end))

    def _start_extensions(self, names: tuple[str, ...]) -> None:
        self._listen_to_platform()
        self._platform.init_begins(self._phase)
        self.extensions.expect(names)
        if len(names) > EXTENSIONS_MAX:
            self._fail(ExtensionFailed("Extension.LaunchError", f"Extension limit ({EXTENSIONS_MAX}) reached"))
            return
        for name in names:
            program = replace(self._cast.extension, argv=(f"{EXTENSIONS_FOLDER}/{name}",))
            self._processes.start_extension(name, program)

    async def _end_runtime(self, deadline: float) -> None:
        if self._processes.runtime_running:
            self._processes.end_runtime(signal.SIGTERM)
            if await self._until(deadline, lambda: not self._processes.runtime_running, failing=False):
                self._processes.end_runtime(signal.SIGKILL)

    # What the conversations bring

    def _ready(self) -> None:
        self._runtime_ready = True
        self._wake()

    def _answered(self, answer: Answer) -> None:
        self._answer = answer
        self._wake()

    def _init_failed(self, failed: InitFailed) -> None:
        self._fail(failed)

    def _subscribe(self, identifier: str | None, api: Api, body: bytes) -> Reply:
        name = self.extensions.name_of(identifier)
        if isinstance(name, Reply):
            return name
        if self.telemetry is None:
            # An internal one.
            self._listen_to_platform()
        telemetry = self.telemetry
        assert telemetry is not None
        reply = telemetry.subscribe(name, api, body)
        if reply.status == 200:
            self._platform.subscribed(name, telemetry.types_of(name), api)
        return reply

    def _listen_to_platform(self) -> None:
        self.telemetry = Telemetry(self._processes.connect, structured=self._cast.structured_logs)
        self._platform.listen(self.telemetry.tell, self.telemetry.function_output)

    def _close_subscriptions(self) -> None:
        for seen in self.extensions.seen():
            self._platform.extension(seen.name, seen.state, seen.events, seen.error_type)
        if self.telemetry is not None:
            self.telemetry.close_subscriptions()

    # Waiting

    def _fail(self, failure: Failure) -> None:
        if self.failure is None:
            self.failure = failure
        self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def _until(self, deadline: float, reached: Callable[[], bool], *, failing: bool = True) -> Failure | None:
        """None once *reached*; else what came first. Not *failing*: whatever has gone wrong before."""
        try:
            while not reached():
                if failing and self.failure is not None:
                    return self.failure
                if self._loop.time() >= deadline:
                    return TimeIsUp()
                self._wake_at(deadline)
                self._changed = self._loop.create_future()
                await self._changed
            return None
        finally:
            self._changed = None

    def _wake_at(self, deadline: float) -> None:
        # One that is early enough stays: a timer for each call, only to be cancelled, costs more than the waiting.
        if self._alarm is not None and self._alarm.when() > deadline:
            self._alarm.cancel()
            self._alarm = None
        if self._alarm is None:
            self._alarm = self._loop.call_at(deadline, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._wake()
