"""Control groups, v1 and v2, in one suite: against folders that stand for the kernel's, and against its own.

A folder is honest about names, contents and order, not about what the kernel makes of them: that is asked of the real
one, below.
"""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lamina.sandbox import cgroups, weights
from lamina.sandbox.cgroups import Cgroup, Cgroups, Unavailable, V1Cgroups, V2Cgroups

_CONTROLLERS = ("memory", "pids", "cpu")


class FakeKernel:
    """A cgroupfs of plain files. `read` gives what was written, `counts` sets what the kernel would."""

    def __init__(self, root: Path, version: int) -> None:
        self.root, self.version = root, version
        for parent in self.parents:
            parent.mkdir(parents=True)

    @property
    def parents(self) -> list[Path]:
        if self.version == 2:
            return [self.root / "lamina"]
        return [self.root / controller / "lamina" for controller in _CONTROLLERS]

    @property
    def groups(self) -> Cgroups:
        if self.version == 2:
            return V2Cgroups(self.parents[0])
        return V1Cgroups(dict(zip(_CONTROLLERS, self.parents, strict=True)))

    def file(self, group: str, name: str) -> Path:
        (found,) = [parent / group / name for parent in self.parents if self.version == 2 or parent.parent.name in name]
        return found

    def read(self, group: str, name: str) -> str:
        return self.file(group, name).read_text()

    def members(self, group: str) -> list[str]:
        return [(parent / group / "cgroup.procs").read_text() for parent in self.parents]

    def empty(self, group: str) -> None:
        """What rmdir(2) does to a group's files on a real one, once it has no members."""
        for parent in self.parents:
            for file in (parent / group).iterdir():
                file.unlink()


@pytest.fixture(params=[1, 2])
def kernel(request: pytest.FixtureRequest, tmp_path: Path) -> FakeKernel:
    return FakeKernel(tmp_path, request.param)


NAMES = {
    1: {"limit": "memory.limit_in_bytes", "kills": "memory.oom_control", "weight": "cpu.shares"},
    2: {"limit": "memory.max", "kills": "memory.events", "weight": "cpu.weight"},
}


def test_a_process_joins_every_controller(kernel: FakeKernel) -> None:
    kernel.groups.create("1").join(42)
    assert set(kernel.members("1")) == {"42"}


def test_limits_are_written_without_swap(kernel: FakeKernel) -> None:
    kernel.groups.create("1").limit(128 << 20, 1024)
    assert kernel.read("1", NAMES[kernel.version]["limit"]) == "134217728"
    assert kernel.read("1", "pids.max") == "1024"
    swap = {1: ("memory.memsw.limit_in_bytes", "134217728"), 2: ("memory.swap.max", "0")}[kernel.version]
    assert kernel.read("1", swap[0]) == swap[1]


def test_processor_time_is_weighed_by_memory(kernel: FakeKernel) -> None:
    for name, memory_mb in (("1", 128), ("2", 1024)):
        kernel.groups.create(name).limit(memory_mb << 20, 1024)
    small, large = (int(kernel.read(name, NAMES[kernel.version]["weight"])) for name in ("1", "2"))
    assert large == 8 * small
    kernel.groups.create("3").limit(1024 << 20, 1024, background=True)
    assert 50 * int(kernel.read("3", NAMES[kernel.version]["weight"])) < small


def test_version_1_limits_the_buffers_of_connections_too(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, 1)
    kernel.groups.create("1").limit(128 << 20, 1024)
    assert kernel.read("1", "memory.kmem.tcp.limit_in_bytes") == "134217728"


