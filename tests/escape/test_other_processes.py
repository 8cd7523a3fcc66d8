"""Attempts on other processes: those of other environments, of the host, process 1, and those left behind."""

from __future__ import annotations

import os
import textwrap
import time
from pathlib import Path

import pytest

from tests.support import leaks
from tests.support.functions import Inside, create, wait_until
from tests.support.server import Server


def pids() -> list[int]:
    import os

    return sorted(int(name) for name in os.listdir("/proc") if name.isdigit())


def test_only_its_own_processes_are_there(prison: Server, inside: Inside) -> None:
    other = Inside.on(prison)
    other.run(pids)

    def commands() -> list[str]:
        import os

        found = []
        for name in os.listdir("/proc"):
            if name.isdigit() and int(name) != 1:
                with open(f"/proc/{name}/cmdline"):
                    found.append(f"{name}:{os.getpid()}")
        return found

    assert len(inside.run(pids)) == 2
    ((first, second),) = [pair.split(":") for pair in inside.run(commands)]
    assert first == second


@pytest.mark.parametrize("signal", [9, 19, 15, 2, 11, 17])
def test_a_signal_to_every_process_there_is_reaches_nobody_else(prison: Server, inside: Inside, signal: int) -> None:
    def everybody(signal: int) -> str:
        import os

        try:
            os.kill(-1, signal)
        except OSError as error:
            return str(error)
        return "sent"

    other = Inside.on(prison)
    other.run(pids)
    # kill(-1) spares the caller and process 1; then there may be nobody left to signal.
    inside.answer(everybody, signal)
    assert len(other.run(pids)) == 2
    assert prison.process.poll() is None


@pytest.mark.parametrize("signal", [9, 19, 15, 2, 1, 11])
def test_process_1_cannot_be_ended_or_stopped(prison: Server, signal: int) -> None:
    def strike(signal: int) -> str:
        import os

        try:
            os.kill(1, signal)
        except OSError as error:
            return type(error).__name__
        return "ignored"

    inside = Inside.on(prison)
    assert inside.run(strike, signal) in ("PermissionError", "ignored")
    # It still starts and buries processes.
    assert inside.answer(_exit).error
    assert len(inside.run(pids)) == 2


def _exit() -> None:
    import os

    os._exit(1)


@pytest.mark.parametrize("limit", ["RLIMIT_CPU", "RLIMIT_NOFILE", "RLIMIT_NPROC", "RLIMIT_AS"])
def test_the_limits_of_process_1_are_not_the_functions_to_set(prison: Server, limit: str) -> None:
    def set_limit(name: str) -> str:
        import resource

        try:
            resource.prlimit(1, getattr(resource, name), (1, 1))
        except (OSError, ValueError) as error:
            return type(error).__name__
        return "set"

    inside = Inside.on(prison)
    told = inside.run(set_limit, limit)
    if os.geteuid() == 0:
        assert told == "PermissionError"
    # An ordinary user's environment has one user for both, and may spoil itself, but nothing else; the next one is new.
    inside.answer(_exit)
    assert len(Inside.on(prison).run(pids)) == 2
    inside.function.update(Description="new")
    assert len(inside.run(pids)) == 2


def test_nobody_else_becomes_less_urgent_with_process_1(prison: Server) -> None:
    def be_nice() -> str:
        try:
            with open("/proc/1/autogroup", "w") as file:
                file.write("19")
        except OSError as error:
            return type(error).__name__
        return "written"

    groups = [Path(f"/proc/{pid}/autogroup") for pid in (prison.process.pid, os.getpid())]
    if not all(group.exists() for group in groups):
        pytest.skip("this kernel groups no processes by session")
    before = [group.read_text() for group in groups]
    told = Inside.on(prison).run(be_nice)
    assert [group.read_text() for group in groups] == before
    if os.geteuid() == 0:
        assert told == "PermissionError"


def test_another_process_of_its_own_cannot_be_traced_or_read(inside: Inside) -> None:
    def look_into_process_1() -> list[str]:
        refused = []
        for name in ("mem", "environ", "maps", "syscall", "stack", "auxv"):
            try:
                with open(f"/proc/1/{name}", "rb") as file:
                    file.read(1)
            except OSError:
                refused.append(name)
        return refused

    assert inside.run(look_into_process_1) == ["mem", "environ", "maps", "syscall", "stack", "auxv"]


