"""Puts an environment together: extracted archives, a blank sandbox, what makes it this function's."""

from __future__ import annotations

import asyncio
import base64
import secrets
import socket
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Protocol, TypeVar

from lamina.environments.commands import Command, command
from lamina.environments.compiling import cache_tag
from lamina.environments.phases import INVOKE_S_MAX, init_seconds_max
from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import Credentials, variables
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn, environment_stream
from lamina.names import Digest, Scope
from lamina.observability.meter import Meter
from lamina.sandbox.plan import plan_environment, plan_function
from lamina.worker.blanks import Door, Prepared
from lamina.worker.environment import Assignment, Environment
from lamina.worker.logs import EnvironmentLog, LogStream, Nowhere
from lamina.worker.machine import Machine
from lamina.worker.platform_log import PlatformLog
from lamina.worker.restored import RestoredEnvironment, TemplateEnvironment
from lamina.worker.stations import Station, Stations
from lamina.worker.visits import VisitedEnvironment
from lamina.worker.zygotes import Zygote

E = TypeVar("E", bound=Environment)


class Trees(Protocol):
    """Where extracted archives are. `take` and `give_back` may touch the disk."""

    def take_nowait(self, digests: Sequence[Digest]) -> bool:
        """`take` them if that needs no disk; False where it does."""
        ...

    def give_back_nowait(self, digests: Sequence[Digest]) -> bool:
        """`give_back` them if that needs no disk; False where it does."""
        ...

    def take(self, digests: Sequence[Digest]) -> None:
        """Have the archives *digests* extracted, and keep them so until they are given back."""
        ...

    def give_back(self, digests: Sequence[Digest]) -> None: ...


class ByteCode(Protocol):
    """Byte-code of archives that are taken; it comes in its own time."""

    def find(self, digest: Digest, tag: str) -> str | None:
        """The folder to lay over the tree, as a path below that of all trees."""
        ...

    def want(self, digest: Digest, runtime: str) -> None:
        """Have it made for those who come later."""
        ...


# Answers on a listener in an environment for callers in a scope, who have its credentials.
OpenDoor = Callable[[socket.socket, Scope, Credentials], Door]


