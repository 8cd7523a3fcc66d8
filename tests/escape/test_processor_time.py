"""Attempts to take the processors from other functions and from the server.

What each got is read from its own clock of processor time, on one processor that both wanted all of meanwhile: how
busy the machine is beside that changes what they get, not how it is shared between them.
"""

from __future__ import annotations

import os
import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.escape.conftest import Means
from tests.support import leaks
from tests.support.functions import Inside, wait_until
from tests.support.server import Server

pytestmark = pytest.mark.alone

_SECONDS = 0.8
_LEAD_S = 0.5
# Half is one's due beside another of the same memory; the 64th part of a processor is far below the rest of this.
_TOO_MUCH = 0.75


def burn(threads: int, sessions: int, begin: float, seconds: float) -> float:
    """Want all of one processor from *begin* on, for *seconds*: what was had of it, in seconds; -1 for who came late.

    With that many *threads*; and as many *sessions* of one thread, where there are any.
    """
    import hashlib
    import os
    import threading
    import time

    used = []

    def work() -> None:
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        time.sleep(max(0, begin - time.monotonic()))
        while time.monotonic() < begin + seconds:
            hashlib.pbkdf2_hmac("sha256", b"", b"", 500)
        used.append(time.thread_time())

    read, write = os.pipe()
    for _ in range(sessions):
        if os.fork() == 0:
            os.setsid()
            work()
            os.write(write, b"%f\n" % used[0])
            os._exit(0)
    working = [threading.Thread(target=work) for _ in range(threads)]
    for thread in working:
        thread.start()
    late = time.monotonic() > begin
    for thread in working:
        thread.join()
    os.close(write)
    with open(read) as told:
        had = sum(used) + sum(map(float, told))
    for _ in range(sessions):
        os.wait()
    return -1 if late else had


def warm() -> None:
    pass


def share(hog: Inside, other: Inside, threads: int, sessions: int = 0) -> float:
    """How much of what both had went to *hog*, beside one thread of *other*."""
    hog.run(warm)
    other.run(warm)
    for _ in range(5):
        begin = time.monotonic() + _LEAD_S
        with ThreadPoolExecutor(1) as aside:
            hogging = aside.submit(hog.run, burn, threads, sessions, begin, _SECONDS)
            left = other.run(burn, 1, 0, begin, _SECONDS)
            had = hogging.result()
        if had > 0 and left > 0:
            return had / (had + left)
    pytest.fail("the two never began together")


@pytest.fixture(scope="module")
def other(prison: Server) -> Inside:
    return Inside.on(prison, MemorySize=512, Timeout=20)


def test_a_hog_of_many_threads_gets_one_environments_share(prison: Server, other: Inside, means: Means) -> None:
    """By its weight, or by its session where the kernel shares among these; elsewhere `lamina doctor` says so."""
    had = share(Inside.on(prison, MemorySize=512, Timeout=20), other, threads=64)
    assert (had < _TOO_MUCH) == (means.weights or means.sessions), had


def test_beginning_sessions_gets_a_hog_no_more_where_it_is_weighed(prison: Server, other: Inside, means: Means) -> None:
    had = share(Inside.on(prison, MemorySize=512, Timeout=20), other, threads=1, sessions=24)
    assert (had < _TOO_MUCH) == means.weights, had


def test_who_has_more_memory_gets_more_where_it_is_weighed(prison: Server, other: Inside, means: Means) -> None:
    had = share(Inside.on(prison, MemorySize=4096, Timeout=20), other, threads=1)
    assert (had > _TOO_MUCH) == means.weights, had


def test_the_server_and_what_environments_are_forked_from_stand_outside(prison: Server, means: Means) -> None:
    if not means.weights:
        pytest.skip("no weights here")

    def groups(pid: int) -> set[str]:
        """Its groups' paths from ours on, "" outside of ours; one for each tree that has a controller that we use."""
        lines = [line.split(":", 2)[1:] for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()]
        v1 = [path for controllers, path in lines if {"memory", "pids", "cpu"} & set(controllers.split(","))]
        found = [
            re.search(r"lamina-[0-9a-f]{12}/.*", path) for path in v1 or [path for name, path in lines if not name]
        ]
        return {ours[0] if ours else "" for ours in found}

    def zygotes() -> list[int]:
        return [pid for pid in leaks.descendants(prison.process.pid) if _parent(pid) == prison.process.pid]

    def all_in_one_group_of_each() -> bool:
        try:
            return all(len(groups(pid)) == 1 for pid in leaks.descendants(prison.process.pid))
        except (FileNotFoundError, ProcessLookupError):
            return False

    Inside.on(prison).run(warm)
    wait_until(all_in_one_group_of_each, what="each process is in groups of one name")
    assert groups(prison.process.pid) == {""}
    assert zygotes()
    assert {group for pid in zygotes() for group in groups(pid)} == {""}


def policy() -> int:
    import os

    return os.sched_getscheduler(0)


@pytest.mark.root
def test_functions_of_an_urgent_server_are_not_urgent(tmp_path: Path) -> None:
    before = os.sched_getscheduler(0)
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    try:
        server = Server.start(tmp_path / "state")
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))
    try:
        assert os.sched_getscheduler(server.process.pid) == os.SCHED_RR
        assert Inside.on(server).run(policy) == os.SCHED_OTHER
    finally:
        assert server.stop() == 0, server.said()


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
