"""Answers a program's system calls: counts those that change a folder, and has a fault begin at one of them."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from faults.calls import Asked, Kind
from faults.disk import Disk
from faults.listener import Notifications
from faults.points import GOES_ON, Fault, Point, verdict

_PIDFD_GETFD: Final = 438
_ROOT: Final = str(Path(__file__).parents[1])
# Of the processes beside the server only this one keeps something; what functions write is theirs.
_BESIDE: Final = "companions/"


@dataclass
class _Armed:
    """A fault, and what has been counted since it was armed."""

    fault: Fault | None
    at: int
    counted: int = 0
    struck: Point | None = None
    points: list[Point] = field(default_factory=list)


class Supervisor:
    """Watches the program that is started through `command`, for changes below *folder*."""

    def __init__(self, folder: Path) -> None:
        self._folder = f"{folder.resolve()}/"
        self._ours, self.theirs = socket.socketpair()
        self._disk: Disk | None = None
        # To be had while nobody tells the disk of a sync: that may take as long as it takes to copy the folder.
        self._telling = threading.Lock()
        self._lock = threading.Lock()
        self._armed = _Armed(None, 0)
        self._last_at = time.monotonic()
        self._thread = threading.Thread(target=self._answer_all, name="supervisor", daemon=True)
        self._thread.start()

    def command(self, *program: str) -> Sequence[str]:
        """What to start instead of *program*, with `theirs` passed on."""
        launching = f"import sys; sys.path.insert(0, {_ROOT!r}); from faults.launching import main; main()"
        return [sys.executable, "-c", launching, str(self.theirs.fileno()), *program]

    def arm(self, fault: Fault | None, at: int = 0) -> None:
        """Count anew, and have *fault* begin at the call *at*; None only counts, which also ends a fault."""
        with self._lock:
            self._armed = _Armed(fault, at)

    def tell(self, disk: Disk | None) -> None:
        """Have *disk* told of every sync about to be done. The one before it hears of none once this returns."""
        with self._telling:
            self._disk = disk

    @property
    def disk(self) -> Disk | None:
        """What is told of syncs, if anything is."""
        return self._disk

    @property
    def struck(self) -> Point | None:
        """Where the fault began; None while it has not."""
        return self._armed.struck

    @property
    def points(self) -> Sequence[Point]:
        """What was counted since `arm`."""
        with self._lock:
            return tuple(self._armed.points)

    def wait_quiet(self, quiet_s: float = 0.05, patience_s: float = 10.0) -> None:
        """Until nothing has changed for so long: what goes on behind an answer is over."""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            with self._telling:
                left = self._last_at + quiet_s - time.monotonic()
            if left <= 0:
                return
            time.sleep(left)

    def close(self) -> None:
        """Wait for the end of everything that was watched. The program must have been told to end."""
        self.theirs.close()
        self._thread.join()
        self._ours.close()

    def _answer_all(self) -> None:
        try:
            notifications = Notifications(self._ours)
        except EOFError:
            return
        try:
            while (asked := notifications.next()) is not None:
                self._answer(notifications, *asked)
        finally:
            notifications.close()

    def _answer(self, notifications: Notifications, name: int, asked: Asked) -> None:
        try:
            point = self._point(notifications.pid, asked)
        except OSError:
            # It has just been killed.
            point = None
        if point is None:
            notifications.go_on(name)
            return
        self._last_at = time.monotonic()
        with self._lock:
            armed = self._armed
            armed.counted += 1
            armed.points.append(point)
            what = GOES_ON if armed.fault is None else verdict(armed.fault, armed.at, armed.counted, point)
            if what != GOES_ON and armed.struck is None:
                armed.struck = point
        if point.kind is Kind.SYNC and what == GOES_ON:
            with self._telling:
                if self._disk is not None:
                    self._disk.synced(point.call, Path(self._folder, point.where))
                self._last_at = time.monotonic()
        taken = _take_part(asked) if what.part else 0
        if what.kill:
            # Its call never begins: it waits for our answer, and a signal that kills ends waiting.
            for process in {_process_of(asked.thread), notifications.pid}:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
        elif what.error:
            notifications.fail(name, what.error)
        elif taken:
            notifications.give(name, taken)
        else:
            notifications.go_on(name)

    def _point(self, server: int, asked: Asked) -> Point | None:
        """What is about to change below the folder; None for everybody else's business."""
        path = asked.where()
        if not path.startswith(self._folder):
            return None
        where = path.removeprefix(self._folder)
        if not os.path.exists(f"/proc/{server}/task/{asked.thread}") and not where.startswith(_BESIDE):
            return None
        makes = asked.call.kind is Kind.OPEN and not os.path.exists(path)
        return Point(asked.call.kind, asked.call.name, where, makes)


def _take_part(asked: Asked) -> int:
    """Write half of what is to be written, where it is to be written, in its place; how many bytes that were."""
    data = asked.written()
    half = data[: len(data) // 2]
    if not half:
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    pidfd = os.pidfd_open(_process_of(asked.thread))
    try:
        # The very open file, whose place moves on as it would have.
        descriptor = libc.syscall(_PIDFD_GETFD, pidfd, asked.arguments[0], 0)
        if descriptor < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        try:
            if asked.call.offset is None:
                return os.write(descriptor, half)
            return os.pwrite(descriptor, half, asked.arguments[asked.call.offset])
        finally:
            os.close(descriptor)
    finally:
        os.close(pidfd)


def _process_of(thread: int) -> int:
    with open(f"/proc/{thread}/status", "rb") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(b"Tgid:"))