def test_process_1_has_no_right_no_descriptor_and_nothing_to_be_replaced(prison: Server, inside: Inside) -> None:
    def replace_process_1() -> list[str]:
        import os

        refused = []
        for name in ("mem", "exe", "clear_refs", "oom_score_adj", "uid_map", "fd/0", "task/1/mem", "timens_offsets"):
            try:
                os.close(os.open(f"/proc/1/{name}", os.O_WRONLY))
            except OSError:
                refused.append(name)
        for name in ("fd", "map_files", "cwd", "root", "ns/pid"):
            try:
                os.listdir(f"/proc/1/{name}") if name in ("fd", "map_files") else os.readlink(f"/proc/1/{name}")
            except OSError:
                refused.append(name)
        return refused

    names = ["mem", "exe", "clear_refs", "oom_score_adj", "uid_map", "fd/0", "task/1/mem", "timens_offsets"]
    if os.geteuid() != 0:
        pytest.skip("an ordinary user's process 1 is another, and is looked at above")
    assert inside.run(replace_process_1) == [*names, "fd", "map_files", "cwd", "root", "ns/pid"]
    firsts = [pid for pid in leaks.descendants(prison.process.pid) if _name(pid) == b"environment\0"]
    assert firsts
    for pid in firsts:
        status = dict(line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        assert {int(status[f"Cap{kind}"], 16) for kind in ("Inh", "Prm", "Eff", "Bnd", "Amb")} == {0}, status
        assert status["NSpid"].split()[-1] == "1"
        assert os.listdir(f"/proc/{pid}/fd") == []


def _name(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def test_a_function_that_stops_itself_times_out_and_recovers(prison: Server) -> None:
    # Again where a signal by which it was to go on, after its last event, reaches it only now.
    code = "import os\ndef handler(event, context):\n    while event: os.kill(os.getpid(), 19)\n    return 1"
    function = create(prison, code, Timeout=1)
    assert function.value() == 1
    assert function.call("stop").value["errorType"] == "Sandbox.Timedout"
    assert function.value() == 1


def test_who_starts_a_runtime_again_is_not_to_be_seen(prison: Server) -> None:
    code = """
        import os
        def handler(event, context):
            if event:
                os._exit(1)
            return sorted(int(name) for name in os.listdir("/proc") if name.isdigit()), os.getpid()
    """
    function = create(prison, textwrap.dedent(code))
    assert function.value() == [[1, 2], 2]
    assert function.call("end").error is not None
    processes, own = function.value()
    assert processes == [1, own]
    assert own > 2


def test_tmp_of_another_environment_is_not_to_be_seen(prison: Server) -> None:
    def leave(name: str) -> list[str]:
        import os

        with open(f"/tmp/{name}", "w"):
            pass
        return sorted(os.listdir("/tmp"))

    one, other = Inside.on(prison), Inside.on(prison)
    assert one.run(leave, "one") == ["one"]
    assert other.run(leave, "other") == ["other"]
    assert one.run(leave, "two") == ["one", "two"]


TICKING = """
import os, time
def handler(event, context):
    if event == "start":
        if os.fork() == 0:
            os.setsid()
            while True:
                with open("/tmp/ticks", "a") as file:
                    file.write("x")
                time.sleep(0.01)
    try:
        return os.path.getsize("/tmp/ticks"), len([name for name in os.listdir("/proc") if name.isdigit()])
    except FileNotFoundError:
        return 0, 0
"""


def test_a_process_left_running_is_frozen_between_events_and_gone_with_the_environment(prison: Server) -> None:
    # The runtime's zygote is there from now on, whichever test comes first.
    assert create(prison, "def handler(e, c): return 1").value() == 1
    function = create(prison, TICKING)
    before = set(leaks.descendants(prison.process.pid))
    function.value("start")
    # On a busy machine the process may be stopped before it has begun.
    first, processes = wait_until(lambda: (seen := function.value())[1] and seen)
    assert processes == 3
    started = set(leaks.descendants(prison.process.pid)) - before
    # Not to wait for something, but to see that nothing happens.
    time.sleep(1.0)
    second, processes = function.value()
    assert processes == 3
    assert second - first < 30, "it ticked on: a hundred ticks a second, and 20 ms to freeze"
    function.client.delete_function(FunctionName=function.name)
    wait_until(lambda: not started & set(leaks.descendants(prison.process.pid)) or _only_blanks(prison, started))


def _only_blanks(prison: Server, started: set[int]) -> bool:
    """Whether of *started* only what waits for other functions is left: blanks' process 1, and what stands by there."""
    left = started & set(leaks.descendants(prison.process.pid))
    return not any(len(leaks.descendants(pid)) > 1 for pid in left)


def test_what_a_timeout_leaves_running_is_killed(prison: Server) -> None:
    function = create(
        prison,
        """
        import os, subprocess, time
        def handler(event, context):
            if event == "leave":
                subprocess.Popen(["setsid", "sleep", "1000"])
                time.sleep(1000)
            return [name for name in os.listdir("/proc") if name.isdigit()]
        """,
        Timeout=1,
    )
    assert len(function.value()) == 2
    assert function.call("leave").value["errorType"] == "Sandbox.Timedout"
    assert len(function.value()) == 2


def test_a_core_dump_stays_inside(prison: Server) -> None:
    before = _files(prison)

    def dump() -> None:
        import os

        os.chdir("/tmp")
        os.abort()

    inside = Inside.on(prison)
    answer = inside.answer(dump)
    assert answer.value["errorMessage"].endswith("signal: aborted")
    assert not [name for name in _files(prison) - before if "core" in name]


def _files(prison: Server) -> set[str]:
    """What lies where the server was started, and in its state but for /tmp of the functions."""
    found = {str(path) for path in prison.state.rglob("*") if "scratch" not in path.parts}
    return found | set(os.listdir("."))
