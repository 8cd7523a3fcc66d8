"""Control groups: how much memory and how many processes an environment may have, and its share of processor time
where that is short, in v2's one tree or v1's several.

Joining a group costs 8 to 11 ms on a machine that was idle (an RCU grace period), more than the rest of a cold start:
groups are made and joined ahead of demand, and only their limits are written on assignment.

Freezing is v2's alone. A v1 freezer keeps SIGKILL from its processes until somebody thaws them, so a server killed
outright would leave them behind for ever; there the worker stops processes by signal instead.
"""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lamina.sandbox import kernel_files, weights
from lamina.sandbox.held_groups import hold, remove_abandoned

# The third, cpu, is not handed to everybody who gets these: an ordinary user of systemd's mostly has to ask for it.
_CONTROLLERS = ("memory", "pids")
_CPU = "cpu"
# Groups that wait for the next environment: each takes some of the kernel's memory.
_KEPT_MAX = 16
# What the kernel may still charge to a group without processes, for each processor some, and which nobody misses.
_LEFT_BYTES_MAX = 4 << 20


class Cgroup(Protocol):
    """The group of one environment."""

    can_freeze: bool

    def join(self, pid: int) -> None: ...
    def limit(self, memory_bytes: int, processes: int, *, background: bool = False) -> None:
        """Where groups are weighed, give it a share of processor time too: as AWS does, by its memory; the least there
        is to what is to run in the *background*.
        """
        ...

    def freeze(self) -> None: ...
    def thaw(self) -> None: ...
    def processes(self) -> list[int]:
        """Those that belong to it."""
        ...

    def memory_held_bytes(self) -> int:
        """What its processes hold now, without the pages of files, which the kernel takes back when it likes."""
        ...

    def memory_peak_bytes(self) -> int | None:
        """The most that was ever charged to it, pages of files included, which costs little to ask; None if unknown."""
        ...

    def out_of_memory_kills(self) -> int: ...
    def put_back(self) -> bool:
        """Leave it to the next environment, for which it is as good as new; call `remove` where it is not.

        To make one and to remove it takes the machine a millisecond, on several processors.
        """
        ...

    def remove(self) -> bool:
        """Whether the group is gone; False while the kernel still counts a process of it."""
        ...


class Cgroups(Protocol):
    """Where groups can be made on this machine."""

    description: str
    can_freeze: bool
    why_unweighed: str | None  # why groups have no weight against each other, if they have none

    def create(self, name: str) -> Cgroup:
        """One that nobody is in: called *name*, unless another was put back."""
        ...

    def sweep(self) -> None:
        """Remove what an earlier server of the same name left, and what killed ones left beside it."""
        ...

    def remove(self) -> None:
        """Remove the parent group too: nothing of ours is left."""
        ...

    @property
    def memory_folder(self) -> Path:
        """Of the parent, whose limit is that of all groups together."""
        ...


@dataclass(frozen=True, slots=True)
class Unavailable:
    """Why there are no groups here."""

    reason: str


def find(name: str) -> Cgroups | Unavailable:
    """The groups this process may make, below a parent called *name* (unique to the server's state).

    All of them together may take the machine's memory but a tenth, and half of the processes it can have: the server,
    too, wants to live. It stays outside of the parent, which weighs as much as one ordinary thread on each processor.
    """
    roots = mounts()
    own = own_groups()
    v2 = roots.get("")
    if v2 is not None:
        controllers = (v2 / "cgroup.controllers").read_text().split()
        if all(controller in controllers for controller in _CONTROLLERS):
            return _find_v2(v2, own.get("", "/"), name)
    if all(controller in roots for controller in _CONTROLLERS):
        return _find_v1({key: roots[key] for key in (*_CONTROLLERS, _CPU) if key in roots}, own, name)
    return Unavailable("no memory and pids controllers are mounted under /sys/fs/cgroup")


def _memory_for_all() -> int:
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return total - total // 10


def _processes_for_all() -> int:
    return min(int(Path(f"/proc/sys/kernel/{name}").read_text()) for name in ("pid_max", "threads-max")) // 2


