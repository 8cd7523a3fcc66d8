"""What a function and its platform write: kept for the tail of an answer, and passed on to a file per function.

The log of a function is `logs/v1/<account>/<region>/<function>.log`, turned over once at 10 MB.
"""

from __future__ import annotations

import asyncio
import logging
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lamina.invocations.log_lines import TAIL_BYTES
from lamina.names import FunctionArn
from lamina.runtime_api.log_frames import LogFrames

_READ_BYTES: Final = 64 * 1024
_FILE_BYTES_MAX: Final = 10 * 1024 * 1024
# What may wait for the disk, of one function and of all.
_HELD_BYTES_EACH: Final = 8 * 1024 * 1024
_HELD_BYTES_MAX: Final = 32 * 1024 * 1024
# A disk at rest takes this much in some twenty microseconds.
_AT_ONCE_BYTES_MAX: Final = 8 * 1024
_SLOW_S: Final = 0.02
_SLOW_FOR_S: Final = 10.0
_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Held:
    """A function's output that is not written yet. What comes after something was left out is left out too."""

    pieces: list[bytes] = field(default_factory=list)
    size: int = 0
    left_out_bytes: int = 0


class LogFolder:
    """The files all logs end up in.

    A disk that is busy keeps whoever writes waiting, for seconds where a function fills it. So a thread writes what is
    large, and everything for a while once a write was slow; a few lines for a disk at rest are written at once, because
    waking a thread takes longer, and what is written stays if the server is killed. What comes faster than the disk
    takes it is left out, and its file says so. What cannot be written at all is lost, with a warning: no function fails
    because of its log.
    """

    def __init__(self, root: Path) -> None:
        self._root = root / "v1"
        # Python waits for its work at exit, so that what was passed on is written.
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="logs")
        self._lock = threading.Lock()
        self._held: dict[FunctionArn, _Held] = {}
        self._held_bytes = 0
        # Whether the thread has something to write; nobody else writes then.
        self._writing = False
        self._slow_until = 0.0
        # Those last found impossible to write.
        self._failing: set[FunctionArn] = set()
        # The thread begins now: later, on a machine full of processes, it might not be had.
        self.wait_written()

    def write(self, function: FunctionArn, data: bytes) -> None:
        """Append *data* to the function's log, now or soon; in one write, so that environments do not mix within it."""
        if len(data) <= _AT_ONCE_BYTES_MAX and not self._writing and time.monotonic() >= self._slow_until:
            self._append(function, data)
            return
        with self._lock:
            held = self._held.setdefault(function, _Held())
            size = len(data)
            full = held.size + size > _HELD_BYTES_EACH or self._held_bytes + size > _HELD_BYTES_MAX
            if full or held.left_out_bytes:
                held.left_out_bytes += size
            else:
                held.pieces.append(data)
                held.size += size
                self._held_bytes += size
            if self._writing:
                return
            self._writing = True
        self._thread.submit(self._write_all)

    def wait_written(self) -> None:
        """Block until everything passed on so far is in its file, or known to be lost."""
        self._thread.submit(lambda: None).result()

    def file(self, function: FunctionArn) -> Path:
        return self._root / function.scope.account / function.scope.region / f"{function.name}.log"

    def _write_all(self) -> None:
        while True:
            with self._lock:
                taken, self._held, self._held_bytes = self._held, {}, 0
                if not taken:
                    self._writing = False
                    return
            for function, held in taken.items():
                if held.left_out_bytes:
                    held.pieces.append(b"[%d bytes are left out: the disk is too slow]\n" % held.left_out_bytes)
                self._append(function, b"".join(held.pieces))

    def _append(self, function: FunctionArn, data: bytes) -> None:
        began = time.monotonic()
        try:
            _append(self.file(function), data)
        except OSError as error:
            if function not in self._failing:
                _log.warning("the log of %s cannot be written, and its output is lost: %s", function, error)
            self._failing.add(function)
        else:
            self._failing.discard(function)
        ended = time.monotonic()
        if ended - began > _SLOW_S:
            self._slow_until = ended + _SLOW_FOR_S


def _append(file: Path, data: bytes) -> None:
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except FileNotFoundError:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        # A full disk takes a part, and then tells why no more.
        while data:
            data = data[os.write(descriptor, data) :]
        full = os.fstat(descriptor).st_size > _FILE_BYTES_MAX
    finally:
        os.close(descriptor)
    if full:
        file.rename(file.with_suffix(".log.1"))


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
