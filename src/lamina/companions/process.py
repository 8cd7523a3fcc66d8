"""The process that the companions are in: started, handed connections, and ended."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_END_SECONDS_MAX: Final = 5
_TOLD_SECONDS_MAX: Final = 1
_CHILD: Final = "lamina.companions.child"
# What is handed on of the environment: moto's own settings, and what every program looks for.
_KEPT: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "PYTHONPATH", "VIRTUAL_ENV")
_SAID: Final[Mapping[str, str]] = {
    # The policies that every role of a function names.
    "MOTO_IAM_LOAD_MANAGED_POLICIES": "true",
    # Above this an object is in a file, not in memory.
    "MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(256 * 1024),
    # Nobody in one account reads, writes or deletes what is in buckets of another.
    "MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false",
    # Buckets that hosts name stand in the path by then.
    "S3_IGNORE_SUBDOMAIN_BUCKETNAME": "true",
}


class Process:
    """A running one. Nobody but this server can ask it anything: it listens nowhere."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control

    @classmethod
    async def start(cls, folder: Path, environ: Mapping[str, str]) -> Process:
        """One that keeps its journal in *folder*, and takes of *environ* what is meant for it."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            handed = {name: value for name, value in environ.items() if name in _KEPT or name.startswith("MOTO_")}
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", _CHILD, str(theirs.fileno()), str(folder)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                env={**_SAID, **handed},
                pass_fds=(theirs.fileno(),),
                # A Ctrl-C in the terminal is for the server, which then ends this one.
                start_new_session=True,
            )
        ours.setblocking(False)
        return cls(process, ours)

    @property
    def has_ended(self) -> bool:
        return self._process.returncode is not None

    async def ends(self) -> bool:
        """Whether it has ended, or does within the moment that the system takes to tell."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _TOLD_SECONDS_MAX)
        return self.has_ended

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A connection for one question. Raises OSError where it has ended."""
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                socket.send_fds(self._control, [b"?"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise
        return await asyncio.open_unix_connection(sock=ours)

    async def close(self) -> None:
        """End it, and wait until it has ended."""
        self._control.close()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _END_SECONDS_MAX)
            return
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self._process.wait()