def mounts() -> dict[str, Path]:
    """Controller -> where its tree is mounted; "" is v2's."""
    found: dict[str, Path] = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, target, kind, options, *_ = line.split(" ")
        if kind == "cgroup2":
            found.setdefault("", Path(target))
        elif kind == "cgroup":
            for option in options.split(","):
                found.setdefault(option, Path(target))
    return found


def own_groups() -> dict[str, str]:
    """Controller -> our own group's path; "" is v2's."""
    groups: dict[str, str] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            groups[controller] = path
    return groups


def below(root: Path, path: str) -> Path:
    """Our group's folder; a container without a cgroup namespace sees the host's path but not the host's tree."""
    inside = root / path.lstrip("/")
    return inside if inside.is_dir() else root


def _find_v1(mounts: dict[str, Path], own: dict[str, str], name: str) -> Cgroups | Unavailable:
    parents = {controller: below(root, own.get(controller, "/")) / name for controller, root in mounts.items()}
    weighing = parents.pop(_CPU, None)
    with contextlib.ExitStack() as undoing:
        try:
            for parent in parents.values():
                undoing.callback(os.close, hold(parent))
            (parents["memory"] / "memory.limit_in_bytes").write_text(str(_memory_for_all()))
            (parents["pids"] / "pids.max").write_text(str(_processes_for_all()))
        except OSError as error:
            return Unavailable(f"cannot make a group: {error}")
        why_unweighed: str | None = "no cpu controller is mounted under /sys/fs/cgroup"
        if weighing is not None:
            why_unweighed = _why_unweighed_v1(weighing, undoing)
            if why_unweighed is None:
                parents[_CPU] = weighing
        return V1Cgroups(parents, undoing.pop_all().close, why_unweighed)


def _why_unweighed_v1(parent: Path, undoing: contextlib.ExitStack) -> str | None:
    """Have *parent* for groups that are weighed; or why they cannot be, and nothing is left of it."""
    try:
        undoing.callback(os.close, hold(parent))
        (parent / "cpu.shares").write_text(str(weights.v1_shares_of_all(os.cpu_count() or 1)))
    except OSError as error:
        _removed(parent)
        return f"cannot make a group: {error}"
    return None


def _find_v2(root: Path, own: str, name: str) -> Cgroups | Unavailable:
    parent = below(root, own)
    with contextlib.ExitStack() as undoing:
        try:
            _delegate(parent)
            group = parent / name
            undoing.callback(os.close, hold(group))
            _enable(group, *_CONTROLLERS)
            (group / "memory.max").write_text(str(_memory_for_all()))
            (group / "pids.max").write_text(str(_processes_for_all()))
        except OSError as error:
            return Unavailable(f"cannot make a group below {parent}: {error.strerror}")
        return V2Cgroups(group, undoing.pop_all().close, _why_unweighed_v2(parent, group))


def _why_unweighed_v2(parent: Path, group: Path) -> str | None:
    """Have what is below *group* weighed; or why it cannot be."""
    try:
        for folder in (parent, group):
            _enable(folder, _CPU)
        (group / "cpu.weight").write_text(str(weights.v2_weight_of_all(os.cpu_count() or 1)))
    except OSError as error:
        return f"no cpu controller for groups below {parent}: {error.strerror}"
    return None


def _delegate(parent: Path) -> None:
    """Let groups below *parent* have the controllers; v2 forbids that to a group which itself holds processes."""
    try:
        _enable(parent, *_CONTROLLERS)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        # systemd-run --scope -p Delegate=yes puts us alone into a group that is ours to divide.
        members = (parent / "cgroup.procs").read_text().split()
        if members != [str(os.getpid())]:
            raise
        leaf = parent / "lamina-server"
        leaf.mkdir(exist_ok=True)
        (leaf / "cgroup.procs").write_text(str(os.getpid()))
        _enable(parent, *_CONTROLLERS)


def _enable(group: Path, *controllers: str) -> None:
    (group / "cgroup.subtree_control").write_text(" ".join(f"+{controller}" for controller in controllers))


