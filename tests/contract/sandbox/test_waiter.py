"""The program that is process 1 of environments, executed by this kernel."""

from __future__ import annotations

import os
import platform
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamina.guest import syscalls
from lamina.guest.waiter import program
from tests.support.functions import wait_until

pytestmark = pytest.mark.anybody


@pytest.fixture
def waiting() -> Iterator[int]:
    memory = syscalls.sealed_memory("waiter", program(platform.machine()))
    try:
        closing = [(os.POSIX_SPAWN_CLOSE, fd) for fd in (0, 1, 2)]
        pid = os.posix_spawn(f"/proc/self/fd/{memory}", ["waiter"], {}, file_actions=closing)
    finally:
        os.close(memory)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        assert os.waitpid(pid, 0)[1] == signal.SIGKILL


def test_it_waits_whatever_comes_and_leaves_its_dead_to_the_kernel(waiting: int) -> None:
    wait_until(lambda: _status(waiting)["State"].startswith("S"), what="it waits")
    assert int(_status(waiting)["SigIgn"], 16) >> signal.SIGCHLD - 1 & 1
    # It begins to wait again.
    for number in (signal.SIGSTOP, signal.SIGCONT, signal.SIGCHLD):
        os.kill(waiting, number)
    wait_until(lambda: _status(waiting)["State"].startswith("S"), what="it waits again")


def test_it_is_small_and_not_to_be_looked_into(waiting: int) -> None:
    wait_until(lambda: _status(waiting)["State"].startswith("S"), what="it waits")
    # What cannot be dumped is root's, whoever executes it.
    assert Path(f"/proc/{waiting}/environ").stat().st_uid == 0
    assert _status(waiting)["Threads"] == "1"
    assert int(_status(waiting)["VmData"].split()[0]) <= 256


def test_nobody_changes_the_program_any_more() -> None:
    memory = syscalls.sealed_memory("waiter", b"program")
    try:
        for change in (lambda: os.pwrite(memory, b"x", 0), lambda: os.ftruncate(memory, 1)):
            with pytest.raises(PermissionError):
                change()
        assert os.pread(memory, 10, 0) == b"program"
    finally:
        os.close(memory)


def _status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
