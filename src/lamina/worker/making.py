"""Puts an environment together: extracted archives, a blank sandbox, what makes it this function's."""

from __future__ import annotations

import asyncio
import secrets
import socket
import string
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Protocol

from lamina.environments.commands import command
from lamina.environments.spec import EnvironmentSpec
from lamina.environments.variables import Credentials, variables
from lamina.log_store.writing import LogWriter
from lamina.logs.names import LogGroupArn, environment_stream
from lamina.names import Digest, Scope
from lamina.sandbox.plan import MASKED_PROC, plan_environment
from lamina.worker.blanks import Door, Prepared
from lamina.worker.environment import Assignment, Environment
from lamina.worker.logs import EnvironmentLog, LogStream
from lamina.worker.machine import Machine
from lamina.worker.packages import BOOTSTRAP
from lamina.worker.platform_log import PlatformLog
from lamina.worker.stations import Stations


class Trees(Protocol):
    """Where extracted archives are. Both calls may touch the disk."""

    def take(self, digests: Sequence[Digest]) -> None:
        """Have the archives *digests* extracted, and keep them so until they are given back."""
        ...

    def give_back(self, digests: Sequence[Digest]) -> None: ...


# Answers on a listener in an environment for callers in a scope, who have its credentials.
OpenDoor = Callable[[socket.socket, Scope, Credentials], Door]


class Maker:
    """Makes environments that have not begun yet."""

    def __init__(
        self, machine: Machine, trees: Trees, stations: Stations, logs: LogWriter, open_door: OpenDoor
    ) -> None:
        self._machine = machine
        self._open_door = open_door
        self._trees = trees
        self._stations = stations
        self._logs = logs

    async def assemble(self, spec: EnvironmentSpec) -> Environment:
        """An environment of *spec*, still to `begin`. Raises SandboxFailed, RuntimeNotInstalled.

        When it has ended, its archives are to be given back.
        """
        await asyncio.to_thread(self._trees.take, spec.archives)
        try:
            station = await self._stations.get(spec.runtime)
            prepared = await station.shelf.take(spec.storage_mb)
        except BaseException:
            await self.give_back(spec)
            raise
        log = EnvironmentLog(prepared.blank.log, self._stream(spec))
        platform = PlatformLog(spec, log)
        credentials = _credentials()
        prepared.door = self._open_door(prepared.blank.endpoint, spec.function.scope, credentials)
        assignment = self._assignment(spec, prepared, credentials, log.stream)
        environment = Environment(spec, prepared, log, platform, assignment)
        platform.init_started(*station.runtime_version(spec))
        # Not part of an answer's tail.
        log.begin()
        return environment

    async def give_back(self, spec: EnvironmentSpec) -> None:
        """Nothing mounts the archives of one environment of *spec* any more."""
        await asyncio.to_thread(self._trees.give_back, spec.archives)

    def _stream(self, spec: EnvironmentSpec) -> LogStream:
        group = LogGroupArn(spec.function.scope, spec.log_group)
        unique = secrets.token_hex(16)
        name = environment_stream(datetime.now(UTC), spec.function.name, spec.version, group.name, unique)
        return LogStream(group, name, self._logs)

    def _assignment(
        self, spec: EnvironmentSpec, prepared: Prepared, credentials: Credentials, stream: LogStream
    ) -> Assignment:
        layers = [layer.hex for layer in spec.layers]
        return Assignment(
            mounts=plan_environment(spec.code.hex, layers, prepared.tmp.folder_name, MASKED_PROC),
            seal=self._machine.seal(prepared.uid, spec.memory_mb, spec.storage_mb),
            variables=variables(spec, credentials, stream.name, self._machine.network.ports(prepared.blank)),
            command=command(spec),
            program=BOOTSTRAP,
        )


def _credentials() -> Credentials:
    """Keys of the form a role's session has; each environment has others."""
    letters = string.ascii_uppercase + "234567"
    return Credentials(
        access_key_id="ASIA" + "".join(secrets.choice(letters) for _ in range(16)),
        secret_access_key=secrets.token_urlsafe(30),
        session_token=secrets.token_urlsafe(96),
    )