class V1Cgroups:
    can_freeze = False

    def __init__(
        self,
        parents: dict[str, Path],
        let_go: Callable[[], object] = lambda: None,
        why_unweighed: str | None = None,
    ) -> None:
        self._parents = parents
        # Controllers may be mounted together.
        self._folders = tuple(dict.fromkeys(parents.values()))
        self._let_go = let_go
        self._kept: list[_V1Cgroup] = []
        self.why_unweighed = why_unweighed
        self.description = f"cgroup v1: {', '.join(parents)}"

    @property
    def memory_folder(self) -> Path:
        return self._parents["memory"]

    def create(self, name: str) -> Cgroup:
        if self._kept:
            return self._kept.pop()
        folders = {controller: f"{parent}/{name}" for controller, parent in self._parents.items()}
        with contextlib.ExitStack() as undoing:
            for folder in dict.fromkeys(folders.values()):
                os.mkdir(folder)
                undoing.callback(_removed, folder)
            undoing.pop_all()
        return _V1Cgroup(folders, self._kept)

    def sweep(self) -> None:
        for parent in self._folders:
            _sweep(parent)
            remove_abandoned(parent)

    def remove(self) -> None:
        while self._kept:
            self._kept.pop().remove()
        for parent in self._folders:
            _sweep(parent)
            _removed(parent)
        self._let_go()


class V2Cgroups:
    can_freeze = True

    def __init__(
        self, parent: Path, let_go: Callable[[], object] = lambda: None, why_unweighed: str | None = None
    ) -> None:
        self._parent = parent
        self._let_go = let_go
        self.why_unweighed = why_unweighed
        weighing = [_CPU] if why_unweighed is None else []
        self.description = f"cgroup v2: {', '.join([*_CONTROLLERS, *weighing, 'freezing'])}"

    @property
    def memory_folder(self) -> Path:
        return self._parent

    def create(self, name: str) -> Cgroup:
        folder = f"{self._parent}/{name}"
        os.mkdir(folder)
        return _V2Cgroup(folder, weighed=self.why_unweighed is None)

    def sweep(self) -> None:
        for group in self._parent.glob("*/cgroup.kill"):
            with contextlib.suppress(OSError):
                group.write_text("1")
        _sweep(self._parent)
        remove_abandoned(self._parent)

    def remove(self) -> None:
        self.sweep()
        _removed(self._parent)
        self._let_go()


def _sweep(parent: Path) -> None:
    for group in parent.iterdir():
        if group.is_dir():
            _removed(group)


_NO_LIMITS = (0, 0, 0)
# While they are written, and where that failed.
_SOME_LIMITS = (-1, -1, -1)


class _V1Cgroup:
    # Strings: to put paths together would take longer than what is done at them.
    can_freeze = False

    def __init__(self, folders: dict[str, str], kept: list[_V1Cgroup]) -> None:
        self._folders = folders
        self._kept = kept
        # Bytes of memory, processes, shares of processor time.
        self._limits = _NO_LIMITS
        self._memory = f"{folders['memory']}/memory."
        self._peak = _Peak(f"{self._memory}max_usage_in_bytes")

    def join(self, pid: int) -> None:
        for folder in dict.fromkeys(self._folders.values()):
            kernel_files.write(f"{folder}/cgroup.procs", str(pid))

    def limit(self, memory_bytes: int, processes: int, *, background: bool = False) -> None:
        shares = weights.V1_LEAST if background else weights.v1_shares(memory_bytes)
        limits = memory_bytes, processes, shares
        if limits == self._limits:
            return
        if self._limits != _NO_LIMITS:
            # This one must at no time be below the other.
            with contextlib.suppress(OSError):
                kernel_files.write(f"{self._memory}memsw.limit_in_bytes", "-1")
        self._limits = _SOME_LIMITS
        kernel_files.write(f"{self._memory}limit_in_bytes", str(memory_bytes))
        # Exists with swap accounting only; equal to the other, it leaves no swap.
        with contextlib.suppress(OSError):
            kernel_files.write(f"{self._memory}memsw.limit_in_bytes", str(memory_bytes))
        # v1 charges the buffers of TCP connections by themselves, and to nobody unless there is a limit.
        with contextlib.suppress(OSError):
            kernel_files.write(f"{self._memory}kmem.tcp.limit_in_bytes", str(memory_bytes))
        kernel_files.write(f"{self._folders['pids']}/pids.max", str(processes))
        if _CPU in self._folders:
            kernel_files.write(f"{self._folders[_CPU]}/cpu.shares", str(shares))
        self._limits = limits

    def freeze(self) -> None:
        raise NotImplementedError("v1 groups are not frozen")

    def thaw(self) -> None:
        raise NotImplementedError("v1 groups are not frozen")

    def processes(self) -> list[int]:
        return _members(self._folders["memory"])

    def memory_held_bytes(self) -> int:
        return sum(_counters(f"{self._memory}stat", b"total_rss", b"total_shmem"))

    def memory_peak_bytes(self) -> int | None:
        return self._peak.read()

    def out_of_memory_kills(self) -> int:
        return _counters(f"{self._memory}oom_control", b"oom_kill")[0]

    def put_back(self) -> bool:
        if len(self._kept) >= _KEPT_MAX:
            return False
        try:
            if kernel_files.read(f"{self._folders['memory']}/cgroup.procs") or self.out_of_memory_kills():
                return False
            kernel_files.write(f"{self._memory}max_usage_in_bytes", "0")
        except OSError:
            return False
        # From here on it is what is charged now: pages of files above all, which others would pay for.
        charged = self._peak.read()
        if charged is None or charged > _LEFT_BYTES_MAX:
            return False
        self._kept.append(self)
        return True

    def remove(self) -> bool:
        self._peak.close()
        removed = [_removed(folder) for folder in self._folders.values()]
        return all(removed)


