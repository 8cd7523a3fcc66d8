"""What a function and its platform write: kept for the tail of an answer, and passed on to a file per function.

The log of a function is `logs/v1/<account>/<region>/<function>.log`, turned over once at 10 MB.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Final

from lamina.invocations.log_lines import TAIL_BYTES
from lamina.names import FunctionArn
from lamina.runtime_api.log_frames import LogFrames

_READ_BYTES: Final = 64 * 1024
_FILE_BYTES_MAX: Final = 10 * 1024 * 1024


class LogFolder:
    """The files all logs end up in."""

    def __init__(self, root: Path) -> None:
        self._root = root / "v1"

    def write(self, function: FunctionArn, data: bytes) -> None:
        """Append *data* to the function's log; one write, so that environments do not mix within a piece."""
        file = self.file(function)
        try:
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except FileNotFoundError:
            file.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, data)
            full = os.fstat(descriptor).st_size > _FILE_BYTES_MAX
        finally:
            os.close(descriptor)
        if full:
            file.rename(file.with_suffix(".log.1"))

    def file(self, function: FunctionArn) -> Path:
        return self._root / function.scope.account / function.scope.region / f"{function.name}.log"


class EnvironmentLog:
    """One environment's output, from the pipe its processes write to."""

    def __init__(self, pipe: int, function: FunctionArn, folder: LogFolder) -> None:
        self._pipe = pipe
        self._function = function
        self._folder = folder
        self._pending: list[bytes] = []
        self._tail = bytearray()
        self._frames = LogFrames()
        os.set_blocking(pipe, False)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(pipe, self._readable)

    def platform(self, line: bytes) -> None:
        """Add a line of the platform's own."""
        self._take(line)

    def begin(self) -> None:
        """The tail begins anew: an invocation does."""
        self._tail.clear()

    def tail(self) -> bytes:
        """The last 4 KB since `begin`; call `drain` first."""
        return bytes(self._tail[-TAIL_BYTES:])

    def drain(self) -> None:
        """Take what the pipe holds by now: all that was written before the runtime answered."""
        # A process that writes without end must not keep the answer waiting: one full pipe's worth.
        for _ in range(4):
            if not self._read():
                break

    def flush(self) -> None:
        """Pass on what has come."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._folder.write(self._function, data)

    def close(self) -> None:
        self._loop.remove_reader(self._pipe)
        self._take(self._frames.flush())
        self.flush()

    def _readable(self) -> None:
        self._read()
        self.flush()

    def _read(self) -> bool:
        try:
            data = os.read(self._pipe, _READ_BYTES)
        except BlockingIOError:
            return False
        if not data:
            # No process of the environment is left to write.
            self._loop.remove_reader(self._pipe)
            return False
        self._take(self._frames.feed(data))
        return True

    def _take(self, data: bytes) -> None:
        if not data:
            return
        self._pending.append(data)
        self._tail += data
        if len(self._tail) > 4 * TAIL_BYTES:
            del self._tail[:-TAIL_BYTES]
