"""Runs invocations: finds or makes an environment for each, gives it the event, and ends those nobody needs."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import socket
import time
from collections import defaultdict, deque
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from lamina.environments.compiling import worthwhile
from lamina.environments.eviction import Policy, reserve_bytes
from lamina.environments.pool import Pool, Queue, Take, Throttle
from lamina.environments.spec import PROVISIONED, SNAP_START, EnvironmentSpec
from lamina.invocations.calls import Invocation, Outcome
from lamina.log_store.writing import LogWriter
from lamina.names import Digest, FunctionArn
from lamina.observability.meter import Meter
from lamina.observability.passages import Passage, Start
from lamina.sandbox import memory
from lamina.sandbox.scratch import FolderScratch
from lamina.store.bytecode import ByteCode
from lamina.worker import watchdog
from lamina.worker.blanks import Prepared
from lamina.worker.census import Census
from lamina.worker.compiler import Compiler
from lamina.worker.compiling import Compilations
from lamina.worker.environment import Environment
from lamina.worker.machine import Machine
from lamina.worker.making import Maker, OpenDoor, Trees
from lamina.worker.provisions import Provisions
from lamina.worker.restored import TemplateFailed
from lamina.worker.runtimes import RuntimeNotInstalled, Runtimes
from lamina.worker.stations import Stations
from lamina.worker.templates import Templates
from lamina.worker.tidying import Tidying
from lamina.worker.turns import Turns
from lamina.worker.upkeep import House, Upkeep
from lamina.worker.watchdog import Watched
from lamina.worker.zygotes import SandboxEnded, SandboxFailed

if TYPE_CHECKING:
    from lamina.worker.preloads import Preloads

_START_SECONDS: Final = 0.5
_LEAVING_MAX: Final = 128
# Ending one takes time from its caller, whose answer goes out first.
_ENDED_AFTER_S: Final = 0.005
# How long a call waits for an environment that has answered and whose extensions are finishing, before another is
# started for it: that would take longer, and serve callers who come one after the other from two of everything.
_REST_SECONDS: Final = 0.2
_log = logging.getLogger(__name__)


class Throttled(Exception):
    """As many calls are under way as may be."""


class Worker:
    """The execution environments of one machine.

    *concurrency* is how many calls may be under way at once, *keepalive_s* how long an idle environment is kept,
    *memory_reserve_mb* how little memory ends some before that (None: as this machine suggests), *open_door* what lets
    their code call this server. One that is *patient* lets functions take as long to be initialised as to be invoked.
    What happens is counted by *meter*.
    The modules *preload* are imported ahead of demand, for functions with layers that bring them.
    """

    def __init__(
        self,
        machine: Machine,
        find_runtimes: Callable[[], Runtimes],
        trees: Trees,
        byte_code: ByteCode,
        state: Path,
        logs: LogWriter,
        *,
        concurrency: int,
        keepalive_s: float,
        open_door: OpenDoor,
        meter: Meter,
        memory_reserve_mb: int | None = None,
        patient: bool = False,
        preload: tuple[str, ...] = (),
    ) -> None:
        self._machine = machine
        self._find_runtimes = find_runtimes
        self._keepalive_s = keepalive_s
        self._meter = meter
        self._pool: Pool[EnvironmentSpec, Environment] = Pool(concurrency)
        self._waiting: dict[EnvironmentSpec, deque[asyncio.Future[Environment]]] = defaultdict(deque)
        self._stations = Stations(machine, self.runtimes, state)
        self._logs = logs
        self._environments = Watched()
        compiler = Compiler(machine, trees, byte_code, self._stations, self._environments)
        self._compilations = Compilations(byte_code, compiler)
        self._maker = Maker(
            machine, trees, self._compilations, self._stations, self._logs, open_door, meter, patient=patient
        )
        self._starts: set[_Start] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        # By spec, those that have answered and wait for their extensions; who waits for one takes it from here.
        self._resting: dict[EnvironmentSpec, deque[asyncio.Task[None]]] = defaultdict(deque)
        # Those whose extensions are being told that it is over; they are given their time even when the server stops.
        self._leaving: dict[Environment, asyncio.Task[None]] = {}
        # More starts at once would only take the processors from one another; but a function that sleeps as it is
        # imported must not keep others from starting.
        self._starting = Turns(2 * (os.cpu_count() or 1), _START_SECONDS)
        self._runtimes: asyncio.Task[Runtimes] | None = None
        self._closed = False
        self._templates = Templates(self._maker, machine, self._stations.fresh_name)
        self.census = Census(
            self._pool, self._environments, self._templates.environments, counts_memory=machine.cgroups is not None
        )
        self._preloads = self._preload(preload, state) if preload else None
        self.provisions = Provisions(self._pool, self._make_in_turn, self._started, self._end, self._spawn)
        view = memory.find([] if machine.cgroups is None else [machine.cgroups.memory_folder])
        policy = Policy(keepalive_s, reserve_bytes(memory_reserve_mb, view.read().total))
        houses: list[House[Any]] = [self._templates] if self._preloads is None else [self._templates, self._preloads]
        self._tidying = Tidying(lambda: self._pool.alive > 0)
        self._upkeep = Upkeep(self._pool, houses, policy, view, self.provisions.keeps, self._end)

    def open(self) -> None:
        """Begin the background work. Call on the loop."""
        self._runtimes = asyncio.ensure_future(asyncio.to_thread(self._find_runtimes))
        self._spawn(self._upkeep.run())
        charged, bounded = self._machine.cgroups is not None, not isinstance(self._machine.scratch, FolderScratch)
        if not (charged and bounded):
            for environments in (self._environments, self._templates.environments):
                self._spawn(watchdog.watch(environments, memory=not charged, storage=not bounded))

    async def close(self) -> None:
        """End every environment and zygote, and give back all they held."""
        self._closed = True
        self._tidying.close()
        self.provisions.close()
        await self._compilations.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for environment in list(self._environments):
            self._end(environment)
        await asyncio.gather(*self._leaving.values(), return_exceptions=True)
        await self._templates.close()
        if self._preloads is not None:
            await self._preloads.close()
        await self._stations.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._runtimes is not None:
            await asyncio.gather(self._runtimes, return_exceptions=True)
        await asyncio.to_thread(self._machine.scratch.close)
        if self._machine.cgroups is not None:
            self._machine.cgroups.remove()
        await asyncio.to_thread(self._logs.wait_written)

    async def runtimes(self) -> Runtimes:
        """The runtimes of this machine; known a third of a second after the start."""
        assert self._runtimes is not None, "not opened"
        if self._runtimes.done():
            return self._runtimes.result()
        return await asyncio.shield(self._runtimes)

    async def invoke(self, spec: EnvironmentSpec, invocation: Invocation) -> Outcome:
        """Run *invocation* in an environment of *spec*. Raises Throttled, RuntimeNotInstalled, SandboxFailed."""
        (await self.runtimes()).kit(spec.runtime)
        asked = time.perf_counter()
        environment = await self._obtain(spec)
        obtained = time.perf_counter()
        rest: Coroutine[Any, Any, None] | None = None
        try:
            outcome = await environment.invoke(invocation)
            rest = environment.rest()
            self._observe(environment, invocation, outcome, asked, obtained)
            return outcome
        except BaseException:
            environment.usable = False
            raise
        finally:
            if rest is None:
                self._return(environment)
            else:
                self._rest(spec, rest, environment)

    def _observe(
        self, environment: Environment, invocation: Invocation, outcome: Outcome, asked: float, obtained: float
    ) -> None:
        spec = environment.spec
        start, environment.start = environment.start, None
        answered, failed = time.perf_counter(), outcome.function_error is not None
        request_id, trace = invocation.request_id, invocation.trace_id
        self._meter.invoked(
            Passage(spec.function, spec.version, request_id, trace, asked, obtained, answered, failed, start)
        )

    async def _return_after(self, rest: Coroutine[Any, Any, None], environment: Environment) -> None:
        try:
            await rest
        except BaseException:
            environment.usable = False
            raise
        finally:
            self._return(environment)

    def _rest(self, spec: EnvironmentSpec, rest: Coroutine[Any, Any, None], environment: Environment) -> None:
        """Return *environment* once *rest* is over. Until then it can be waited for."""
        task = asyncio.ensure_future(self._return_after(rest, environment))
        self._track(task)
        self._resting[spec].append(task)

        def rested(_: object) -> None:
            # Cancelled before it began, it would complain that nobody awaited it.
            rest.close()
            resting = self._resting[spec]
            if task in resting:
                resting.remove(task)
            if not resting:
                del self._resting[spec]

        task.add_done_callback(rested)

    async def _wait_rested(self, spec: EnvironmentSpec) -> None:
        """Give an environment that is nearly free again, and that nobody waits for yet, the time to become so."""
        if self._resting.get(spec) and not self.has_provisioned(spec) and not self._pool.has_idle(spec):
            await asyncio.wait((self._resting[spec].popleft(),), timeout=_REST_SECONDS)

    def prepare(self, runtime: str) -> None:
        """Begin to get what every function of *runtime* needs, ahead of its first invocation."""
        self._spawn(self._prepare(runtime))

    async def _prepare(self, runtime: str) -> None:
        # Whoever invokes a function of it is told; here nobody has asked.
        with contextlib.suppress(SandboxFailed, RuntimeNotInstalled):
            (await self.runtimes()).kit(runtime)
            await self._stations.get(runtime)

    def compile(self, archives: Iterable[Digest], runtime: str, like: Digest | None) -> None:
        """Begin to make byte-code of what a function consists of; the first of *archives* was *like* this before."""
        for digest in archives:
            self._compilations.want(digest, runtime, like)
            like = None

    def compile_layer(self, digest: Digest, declared: Sequence[str], like: Digest | None) -> None:
        """Begin to make byte-code of a layer for runtimes it is *declared* for; the version before it is *like* it."""
        if declared:
            self._spawn(self._compile_layer(digest, declared, like))

    async def _compile_layer(self, digest: Digest, declared: Sequence[str], like: Digest | None) -> None:
        ready = (await self.runtimes()).kits
        for runtime in worthwhile(declared, ready, self._stations.running()):
            self._compilations.want(digest, runtime, like)

    def retire(self, function: FunctionArn) -> None:
        """End what was made of *function*, of one version where it is qualified; what is busy, when it has finished."""
        begun: list[Environment | _Start] = [*self._environments, *self._starts]
        for each in begun:
            spec = each.spec
            if spec.function == function.unqualified and function.qualifier in (None, spec.version):
                each.usable = False
        self.provisions.forget(function)
        self._templates.retire(function)
        for environment in self._pool.take_idle(lambda _spec, environment, _since: not environment.usable):
            self._end(environment)

    def figures(self) -> Mapping[str, int]:
        """How many environments there are."""
        return {"alive": self._pool.alive, "idle": self._pool.idle, "busy": self._pool.busy}

    def has_provisioned(self, spec: EnvironmentSpec) -> bool:
        """Whether a call of *spec* would get a provisioned environment now."""
        return self.provisions.free(spec) is not None

    async def _obtain(self, spec: EnvironmentSpec) -> Environment:
        if self._resting:
            await self._wait_rested(spec)
        while True:
            wanted = self.provisions.free(spec) or spec
            decision = self._pool.request(wanted)
            if isinstance(decision, Throttle):
                raise Throttled
            if not isinstance(decision, Take):
                break
            if decision.member.usable:
                return decision.member
            # It died, or was retired, since the last look at the idle ones.
            self._end(decision.member)
            self._pool.ended(wanted)
        spec = wanted
        turn: asyncio.Future[Environment] = asyncio.get_running_loop().create_future()
        self._waiting[spec].append(turn)
        self._act(spec, decision)
        try:
            return await turn
        except asyncio.CancelledError:
            if turn in self._waiting[spec]:
                self._waiting[spec].remove(turn)
                self._pool.stopped_waiting(spec)
            elif turn.done() and not turn.cancelled() and turn.exception() is None:
                self._return(turn.result())
            raise

    def _act(self, spec: EnvironmentSpec, decision: Queue[Environment]) -> None:
        if decision.evict is not None:
            self._end(decision.evict)
        if decision.start:
            self._spawn(self._begin(spec))

    async def _begin(self, spec: EnvironmentSpec) -> None:
        try:
            environment = await self._make_in_turn(spec)
        except asyncio.CancelledError:
            self._start_failed(spec, SandboxFailed("the server is stopping"))
            raise
        except Exception as error:  # noqa: BLE001 - whoever waits is told, whatever it was
            if not isinstance(error, SandboxFailed | RuntimeNotInstalled):
                _log.exception("an environment of %s could not be started", spec.function)
            self._start_failed(spec, error)
        else:
            self._started(spec, environment)

    async def _make_in_turn(self, spec: EnvironmentSpec) -> Environment:
        asked = time.perf_counter()
        async with self._starting.turn():
            return await self._make(spec, asked)

    def _started(self, spec: EnvironmentSpec, environment: Environment) -> None:
        if self._pool.started(spec, environment, time.monotonic()):
            self._hand_over(spec, environment)
        else:
            self._upkeep.wake()

    def _start_failed(self, spec: EnvironmentSpec, error: Exception) -> None:
        turn = self._next_turn(spec)
        if turn is not None:
            self._pool.stopped_waiting(spec)
            turn.set_exception(error)
        self._pool.start_failed(spec)

    def _next_turn(self, spec: EnvironmentSpec) -> asyncio.Future[Environment] | None:
        turns = self._waiting[spec]
        turn = turns.popleft() if turns else None
        if not turns:
            del self._waiting[spec]
        return turn

    def _hand_over(self, spec: EnvironmentSpec, environment: Environment) -> None:
        turn = self._next_turn(spec)
        assert turn is not None, "the pool counts as many callers as there are turns"
        turn.set_result(environment)

    def _return(self, environment: Environment) -> None:
        spec = environment.spec
        provisioned = spec.initialization == PROVISIONED
        stays = self.provisions.keeps(environment) if provisioned else self._keepalive_s > 0
        if environment.usable and not self._closed and stays:
            if self._pool.released(spec, environment, time.monotonic()):
                self._hand_over(spec, environment)
            else:
                self._upkeep.wake()
            return
        environment.usable = False
        self._pool.ended(spec)
        asyncio.get_running_loop().call_later(_ENDED_AFTER_S, self._end_returned, environment)

    def _end_returned(self, environment: Environment) -> None:
        if environment in self._environments:
            self._end(environment)

    def _end(self, environment: Environment) -> None:
        self.provisions.ended(environment)
        if environment in self._leaving:
            return
        # However fast environments follow on one another, those that leave must not take all user ids from the living.
        if environment.takes_leave and (self._closed or len(self._leaving) < _LEAVING_MAX):
            self._leaving[environment] = asyncio.ensure_future(self._take_leave(environment))
            return
        self._close(environment)

    async def _take_leave(self, environment: Environment) -> None:
        try:
            await environment.leave()
        finally:
            del self._leaving[environment]
            self._close(environment)

    def _close(self, environment: Environment) -> None:
        self._environments.discard(environment)
        environment.close()
        self._spawn(self._give_back(environment.prepared, environment.spec))

    async def _give_back(self, prepared: Prepared, spec: EnvironmentSpec) -> None:
        await prepared.wait_gone()
        await self._maker.give_back(spec)
        self._tidying.note()

    async def _make(self, spec: EnvironmentSpec, asked: float) -> Environment:
        """A new environment of *spec*, initialised, that was *asked* for. Raises SandboxFailed, RuntimeNotInstalled."""
        start = _Start(spec)
        self._starts.add(start)
        try:
            try:
                environment = await self._make_once(spec, asked)
            except SandboxEnded:
                # Killed while it stood ready: no fault of this function's.
                environment = await self._make_once(spec, asked)
        except Exception:
            self._meter.start_failed(spec.initialization)
            raise
        finally:
            self._starts.discard(start)
        environment.usable = environment.usable and start.usable
        return environment

    async def connect(self, function: FunctionArn, port: int) -> socket.socket:
        """A connection to *port* of the loopback address inside an environment of *function*. Raises OSError."""
        for environment in self._environments:
            if environment.spec.function == function.unqualified and environment.usable:
                return await environment.connect(port)
        raise ConnectionRefusedError(errno.ECONNREFUSED, "no environment has been started yet")

    async def visit(
        self, spec: EnvironmentSpec, argv: Sequence[str], variables: Mapping[str, str], streams: Sequence[int]
    ) -> int:
        """Run *argv* with *streams* in an environment of *spec* where nothing else runs; its exit status.

        Raises SandboxFailed, RuntimeNotInstalled.
        """
        environment = await self._maker.assemble_visited(spec)
        self._environments.add(environment)
        try:
            return await environment.visit(argv, variables, streams)
        finally:
            self._end(environment)

    async def snapshot(self, spec: EnvironmentSpec) -> None:
        """Have a template of *spec*, from which its environments begin. Raises TemplateFailed, SandboxFailed."""
        await self._templates.make(spec)
        self._upkeep.wake()

    async def _restored(self, spec: EnvironmentSpec) -> Environment | None:
        """An environment forked from a template for *spec*, where there is one; where there is to be one, that is made.

        Until then environments are initialised one by one, with the hooks of a snapshot in between.
        """
        if spec.initialization != SNAP_START:
            return None if self._preloads is None else await self._preloaded(self._preloads, spec)
        if not self._templates.knows(spec):
            self._spawn(self._take_snapshot(spec))
        return await self._templates.take(spec)

    async def _preloaded(self, preloads: Preloads, spec: EnvironmentSpec) -> Environment | None:
        self._upkeep.wake()
        return await preloads.take(spec)

    def _preload(self, modules: tuple[str, ...], state: Path) -> Preloads:
        # Most servers do not: they need not read it either.
        from lamina.worker.preloads import Preloads  # noqa: PLC0415

        trees, fresh_name = state / "trees" / "v1", self._stations.fresh_name
        return Preloads(modules, trees, self._maker, self._machine, fresh_name, self._templates.environments)

    async def _take_snapshot(self, spec: EnvironmentSpec) -> None:
        try:
            await self.snapshot(spec)
        except (TemplateFailed, SandboxFailed) as error:
            _log.warning("%s of %s has no snapshot: %s", spec.version, spec.function, error)

    async def _make_once(self, spec: EnvironmentSpec, asked: float) -> Environment:
        turn = time.perf_counter()
        environment = await self._restored(spec) or await self._maker.assemble(spec)
        assembled = time.perf_counter()
        self._environments.add(environment)
        try:
            await environment.begin()
        except BaseException:
            self._end(environment)
            raise
        environment.start = Start(spec.initialization, asked, turn, assembled, time.perf_counter())
        self._meter.started(environment.start)
        return environment

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._track(asyncio.ensure_future(work))

    def _track(self, task: asyncio.Task[None]) -> None:
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


@dataclass(slots=True, eq=False)
class _Start:
    """An environment that is being made; not `usable` beyond the event it is made for if its function changes."""

    spec: EnvironmentSpec
    usable: bool = True
