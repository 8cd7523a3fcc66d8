"""The kernel asks before each change of a folder, and does what it is told: with a program of four lines."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from faults.disk import Disk
from faults.listener import hindrance
from faults.points import Fault
from faults.supervisor import Supervisor

pytestmark = [pytest.mark.anybody, pytest.mark.skipif(bool(hindrance()), reason=hindrance())]

# Writes aside, syncs and renames, as everything does that is to be whole; tells what stood in its way.
PROGRAM = """
import os, sys
try:
    descriptor = os.open("aside", os.O_WRONLY | os.O_CREAT)
    written = os.write(descriptor, b"0123456789")
    os.fsync(descriptor)
    os.rename("aside", "named")
    print("done", written)
except OSError as error:
    print(error.strerror, error.filename)
os.write(os.open("/dev/null", os.O_WRONLY), b"elsewhere")
"""
CALLS = ["openat aside", "write aside", "fsync aside", "rename named"]


@dataclass(frozen=True)
class Ended:
    said: str
    code: int
    points: list[str]
    files: dict[str, bytes]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "state").mkdir()
    return tmp_path / "state"


def run(folder: Path, fault: Fault | None = None, at: int = 0) -> Ended:
    supervisor = Supervisor(folder)
    supervisor.arm(fault, at)
    done = subprocess.run(
        supervisor.command(sys.executable, "-I", "-S", "-c", PROGRAM),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        pass_fds=[supervisor.theirs.fileno()],
    )
    supervisor.close()
    assert done.stderr == ""
    files = {name: (folder / name).read_bytes() for name in sorted(os.listdir(folder))}
    return Ended(done.stdout.strip(), done.returncode, [str(point) for point in supervisor.points], files)


def test_every_change_is_counted_and_nobody_notices(folder: Path) -> None:
    assert run(folder) == Ended("done 10", 0, CALLS, {"named": b"0123456789"})


@pytest.mark.parametrize(
    ("at", "files"),
    [(1, {}), (2, {"aside": b""}), (3, {"aside": b"0123456789"}), (4, {"aside": b"0123456789"})],
)
def test_a_kill_comes_before_the_call_it_strikes(folder: Path, at: int, files: dict[str, bytes]) -> None:
    assert run(folder, Fault.KILL, at) == Ended("", -signal.SIGKILL, CALLS[:at], files)


def test_a_torn_write_has_begun(folder: Path) -> None:
    assert run(folder, Fault.TORN, 2).files == {"aside": b"01234"}


def test_a_short_write_is_told_as_the_kernel_tells_it(folder: Path) -> None:
    assert run(folder, Fault.SHORT, 2) == Ended("done 5", 0, CALLS, {"named": b"01234"})


@pytest.mark.parametrize(("at", "said"), [(1, "aside"), (2, "None"), (3, "None"), (4, "aside")])
def test_an_error_is_the_kernels_answer(folder: Path, at: int, said: str) -> None:
    assert run(folder, Fault.EIO, at).said == f"Input/output error {said}"


def test_a_full_disk_stays_full(folder: Path) -> None:
    ended = run(folder, Fault.ENOSPC, 2)
    assert ended.said == "No space left on device aside"
    assert ended.files == {"aside": b"01234"}


class _Slow(Disk):
    """One that takes until `release` to hear of a sync."""

    def __init__(self) -> None:
        self.entered, self.release, self.heard = threading.Event(), threading.Event(), False

    def synced(self, call: str, path: Path) -> None:
        self.entered.set()
        self.release.wait()
        self.heard = True


@pytest.mark.parametrize("wait", [lambda each: each.tell(None), lambda each: each.wait_quiet(0)], ids=["tell", "quiet"])
def test_who_is_told_of_a_sync_is_waited_for(folder: Path, wait: Callable[[Supervisor], None]) -> None:
    supervisor, disk = Supervisor(folder), _Slow()
    supervisor.tell(disk)
    command = supervisor.command(sys.executable, "-I", "-S", "-c", PROGRAM)
    with subprocess.Popen(
        command, cwd=folder, stdout=subprocess.DEVNULL, pass_fds=[supervisor.theirs.fileno()]
    ) as process:
        disk.entered.wait()
        # Who does not wait is there first.
        threading.Timer(0.05, disk.release.set).start()
        wait(supervisor)
        assert disk.heard
        process.wait()
    supervisor.close()
