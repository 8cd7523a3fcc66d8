"""Whichever process of an environment is killed as it serves: its caller hears of it, and the next call is served."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
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
    for which in (_runtime, _init, _zygote):
        answered = _killed_while_serving(server, function, which)
        assert answered, which.__name__
        assert function.value() == "served", which.__name__


def _killed_while_serving(server: Server, function: Function, which: Callable[[int], int]) -> str:
    """The error that the caller was told."""
    name = unique("s")[:15]
    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(function.call, name)
        runtime = wait_until(lambda: _named(server, name), 20, f"{name} serves")
        os.kill(which(runtime), signal.SIGKILL)
        told = answer.result(30)
    assert told.error == "Unhandled", told
    return str(told.value["errorType"])


def _named(server: Server, name: str) -> int | None:
    for pid in leaks.descendants(server.process.pid):
        with suppress(OSError):
            if Path(f"/proc/{pid}/comm").read_text().strip() == name:
                return pid
    return None


def _runtime(runtime: int) -> int:
    return runtime


def _init(runtime: int) -> int:
    return _parent(runtime)


def _zygote(runtime: int) -> int:
    return _parent(_parent(runtime))


def _parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
