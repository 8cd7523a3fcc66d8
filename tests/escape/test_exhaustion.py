"""Attempts to take the server, or other functions, down by using everything up."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.escape.conftest import Means
from tests.support import leaks
from tests.support.functions import Answer, Function, Inside, create, wait_until
from tests.support.server import Server

pytestmark = pytest.mark.alone

# Generous for a machine of two processors that something else tries to use up.
_PATIENCE_S = 30.0


@pytest.fixture(scope="module")
def bystander(prison: Server) -> Function:
    """A function that has nothing to do with it, warm, and made anew for each call where it must be cold."""
    function = create(prison, "def handler(event, context): return event", Timeout=20)
    function.value()
    return function


@contextmanager
def during(attack: Callable[[], Answer]) -> Iterator[list[Answer]]:
    """Run *attack* meanwhile; its answer is in the list afterwards."""
    told: list[Answer] = []
    thread = threading.Thread(target=lambda: told.append(attack()))
    thread.start()
    try:
        yield told
    finally:
        thread.join()


def _answers_quickly(prison: Server, bystander: Function) -> None:
    """The server still answers, a warm function does, and a new one is made and started."""
    works: tuple[Callable[[], bool], ...] = (
        lambda: bool(bystander.value(1) == 1),
        lambda: bystander.settled,
        lambda: bool(create(prison, "def handler(event, context): return 2", Timeout=20).value() == 2),
    )
    for work in works:
        began = time.monotonic()
        assert work()
        assert time.monotonic() - began < _PATIENCE_S


def _memory_mb(server: Server) -> int:
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) >> 10 for line in lines if line.startswith("RssAnon:"))


def _logged_bytes(server: Server) -> int:
    return sum(file.stat().st_size for file in (server.state / "logs").rglob("*"))


def test_a_fork_bomb(prison: Server, bystander: Function) -> None:
    def bomb() -> None:
        import os

        while True:
            try:
                os.fork()
            except OSError:
                pass

    inside = Inside.on(prison, Timeout=3)
    inside.run(nothing)
    # Other tests' environments stand by idle.
    before = len(leaks.descendants(prison.process.pid))
    with during(lambda: inside.answer(bomb)) as told:
        _answers_quickly(prison, bystander)
    assert told[0].error == "Unhandled"
    # All of them are gone, and it can be used again.
    wait_until(lambda: len(leaks.descendants(prison.process.pid)) < before + 100, 20)
    assert inside.run(nothing) == "fine"
    assert prison.process.poll() is None


def nothing() -> str:
    return "fine"


def test_processes_are_limited_for_each_environment_by_itself(prison: Server) -> None:
    def start(wanted: int) -> list[object]:
        import os
        import signal

        children: list[int] = []
        refused = ""
        try:
            for _ in range(wanted):
                pid = os.fork()
                if pid == 0:
                    signal.pause()
                children.append(pid)
        except OSError as error:
            refused = type(error).__name__
        for pid in children:
            os.kill(pid, signal.SIGKILL)
        for pid in children:
            os.waitpid(pid, 0)
        return [len(children), refused]

    one, other = (Inside.on(prison, MemorySize=1024, Timeout=60) for _ in range(2))
    with during(lambda: one.answer(start, 600)) as told:
        assert other.run(start, 600) == [600, ""]
    assert told[0].value["value"] == [600, ""]
    count, refused = one.run(start, 1100)
    assert refused == "BlockingIOError"
    assert isinstance(count, int)
    assert 600 < count <= 742


def test_threads_are_limited(prison: Server, means: Means) -> None:
    def start(wanted: int) -> int:
        import threading

        stop = threading.Event()
        started = 0
        try:
            for _ in range(wanted):
                threading.Thread(target=stop.wait, daemon=True).start()
                started += 1
        except RuntimeError:
            pass
        stop.set()
        return started

    # Without control groups, their stacks count towards the limit on private memory.
    least = 600 if means.control_groups else 200
    assert least < Inside.on(prison, MemorySize=1024).run(start, 1100) <= 742


def eat(kind: str) -> str:
    import mmap
    import os
    import time

    held = []
    block = b"x" * (8 << 20)
    for index in range(500):
        if kind == "heap":
            held.append(block + bytes([index % 256]))
        elif kind == "mapping":
            shared = mmap.mmap(-1, len(block))
            shared[:] = block
            held.append(shared)  # type: ignore[arg-type]
        elif kind == "memfd":
            os.write(os.memfd_create("x"), block)
        elif kind == "children" and os.fork() == 0:
            held.append(block + b"y")
            time.sleep(100)
        time.sleep(0.01)
    return "ate 4 GB"


@pytest.mark.parametrize("kind", ["heap", "mapping", "memfd", "children"])
def test_eating_memory(prison: Server, bystander: Function, means: Means, kind: str) -> None:
    inside = Inside.on(prison, MemorySize=128, Timeout=60)
    inside.run(nothing)
    with during(lambda: inside.answer(eat, kind)) as told:
        _answers_quickly(prison, bystander)
    answer = told[0]
    if kind == "children" and answer.error is None:
        # The kernel struck the children one by one, and their parent went on.
        assert means.control_groups
    else:
        assert answer.error == "Unhandled", answer
        # A process may be told by a failing system call before the kernel or the watchdog strikes.
        told_by_call = answer.value["errorType"] in ("MemoryError", "OSError")
        assert told_by_call or answer.value["errorMessage"].endswith("Runtime exited with error: signal: killed")
    assert int(answer.report()["Max Memory Used"].removesuffix(" MB")) <= 128 + (0 if means.control_groups else 512)
    assert inside.run(nothing) == "fine"


def test_no_huge_pages_of_the_machine_can_be_had(prison: Server) -> None:
    """No control group counts them, and who has them all leaves none to the programs they were set aside for."""

    def take(kind: str) -> None:
        import mmap
        import os

        if kind == "file":
            os.close(os.memfd_create("x", os.MFD_HUGETLB))
        else:
            mmap.mmap(-1, 2 << 20, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000).close()

    inside = Inside.on(prison)
    assert inside.refusal(take, "memory") == "ENOMEM"
    assert inside.refusal(take, "file") == "EINVAL"


@pytest.mark.parametrize("attached", [True, False])
def test_memory_of_system_v_is_no_way_around_the_limit(prison: Server, attached: bool) -> None:
    def grab(attached: bool) -> str:
        import ctypes
        import time

        libc = ctypes.CDLL(None, use_errno=True)
        libc.shmat.restype = ctypes.c_void_p
        for _ in range(64):
            segment = libc.shmget(0, ctypes.c_size_t(16 << 20), 0o1600)
            if segment < 0:
                raise OSError(ctypes.get_errno(), "shmget")
            address = libc.shmat(segment, None, 0)
            if address in (None, ctypes.c_void_p(-1).value):
                raise OSError(ctypes.get_errno(), "shmat")
            ctypes.memset(address, 1, 16 << 20)
            if not attached:
                libc.shmdt(ctypes.c_void_p(address))
            time.sleep(0.02)
        with open("/proc/sysvipc/shm") as file:
            return str(len(file.readlines()) - 1)

    inside = Inside.on(prison, MemorySize=128, Timeout=15)
    answer = inside.answer(grab, attached)
    if attached:
        assert answer.error == "Unhandled" or "refused" in answer.value, answer.value
    else:
        # Nobody uses them: they are gone.
        assert answer.value == {"value": "0"}
    assert inside.run(nothing) == "fine"


def fill(folder: str, megabytes: int, kind: str) -> int:
    import os

    block = b"x" * (1 << 20)
    written = 0
    flags = os.O_RDWR | os.O_CREAT
    file = os.open(f"{folder}/big", flags)
    if kind == "deleted":
        os.unlink(f"{folder}/big")
    try:
        while written < megabytes:
            if kind in ("many", "hidden"):
                os.close(file)
                os.makedirs(f"{folder}/{written % 50}", exist_ok=True)
                if kind == "hidden":
                    os.chmod(f"{folder}/{written % 50}", 0o300)
                file = os.open(f"{folder}/{written % 50}/{written}", flags)
            os.write(file, block)
            written += 1
    except OSError as error:
        os.close(file)
        if kind in ("one", "deleted"):
            return -(error.errno or 1)
        raise
    os.close(file)
    return written


@pytest.mark.parametrize("kind", ["one", "many", "hidden", "deleted"])
def test_filling_tmp(prison: Server, bystander: Function, means: Means, kind: str) -> None:
    inside = Inside.on(prison, MemorySize=128, Timeout=20, EphemeralStorage={"Size": 512})
    inside.run(nothing)
    free = shutil.disk_usage(prison.state).free
    with during(lambda: inside.answer(fill, "/tmp", 6000, kind)) as told:
        _answers_quickly(prison, bystander)
    used_mb = (free - shutil.disk_usage(prison.state).free) >> 20
    answer = told[0]
    if means.sized_tmp:
        # ENOSPC, and the function lives: /tmp is storage, not memory.
        assert answer.error is None, answer.raw
        assert answer.value in ({"value": -28}, {"refused": "ENOSPC"})
        assert used_mb < 700
    else:
        # EFBIG, where one file would be larger than /tmp; killed, where all of them are.
        if answer.error is None:
            assert kind in ("one", "deleted")
            assert answer.value == {"value": -27}
        else:
            assert answer.value["errorType"] == "Runtime.OutOfMemory" or "killed" in answer.value["errorMessage"]
        # A tenth of a second at the speed of the disk may be written before somebody looks.
        assert used_mb < 3000
    inside.function.client.delete_function(FunctionName=inside.function.name)
    wait_until(lambda: shutil.disk_usage(prison.state).free > free - (100 << 20), 20, "/tmp was given back")


def test_half_a_gigabyte_of_tmp_fits_beside_128_mb_of_memory(prison: Server) -> None:
    inside = Inside.on(prison, MemorySize=128, Timeout=30, EphemeralStorage={"Size": 512})
    assert inside.run(fill, "/tmp", 490, "one") == 490
    assert inside.run(nothing) == "fine"


def test_the_size_of_tmp_can_be_chosen(prison: Server, means: Means) -> None:
    def size_mb() -> int:
        import os

        found = os.statvfs("/tmp")
        return found.f_blocks * found.f_frsize >> 20

    if means.sized_tmp:
        assert 500 <= Inside.on(prison).run(size_mb) <= 530
        assert 1900 <= Inside.on(prison, EphemeralStorage={"Size": 2000}).run(size_mb) <= 2050


def test_open_files_are_limited(prison: Server) -> None:
    def open_many() -> int:
        import os

        count = 0
        try:
            while count < 5000:
                os.open("/dev/null", os.O_RDONLY)
                count += 1
        except OSError:
            return count
        return count

    assert 900 < Inside.on(prison).run(open_many) < 1024


def test_a_flood_of_log(prison: Server, bystander: Function) -> None:
    def flood(magic: list[int]) -> int:
        import os
        import time

        line = bytes(magic) + b"x" * 4000 + b"\n"
        deadline = time.monotonic() + 2
        written = 0
        while time.monotonic() < deadline:
            written += os.write(1, line)
        return written

    before, logged = _memory_mb(prison), _logged_bytes(prison)
    inside = Inside.on(prison)
    # The second begins as a frame of 16 MB, over and over.
    for magic in ([], [0xA5, 0x5A, 0, 3, 0, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0]):
        with during(lambda magic=magic: inside.answer(flood, magic)) as told:  # type: ignore[misc]
            _answers_quickly(prison, bystander)
        assert told[0].error is None
        assert len(told[0].log.encode()) < 3 * 4096
    assert _memory_mb(prison) - before < 100
    assert _logged_bytes(prison) - logged < 100 << 20


def test_a_process_that_goes_on_writing_does_not_keep_the_answer_waiting(prison: Server) -> None:
    def leave_writing() -> str:
        import os

        if os.fork() == 0:
            while True:
                os.write(1, b"x" * 4096)
        return "answered"

    inside = Inside.on(prison)
    began = time.monotonic()
    assert inside.run(leave_writing) == "answered"
    assert inside.run(nothing) == "fine"
    assert time.monotonic() - began < _PATIENCE_S


def test_functions_that_take_long_to_import_do_not_keep_others_from_starting(prison: Server) -> None:
    slow = [create(prison, "import time\ntime.sleep(8)\ndef handler(e, c): return 1", Timeout=20) for _ in range(8)]
    waiting = [threading.Thread(target=function.call) for function in slow]
    for thread in waiting:
        thread.start()
    wait_until(lambda: len(leaks.descendants(prison.process.pid)) > 4)
    try:
        assert create(prison, "def handler(e, c): return 2").value() == 2
        assert all(thread.is_alive() for thread in waiting)
    finally:
        for thread in waiting:
            thread.join()
