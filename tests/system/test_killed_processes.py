"""Whichever process of an environment is killed as it serves: its caller hears of it, and the next call is served."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from tests.support import leaks
from tests.support.functions import Function, create, unique, wait_until
from tests.support.server import Server

# Has a name of its own, by which its process is found from outside, and then takes its time.
CODE = """
import ctypes, time
def handler(event, context):
    if event is None:
        return "served"
    ctypes.CDLL(None).prctl(15, event.encode(), 0, 0, 0)
    time.sleep(60)
"""


def test_no_caller_is_left_waiting_whichever_process_is_killed(server: Server) -> None:
    function = create(server, CODE, Timeout=120)
    for which in (_runtime, _process_1, _zygote):
        answered = _killed_while_serving(server, function, which)
        assert answered, which.__name__
        assert function.value() == "served", which.__name__


def _killed_while_serving(server: Server, function: Function, which: Callable[[int, int], int]) -> str:
    """The error that the caller was told."""
    name = unique("s")[:15]
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(function.call, name)
        runtime = wait_until(lambda: _named(server, name), 20, f"{name} serves")
        os.kill(which(server.process.pid, runtime), signal.SIGKILL)
        told = answer.result(30)
    assert told.error == "Unhandled", told
    return str(told.value["errorType"])


def _named(server: Server, name: str) -> int | None:
    for pid in leaks.descendants(server.process.pid):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return pid
    return None


def _runtime(server: int, runtime: int) -> int:
    return runtime


def _process_1(server: int, runtime: int) -> int:
    inside = _namespace(runtime)
    return next(pid for pid in leaks.descendants(server) if _namespace(pid) == inside and _numbers(pid)[-1] == 1)


def _zygote(server: int, runtime: int) -> int:
    return next(
        pid for pid in _above(runtime) if _numbers(pid)[-1] == 1 and len(_numbers(pid)) < len(_numbers(runtime))
    )


def _above(pid: int) -> Iterator[int]:
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        yield pid


def _namespace(pid: int) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")


def _numbers(pid: int) -> list[int]:
    """Its number in each pid namespace that it is in, the innermost last."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return [int(word) for word in next(line for line in status if line.startswith("NSpid:")).split()[1:]]