class Maker:
    """Makes environments that have not begun yet."""

    def __init__(
        self,
        machine: Machine,
        trees: Trees,
        byte_code: ByteCode,
        stations: Stations,
        logs: LogWriter,
        open_door: OpenDoor,
        meter: Meter,
        *,
        patient: bool = False,
    ) -> None:
        self._machine = machine
        self._open_door = open_door
        self._meter = meter
        self._patient = patient
        self._trees = trees
        self._byte_code = byte_code
        self._stations = stations
        self._logs = logs

    async def assemble(self, spec: EnvironmentSpec) -> Environment:
        """An environment of *spec*, still to `begin`. Raises SandboxFailed, RuntimeNotInstalled.

        When it has ended, its archives are to be given back.
        """
        station, prepared = await self._take(spec)
        environment = self._environment(Environment, spec, prepared)
        self._announce(environment, station)
        return environment

    async def assemble_visited(self, spec: EnvironmentSpec) -> VisitedEnvironment:
        """The same, to `visit` instead of to begin."""
        _, prepared = await self._take(spec)
        return self._environment(VisitedEnvironment, spec, prepared)

    async def assemble_template(self, spec: EnvironmentSpec) -> tuple[TemplateEnvironment, Zygote]:
        """The same, of which others are forked once it has begun; and what it was forked from itself."""
        station, prepared = await self._take(spec)
        template = self._environment(TemplateEnvironment, spec, prepared, template=True)
        self._announce(template, station)
        return template, station.zygote

    async def assemble_restored(self, template: TemplateEnvironment, prepared: Prepared) -> RestoredEnvironment:
        """An environment in the blank *prepared* that *template* begot; still to adopt a child of it."""
        spec = template.spec
        try:
            station = await self._stations.get(spec.runtime)
            await self.hold(spec)
        except BaseException:
            prepared.release()
            raise
        restored = self._environment(RestoredEnvironment, spec, prepared, locked=True)
        restored.platform.restore_begins(*station.runtime_version(spec))
        restored.log.begin()
        return restored

    async def assemble_template_of(
        self, kind: type[E], spec: EnvironmentSpec, variables_at: Callable[[tuple[int, int] | None], Mapping[str, str]]
    ) -> tuple[E, Zygote]:
        """A template of *kind* that has layers alone, no function; still to begin. Its archives are held already.

        *variables_at* gives its variables, told at which ports of loopback the APIs are, if they are. Second, what it
        was forked from. Raises SandboxFailed, RuntimeNotInstalled.
        """
        station = await self._stations.get(spec.runtime)
        prepared = await station.shelf.take(spec.storage_mb)
        # Functions print what they import in a log of their own; nobody has asked for this.
        stream = LogStream(LogGroupArn(spec.function.scope, spec.log_group), "", Nowhere())
        log = EnvironmentLog(prepared.blank.log, stream)
        layers, byte_code = [layer.hex for layer in spec.layers], self.find_byte_code(spec)
        assignment = Assignment(
            mounts=plan_environment(None, layers, prepared.tmp.folder_name, template=True, byte_code=byte_code),
            seal=self._machine.seal(prepared.uid, spec.memory_mb, spec.storage_mb, template=True),
            variables=variables_at(self._machine.network.ports(prepared.blank)),
            command=Command(),
        )
        return kind(spec, prepared, log, PlatformLog(spec, log), assignment), station.zygote

    async def assemble_inhabited(self, kind: type[E], spec: EnvironmentSpec, prepared: Prepared) -> E:
        """An environment of *kind* in the blank *prepared*, in which a template's child stands by; still to begin."""
        try:
            station = await self._stations.get(spec.runtime)
            await self.hold(spec)
        except BaseException:
            prepared.release()
            raise
        environment = self._environment(kind, spec, prepared)
        self._announce(environment, station)
        return environment

    async def _take(self, spec: EnvironmentSpec) -> tuple[Station, Prepared]:
        await self.hold(spec)
        try:
            station = await self._stations.get(spec.runtime)
            return station, await station.shelf.take(spec.storage_mb, command(spec))
        except BaseException:
            await self.give_back(spec)
            raise

    def _environment(
        self,
        kind: type[E],
        spec: EnvironmentSpec,
        prepared: Prepared,
        *,
        template: bool = False,
        locked: bool = False,
    ) -> E:
        log = EnvironmentLog(prepared.blank.log, self._stream(spec))
        credentials = _credentials()
        prepared.door = self._open_door(prepared.blank.endpoint, spec.function.scope, credentials)
        layers, tmp = [layer.hex for layer in spec.layers], prepared.tmp.folder_name
        code, byte_code = spec.code.hex, self.find_byte_code(spec)
        if prepared.blank.inhabitant is not None:
            mounts = plan_function(code, tmp, byte_code)
        else:
            mounts = plan_environment(code, layers, tmp, locked=locked, template=template, byte_code=byte_code)
        assignment = Assignment(
            mounts=mounts,
            seal=self._machine.seal(prepared.uid, spec.memory_mb, spec.storage_mb, template=template),
            variables=variables(spec, credentials, log.stream.name, self._machine.network.ports(prepared.blank)),
            command=command(spec),
            init_seconds_max=INVOKE_S_MAX if self._patient else init_seconds_max(spec.initialization, spec.timeout_s),
        )
        return kind(spec, prepared, log, PlatformLog(spec, log), assignment)

    def _announce(self, environment: Environment, station: Station) -> None:
        environment.platform.init_started(*station.runtime_version(environment.spec))
        # Not part of an answer's tail.
        environment.log.begin()

    def find_byte_code(self, spec: EnvironmentSpec) -> Mapping[str, str]:
        """Where it is, by the archive's digest. What is missing is not waited for."""
        found = {}
        tag = cache_tag(spec.runtime)
        for digest in spec.archives if tag is not None else ():
            folder = self._byte_code.find(digest, str(tag))
            self._meter.looked_up("byte_code", found=folder is not None)
            if folder is None:
                self._byte_code.want(digest, spec.runtime)
            else:
                found[digest.hex] = folder
        return found

    async def give_back(self, spec: EnvironmentSpec) -> None:
        """Nothing mounts the archives of one environment of *spec* any more."""
        if not self._trees.give_back_nowait(spec.archives):
            await asyncio.to_thread(self._trees.give_back, spec.archives)

    async def hold(self, spec: EnvironmentSpec) -> None:
        """Have its archives extracted, and stay so until they are given back."""
        if not self._trees.take_nowait(spec.archives):
            await asyncio.to_thread(self._trees.take, spec.archives)

    def _stream(self, spec: EnvironmentSpec) -> LogStream:
        group = LogGroupArn(spec.function.scope, spec.log_group)
        unique = secrets.token_hex(16)
        name = environment_stream(datetime.now(UTC), spec.function.name, spec.version, group.name, unique)
        least = (spec.application_log_level or "INFO") if spec.log_format == "JSON" else None
        return LogStream(group, name, self._logs, least)


def _credentials() -> Credentials:
    """Keys of the form a role's session has; each environment has others."""
    # Sixteen letters of base32's alphabet are ten bytes.
    return Credentials(
        access_key_id="ASIA" + base64.b32encode(secrets.token_bytes(10)).decode(),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(96),
    )
