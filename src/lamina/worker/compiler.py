"""Compiles the Python sources of one tree: in an environment of its own, as if they were to run there.

What is read may be made to crash a compiler, to keep it busy or to take it over. So it has a function's rights and no
more, what it answers is bounded and believed for this one tree only, and sources it dies of are found by being asked
for one by one, and left uncompiled.
"""

from __future__ import annotations

import asyncio
import json
import logging
import uuid
from collections.abc import Callable, Iterable
from typing import Final, ParamSpec, TypeVar

from lamina.environments.commands import Command
from lamina.environments.compiling import Asking, cache_tag, frames
from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import Credentials, variables
from lamina.invocations.calls import Invocation
from lamina.logs.names import LogGroupArn
from lamina.names import LATEST, Digest, FunctionArn, Scope
from lamina.sandbox.plan import plan_environment
from lamina.store.bytecode import ByteCode, Source, Writing
from lamina.worker.blanks import DEFAULT_STORAGE_MB
from lamina.worker.environment import Assignment, Environment
from lamina.worker.logs import EnvironmentLog, LogStream, Nowhere
from lamina.worker.machine import Machine
from lamina.worker.making import Trees
from lamina.worker.platform_log import PlatformLog
from lamina.worker.stations import Stations
from lamina.worker.zygotes import SandboxFailed

_PROGRAM: Final = "/var/runtime/lamina_compiler.py"
_MEMORY_MB: Final = 1024
_ANSWER_SECONDS_MAX: Final = 30
# As much as an archive may hold: byte-code is about as long as its source.
_WRITTEN_BYTES_MAX: Final = 262_144_000
_NOBODY: Final = Scope("000000000000", "us-east-1")
P = ParamSpec("P")
T = TypeVar("T")
_log = logging.getLogger(__name__)


class Compiler:
    """Makes byte-code. *watched* are the environments whose use of memory is looked at, where the kernel does not."""

    def __init__(
        self, machine: Machine, trees: Trees, code: ByteCode, stations: Stations, watched: set[Environment]
    ) -> None:
        self._machine = machine
        self._trees = trees
        self._code = code
        self._stations = stations
        self._watched = watched

    async def compile(self, digest: Digest, runtime: str, like: Digest | None) -> None:
        """Make the byte-code of the tree *digest* for *runtime*, unless it is there; take over what *like* has, too.

        Raises SandboxFailed, RuntimeNotInstalled, OSError, StoreError, ArchiveError.
        """
        tag = cache_tag(runtime)
        assert tag is not None, f"{runtime} has no byte-code"
        archives = [digest] if like is None or self._code.find(like, tag) is None else [digest, like]
        await _to_thread(self._trees.take, archives)
        try:
            if self._code.find(digest, tag) is None:
                await self._make(digest, runtime, tag, archives[-1])
        finally:
            await _to_thread(self._trees.give_back, archives)

    async def _make(self, digest: Digest, runtime: str, tag: str, like: Digest) -> None:
        writing, sources = await _to_thread(self._begin, digest, tag, like)
        try:
            if any(source.compiled for source in sources):
                await self._compile(digest, runtime, writing, sources)
            else:
                await _to_thread(_leave_out, writing, sources)
            await _to_thread(writing.finish)
        except BaseException:
            await _to_thread(writing.abandon)
            raise

    def _begin(self, digest: Digest, tag: str, like: Digest) -> tuple[Writing, list[Source]]:
        """What is still to be compiled, or to be left out."""
        sources = self._code.sources(digest, tag)
        reusable = {} if like == digest else self._code.reusable(digest, sources, like, tag)
        writing = self._code.begin(digest, tag)
        for source in sources:
            if source.path in reusable:
                writing.link(source, reusable[source.path])
        return writing, [source for source in sources if source.path not in reusable]

    async def _compile(self, digest: Digest, runtime: str, writing: Writing, sources: list[Source]) -> None:
        compiled = [source for source in sources if source.compiled]
        left_out = [source for source in sources if not source.compiled]
        asking, room = Asking(len(compiled)), _WRITTEN_BYTES_MAX
        environment = await self._environment(digest, runtime)
        try:
            await environment.begin()
            while asked := asking.next():
                group = [compiled[index] for index in asked]
                made = await _ask(environment, [source.path for source in group])
                room -= sum(map(len, made))
                if room < 0:
                    asking.give_up()
                elif made:
                    await _to_thread(_put, writing, group, made)
                    asking.answered(len(made))
                else:
                    asking.failed()
        finally:
            self._watched.discard(environment)
            environment.close()
            await environment.prepared.wait_gone()
        if asking.given_up:
            _log.warning("%d sources of %s are not compiled for %s", len(asking.given_up), digest, runtime)
            left_out += [compiled[index] for index in asking.given_up]
        await _to_thread(_leave_out, writing, left_out)

    async def _environment(self, digest: Digest, runtime: str) -> Environment:
        station = await self._stations.get(runtime)
        prepared = await station.shelf.take(DEFAULT_STORAGE_MB)
        prepared.in_background = True
        spec = _spec(digest, runtime)
        # Nobody reads what it prints.
        log = EnvironmentLog(prepared.blank.log, LogStream(LogGroupArn(_NOBODY, spec.log_group), "", Nowhere()))
        ports = self._machine.network.ports(prepared.blank)
        assignment = Assignment(
            mounts=plan_environment(digest.hex, [], prepared.tmp.folder_name),
            seal=self._machine.seal(prepared.uid, spec.memory_mb, spec.storage_mb),
            variables=variables(spec, Credentials("", "", ""), "", ports),
            command=Command((f"/var/lang/bin/{runtime}", "-S", _PROGRAM)),
        )
        environment = Environment(spec, prepared, log, PlatformLog(spec, log), assignment)
        self._watched.add(environment)
        return environment


async def _to_thread(work: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
    """What *work* returns, in a thread. Who is cancelled waits for it all the same: it writes what is to be removed."""
    running = asyncio.ensure_future(asyncio.to_thread(work, *arguments, **named))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait([running])
        raise


async def _ask(environment: Environment, paths: list[str]) -> list[bytes]:
    """The byte-code of the first of *paths*; none of any if there was no answer."""
    payload = json.dumps(paths).encode()
    request_id = str(uuid.uuid4())
    outcome = await environment.invoke(Invocation(request_id, "", payload, environment.spec.timeout_s))
    rest = environment.rest()
    assert rest is None, "no layer, no extension"
    if not environment.usable:
        raise SandboxFailed(f"the environment of a compiler ended: {outcome.payload[:200]!r}")
    return [] if outcome.function_error else frames(outcome.payload, len(paths))


def _put(writing: Writing, sources: Iterable[Source], made: Iterable[bytes]) -> None:
    for source, content in zip(sources, made, strict=False):
        writing.put(source, content)


def _leave_out(writing: Writing, sources: Iterable[Source]) -> None:
    for source in sources:
        writing.put(source, b"")


def _spec(digest: Digest, runtime: str) -> EnvironmentSpec:
    return EnvironmentSpec(
        function=FunctionArn(_NOBODY, "compiler"),
        version=LATEST,
        runtime=runtime,
        handler="",
        role="",
        code=digest,
        layers=(),
        memory_mb=_MEMORY_MB,
        storage_mb=DEFAULT_STORAGE_MB,
        timeout_s=_ANSWER_SECONDS_MAX,
        architecture="",
        # Sets are written in the order of their hashes, and the same source is to give the same bytes.
        variables=(("PYTHONHASHSEED", "0"),),
        log_group="compiler",
        log_format="Text",
        application_log_level=None,
        system_log_level=None,
    )
