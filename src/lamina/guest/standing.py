"""The process that stands by in an environment to become its runtime, and what becomes of it.

It is forked by process 1 before anybody knows for which function, or comes from a template of that. It may have
executed a program already. Whoever is killed while it stands there is replaced when one is needed, by a new fork.
"""

from __future__ import annotations

import json
import os
import signal
import socket
from typing import Any, Callable, NamedTuple

from . import runtime, sealing
from .common import Common
from .runtime import Beginning
from .sealing import Seal


class Process(NamedTuple):
    """A process the worker asked for. From *complaint* (a descriptor, or -1) comes why it could not be executed."""

    name: str
    complaint: int


class _Standing(NamedTuple):
    """One that stands by, and where to tell it what to be. It has executed *argv*, if that is not empty.

    One that has come from a template has nothing to complain of: its *complaint* is -1.
    """

    pid: int
    order: int
    complaint: int
    argv: list[str]


class Standby:
    """At most one process that stands by."""

    def __init__(self) -> None:
        self._process: _Standing | None = None
        # The server's ends of a conversation with it, for whoever hands them over: a socket on which it is told, and
        # a pipe on which it is heard. None without.
        self.frames: tuple[int, int] | None = None

    def fork(
        self, fork: Callable[[], int], order: dict[str, Any], seal: Seal, common: Common, log_fd: int
    ) -> Callable[[], None] | None:
        """Have one by *fork*: most of what it has to do before it has its order needs none. In it, what to call."""
        complaint_read, complaint_write = os.pipe2(os.O_CLOEXEC)
        order_read, order_write = os.pipe2(os.O_CLOEXEC)
        frames: tuple[int, ...] = ()
        if common.code is not None and not order["argv"]:
            self.frames, frames = conversation()
        pid = fork()
        if pid == 0:
            os.close(order_write)
            rehearse = common.rehearse if order["rehearse"] else None
            beginning = Beginning(seal, common.code, log_fd, complaint_write, rehearse)
            return lambda: runtime.stand_by(order["argv"], order["environ"], beginning, order_read, frames)
        os.close(order_read)
        os.close(complaint_write)
        for fd in frames:
            os.close(fd)
        self._process = _Standing(pid, order_write, complaint_read, order["argv"])
        return None

    def take(self, pid: int, order_fd: int) -> None:
        """Have the process *pid*, which has come from a template and hears its order from *order_fd*."""
        self._process = _Standing(pid, order_fd, -1, [])

    def limit(self, limits: dict[str, tuple[int, int]]) -> None:
        """Bind it to the function's *limits*, where it is another program; while process 1 has the right."""
        process = self._process
        if process is None or not process.argv:
            return
        try:
            sealing.limit(limits, process.pid)
        except (OSError, ValueError):
            self.replace()

    def send_off(self, order: dict[str, Any]) -> tuple[int, Process] | None:
        """Give it the order, if one stands by, has not been killed and is what is wanted; its pid, and what it is."""
        process = self._process
        if process is not None and process.argv and not (order["early"] and order["argv"] == process.argv):
            self.replace()
        process, self._process = self._process, None
        if process is None:
            return None
        try:
            os.write(process.order, json.dumps(order).encode())
        except BrokenPipeError:
            _drop(process.complaint)
            return None
        finally:
            os.close(process.order)
        return process.pid, Process(order["name"], process.complaint)

    def replace(self) -> None:
        """End it: another will take its place."""
        if self._process is not None:
            os.kill(self._process.pid, signal.SIGKILL)
            self.send_away()

    def send_away(self) -> None:
        """Have it end by itself: it is not needed."""
        if self._process is not None:
            os.close(self._process.order)
            _drop(self._process.complaint)
            self._process = None

    def buried(self, pid: int) -> None:
        """The process *pid* has ended. If it is this one, it was killed before anybody needed it."""
        if self._process is not None and pid == self._process.pid:
            self.send_away()


def conversation() -> tuple[tuple[int, int], tuple[int, int]]:
    """Descriptors for the server to tell by and to hear by, and those for a runtime to hear by and to answer by."""
    ours, theirs = socket.socketpair()
    # A function could send the server descriptors on it (`lamina.runtime_api.pipes`).
    ours.shutdown(socket.SHUT_RD)
    hearing, saying = os.pipe2(os.O_CLOEXEC)
    return (ours.detach(), hearing), (theirs.detach(), saying)


def _drop(complaint_fd: int) -> None:
    """Hear no complaint."""
    if complaint_fd != -1:
        os.close(complaint_fd)