def test_memory_that_is_held_is_that_of_processes_not_of_files(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    figures = {1: "cache 9\ntotal_cache 900\ntotal_rss 40\ntotal_shmem 2\n", 2: "anon 40\nfile 900\nshmem 2\n"}
    kernel.file("1", "memory.stat").write_text(figures[kernel.version])
    assert group.memory_held_bytes() == 42


def test_the_highest_charge_is_told_until_the_group_is_removed(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    file = kernel.file("1", {1: "memory.max_usage_in_bytes", 2: "memory.peak"}[kernel.version])
    file.write_text("4096\n")
    assert group.memory_peak_bytes() == 4096
    file.write_text("8192\n")
    assert group.memory_peak_bytes() == 8192
    kernel.empty("1")
    group.remove()
    assert group.memory_peak_bytes() is None


def test_a_kernel_that_keeps_no_highest_charge_says_so(kernel: FakeKernel) -> None:
    assert kernel.groups.create("1").memory_peak_bytes() is None


def test_kills_for_want_of_memory_are_counted(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    kernel.file("1", NAMES[kernel.version]["kills"]).write_text("oom 7\noom_kill_disable 0\noom_kill 3\n")
    assert group.out_of_memory_kills() == 3


def test_a_kernel_that_does_not_count_them_says_none(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    kernel.file("1", NAMES[kernel.version]["kills"]).write_text("oom_kill_disable 0\nunder_oom 0\n")
    assert group.out_of_memory_kills() == 0


def test_two_groups_of_one_name_are_a_mistake(kernel: FakeKernel) -> None:
    kernel.groups.create("1")
    with pytest.raises(FileExistsError):
        kernel.groups.create("1")


def test_half_a_group_is_not_left_behind(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, 1)
    (tmp_path / "pids" / "lamina" / "1").mkdir()
    with pytest.raises(FileExistsError):
        kernel.groups.create("1")
    assert not (tmp_path / "memory" / "lamina" / "1").exists()


def test_a_group_that_still_has_members_is_not_gone(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    group.join(42)
    assert not group.remove()
    kernel.empty("1")
    assert group.remove()
    assert group.remove(), "it is gone however often one asks"


def _left(kernel: FakeKernel, group: str, *, members: str = "", kills: int = 0) -> None:
    """What the kernel tells of *group* at version 1 when an environment has ended."""
    kernel.parents[0].joinpath(group, "cgroup.procs").write_text(members)
    kernel.file(group, "memory.oom_control").write_text(f"oom_kill {kills}\n")
    kernel.file(group, "memory.max_usage_in_bytes").write_text("0\n")


def test_version_1_leaves_a_group_to_the_next_environment(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, 1)
    groups = kernel.groups
    first = groups.create("1")
    _left(kernel, "1")
    assert first.put_back()
    assert groups.create("2") is first
    assert groups.create("3") is not first


@pytest.mark.parametrize("left", [{"members": "42\n"}, {"kills": 1}])
def test_a_group_that_differs_from_a_new_one_is_not_left_to_another(tmp_path: Path, left: dict[str, Any]) -> None:
    kernel = FakeKernel(tmp_path, 1)
    groups = kernel.groups
    group = groups.create("1")
    _left(kernel, "1", **left)
    assert not group.put_back()
    assert groups.create("2") is not group


def test_version_2_makes_every_group_anew(tmp_path: Path) -> None:
    assert not FakeKernel(tmp_path, 2).groups.create("1").put_back()


def test_limits_are_written_only_where_they_differ_from_those_before(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, 1)
    group = kernel.groups.create("1")
    group.limit(128 << 20, 1024)
    kernel.file("1", "pids.max").unlink()
    group.limit(128 << 20, 1024)
    assert not kernel.file("1", "pids.max").exists()
    group.limit(256 << 20, 1024)
    assert kernel.read("1", "pids.max") == "1024"


def test_what_an_earlier_server_left_is_swept(kernel: FakeKernel) -> None:
    for name in ("1", "2"):
        kernel.groups.create(name)
    kernel.groups.sweep()
    assert [list(parent.iterdir()) for parent in kernel.parents] == [[] for _ in kernel.parents]


def test_at_the_end_the_parent_goes_too(kernel: FakeKernel) -> None:
    kernel.groups.create("1")
    kernel.groups.remove()
    assert not any(parent.exists() for parent in kernel.parents)


def test_only_version_2_freezes(kernel: FakeKernel) -> None:
    group = kernel.groups.create("1")
    assert kernel.groups.can_freeze == group.can_freeze == (kernel.version == 2)
    if group.can_freeze:
        group.freeze()
        assert kernel.read("1", "cgroup.freeze") == "1"
        group.thaw()
        assert kernel.read("1", "cgroup.freeze") == "0"
    else:
        for refused in (group.freeze, group.thaw):
            with pytest.raises(NotImplementedError):
                refused()


def test_a_sweep_of_version_2_kills_what_lives_on(tmp_path: Path) -> None:
    kernel = FakeKernel(tmp_path, 2)
    kernel.groups.create("1")
    kernel.file("1", "cgroup.kill").write_text("")
    kernel.groups.sweep()
    assert kernel.read("1", "cgroup.kill") == "1"


def test_the_controllers_are_handed_down_to_the_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    handed = []
    monkeypatch.setattr(cgroups, "_enable", lambda group, *controllers: handed.append((group, *controllers)))
    found = cgroups._find_v2(tmp_path, "/", "lamina-x")
    assert isinstance(found, V2Cgroups)
    group = tmp_path / "lamina-x"
    assert handed == [(tmp_path, "memory", "pids"), (group, "memory", "pids"), (tmp_path, "cpu"), (group, "cpu")]


def _mounted(root: Path, *controllers: str) -> dict[str, Path]:
    found = {controller: root / controller for controller in controllers}
    for mount in found.values():
        mount.mkdir()
    return found


@pytest.mark.parametrize("version", [1, 2])
def test_all_groups_together_weigh_a_thread_for_each_processor(tmp_path: Path, version: int) -> None:
    mounts = _mounted(tmp_path, "memory", "pids", "cpu")
    found = cgroups._find_v2(tmp_path, "/", "x") if version == 2 else cgroups._find_v1(mounts, {}, "x")
    assert not isinstance(found, Unavailable)
    assert found.why_unweighed is None
    assert "cpu" in found.description
    weight, one = (
        (tmp_path / "x" / "cpu.weight", 100) if version == 2 else (tmp_path / "cpu" / "x" / "cpu.shares", 1024)
    )
    assert int(weight.read_text()) == one * (os.cpu_count() or 1)


def _refused(group: Path, *controllers: str) -> None:
    if "cpu" in controllers:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))


@pytest.mark.parametrize("case", ["not mounted", "refused", "version 2"])
def test_without_weights_there_are_groups_all_the_same_and_the_reason_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    mounts = _mounted(tmp_path, "memory", "pids")
    if case == "version 2":
        monkeypatch.setattr(cgroups, "_enable", _refused)
        found = cgroups._find_v2(tmp_path, "/", "x")
    else:
        if case == "refused":
            mounts["cpu"] = tmp_path / "cpu"
            mounts["cpu"].write_text("")
        found = cgroups._find_v1(mounts, {}, "x")
    assert not isinstance(found, Unavailable)
    assert found.why_unweighed is not None
    assert "cpu" in found.why_unweighed
    assert "cpu" not in found.description
    group = found.create("1")
    group.join(42)
    group.limit(128 << 20, 1024)
    assert not [file for file in tmp_path.rglob("cpu.*") if file.is_file()]


def test_a_group_that_cannot_be_weighed_is_not_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unwritable(_processors: int) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(weights, "v1_shares_of_all", unwritable)
    found = cgroups._find_v1(_mounted(tmp_path, "memory", "pids", "cpu"), {}, "x")
    assert not isinstance(found, Unavailable)
    assert found.why_unweighed is not None
    assert list((tmp_path / "cpu").iterdir()) == []


def test_controllers_may_be_mounted_together(tmp_path: Path) -> None:
    mounts = _mounted(tmp_path, "memory", "pids")
    found = cgroups._find_v1({**mounts, "cpu": mounts["pids"]}, {}, "x")
    assert not isinstance(found, Unavailable)
    group = found.create("1")
    assert group.remove()
    found.create("1")
    found.sweep()
    assert [path.name for path in tmp_path.rglob("1")] == []


@pytest.mark.parametrize("version", [1, 2])
def test_all_groups_together_leave_the_machine_half_of_its_processes(tmp_path: Path, version: int) -> None:
    mounts = _mounted(tmp_path, "memory", "pids")
    found = cgroups._find_v2(tmp_path, "/", "x") if version == 2 else cgroups._find_v1(mounts, {}, "x")
    assert not isinstance(found, Unavailable)
    allowed = int((tmp_path / ("x" if version == 2 else "pids/x") / "pids.max").read_text())
    assert 0 < 2 * allowed <= int(Path("/proc/sys/kernel/pid_max").read_text())
    assert 2 * allowed <= int(Path("/proc/sys/kernel/threads-max").read_text())


def test_groups_lie_below_our_own_where_that_is_to_be_seen(tmp_path: Path) -> None:
    (tmp_path / "user.slice").mkdir()
    cgroups._find_v2(tmp_path, "/user.slice", "lamina-x")
    assert (tmp_path / "user.slice" / "lamina-x").is_dir()
    # A container sees the host's path in /proc/self/cgroup, and not the host's tree.
    cgroups._find_v2(tmp_path, "/docker/0123", "lamina-y")
    assert (tmp_path / "lamina-y").is_dir()


def test_where_none_can_be_made_the_reason_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found = cgroups._find_v2(tmp_path / "file", "/", "lamina-x")
    assert isinstance(found, Unavailable)
    assert "cannot make a group below" in found.reason
    again = cgroups._find_v1({"memory": tmp_path / "file", "pids": tmp_path}, {}, "lamina-x")
    assert isinstance(again, Unavailable)


@pytest.fixture
def real() -> Iterator[Cgroups]:
    found = cgroups.find(f"lamina-test-{os.getpid()}")
    if isinstance(found, Unavailable):
        pytest.skip(f"no control groups here: {found.reason}")
    yield found
    found.remove()


@pytest.fixture
def member(real: Cgroups) -> Iterator[tuple[Cgroup, subprocess.Popen[str]]]:
    """A group and a process in it, which does what it is told once a line comes."""
    group = real.create("1")
    waiting = "import sys; exec(sys.stdin.readline())"
    with subprocess.Popen([sys.executable, "-c", waiting], stdin=subprocess.PIPE, text=True) as process:
        try:
            group.join(process.pid)
            yield group, process
        finally:
            process.kill()
            process.wait()
            wait_removed(group)


def wait_removed(group: Cgroup) -> None:
    """Returns once *group* is gone: the kernel counts a process for a moment after its parent has buried it."""
    give_up_at = time.monotonic() + 60
    while not group.remove():
        assert time.monotonic() < give_up_at
        os.sched_yield()


def test_the_kernel_counts_a_members_memory(member: tuple[Cgroup, subprocess.Popen[str]]) -> None:
    group, process = member
    group.limit(256 << 20, 1024)
    assert process.stdin is not None
    process.stdin.write("x = bytearray(b'x') * (32 << 20); sys.stdin.readline()\n")
    process.stdin.flush()
    give_up_at = time.monotonic() + 60
    while not 32 << 20 <= group.memory_held_bytes() < 256 << 20:
        assert time.monotonic() < give_up_at
        os.sched_yield()
    peak = group.memory_peak_bytes()
    assert peak is None or peak >= 32 << 20
    process.communicate("\n")
    assert group.out_of_memory_kills() == 0


def test_the_kernel_kills_who_takes_too_much(member: tuple[Cgroup, subprocess.Popen[str]]) -> None:
    group, process = member
    group.limit(32 << 20, 1024)
    process.communicate("bytearray(256 << 20)\n")
    assert process.returncode == -signal.SIGKILL
    assert group.out_of_memory_kills() == 1
    assert not group.put_back()


def _put_back_is(expected: bool, group: Cgroup, process: subprocess.Popen[str], code: str) -> None:
    """Have *process* run *code* in *group*, and see whether the group is left to the next one."""
    group.limit(128 << 20, 1024)
    process.communicate(code + "\n")
    assert process.returncode == 0
    assert group.put_back() == expected


def test_the_kernel_makes_a_group_as_good_as_new(real: Cgroups, member: tuple[Cgroup, subprocess.Popen[str]]) -> None:
    if real.can_freeze:
        pytest.skip("groups of version 2 are made anew")
    group, process = member
    assert not group.put_back(), "somebody is in there"
    _put_back_is(True, group, process, "bytearray(b'x') * (32 << 20)")
    assert real.create("2") is group
    peak = group.memory_peak_bytes()
    assert peak is not None
    assert peak < 32 << 20
    # One limit must never be below the other, neither on the way up nor down.
    for memory_mb in (512, 64, 128):
        group.limit(memory_mb << 20, 1024)


def test_a_group_that_files_are_charged_to_is_not_left_to_another(
    member: tuple[Cgroup, subprocess.Popen[str]], tmp_path: Path
) -> None:
    group, process = member
    _put_back_is(False, group, process, f"open({str(tmp_path / 'file')!r}, 'wb').write(bytes(16 << 20))")


def test_the_kernel_refuses_a_process_too_many(member: tuple[Cgroup, subprocess.Popen[str]]) -> None:
    group, process = member
    group.limit(256 << 20, 1)
    process.communicate("import os; os.fork()\n")
    assert process.returncode == 1


def test_the_kernel_takes_every_weight(real: Cgroups) -> None:
    for memory_mb, background in ((128, False), (10_240, False), (128, True)):
        group = real.create("1")
        try:
            group.limit(memory_mb << 20, 1024, background=background)
        finally:
            wait_removed(group)


# Becomes several processes that want all of one processor from a time on and until another; prints what each had.
_BURNING = """
import os, sys, time
print("ready", flush=True)
processes, begin, end = map(float, sys.stdin.readline().split())
for _ in range(int(processes) - 1):
    if os.fork() == 0:
        break
os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
time.sleep(max(0, begin - time.monotonic()))
before = time.process_time()
while time.monotonic() < end:
    pass
os.write(1, b"%f\\n" % (time.process_time() - before))
while True:
    try:
        os.wait()
    except ChildProcessError:
        break
"""


def test_the_kernel_shares_a_processor_by_the_weights_of_groups(real: Cgroups) -> None:
    """Not by how many processes there are in each."""
    if real.why_unweighed is not None:
        pytest.skip(f"no weights here: {real.why_unweighed}")
    burning = {}
    for memory_mb in (128, 1024):
        group = real.create(str(memory_mb))
        group.limit(memory_mb << 20, 1024)
        command = [sys.executable, "-c", _BURNING]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        group.join(process.pid)
        burning[memory_mb] = (group, process)
    for _, process in burning.values():
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    begin = time.monotonic() + 1
    for memory_mb, (_, process) in burning.items():
        assert process.stdin is not None
        process.stdin.write(f"{8 if memory_mb == 128 else 1} {begin} {begin + 2.5}\n")
        process.stdin.flush()
    had = {}
    for memory_mb, (group, process) in burning.items():
        had[memory_mb] = sum(map(float, process.communicate()[0].split()))
        wait_removed(group)
    # Eight ninths, where a share for each process would be one.
    assert had[1024] / sum(had.values()) > 0.75, had


def test_a_real_group_is_gone_only_after_its_members(member: tuple[Cgroup, subprocess.Popen[str]]) -> None:
    group, process = member
    assert not group.remove()
    process.kill()
    process.wait()
    wait_removed(group)