class _V2Cgroup:
    can_freeze = True

    def __init__(self, folder: str, *, weighed: bool) -> None:
        self._folder = folder
        self._weighed = weighed
        self._peak = _Peak(f"{folder}/memory.peak")

    def join(self, pid: int) -> None:
        kernel_files.write(f"{self._folder}/cgroup.procs", str(pid))

    def limit(self, memory_bytes: int, processes: int, *, background: bool = False) -> None:
        kernel_files.write(f"{self._folder}/memory.max", str(memory_bytes))
        with contextlib.suppress(OSError):
            kernel_files.write(f"{self._folder}/memory.swap.max", "0")
        kernel_files.write(f"{self._folder}/pids.max", str(processes))
        if self._weighed:
            weight = weights.V2_LEAST if background else weights.v2_weight(memory_bytes)
            kernel_files.write(f"{self._folder}/cpu.weight", str(weight))

    def freeze(self) -> None:
        kernel_files.write(f"{self._folder}/cgroup.freeze", "1")

    def thaw(self) -> None:
        kernel_files.write(f"{self._folder}/cgroup.freeze", "0")

    def processes(self) -> list[int]:
        return _members(self._folder)

    def memory_held_bytes(self) -> int:
        return sum(_counters(f"{self._folder}/memory.stat", b"anon", b"shmem"))

    def memory_peak_bytes(self) -> int | None:
        return self._peak.read()

    def out_of_memory_kills(self) -> int:
        return _counters(f"{self._folder}/memory.events", b"oom_kill")[0]

    def put_back(self) -> bool:
        # Its highest charge cannot be forgotten (by Linux 6.12, through one descriptor), and it is one folder only.
        return False

    def remove(self) -> bool:
        self._peak.close()
        return _removed(self._folder)


class _Peak:
    """A file with one number, kept open from when it is first read: that saves nine tenths of the time it takes."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._fd: int | None = None
        self._closed = False

    def read(self) -> int | None:
        """None where there is no such file, as on kernels before 5.19, or no more."""
        if self._closed:
            return None
        try:
            if self._fd is None:
                self._fd = os.open(self._file, os.O_RDONLY | os.O_CLOEXEC)
            return int(os.pread(self._fd, 64, 0))
        except OSError:
            return None

    def close(self) -> None:
        self._closed = True
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def _members(folder: str) -> list[int]:
    return [int(word) for word in kernel_files.read(f"{folder}/cgroup.procs").split()]


def _counters(file: str, *names: bytes) -> list[int]:
    """The counters *names* of a file that has one in each line, 0 for one that it does not have."""
    text = kernel_files.read(file)
    return [kernel_files.number_behind(text, name + b" ") for name in names]


def _removed(folder: Path | str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
