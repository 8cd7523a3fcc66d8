"""What a test run must not leave behind, and how to see it.

The run makes itself the reaper of its orphans (PR_SET_CHILD_SUBREAPER), so that whatever a server started and forgot,
however often it forked and whatever it calls itself, becomes a child of the run and is seen here. That holds for this
run's processes alone: another run on the same machine is none of its business.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import socket
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

from lamina.sandbox.held_groups import is_held

_PR_SET_CHILD_SUBREAPER = 36
_CGROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True, slots=True)
class Traces:
    """What is there now, each thing as a line for a person. `processes` are descendants of this one."""

    processes: frozenset[str]
    mounts: frozenset[str]
    cgroups: frozenset[str]
    networks: frozenset[str]
    loop_devices: frozenset[str]
    listeners: frozenset[str]
    threads: frozenset[str]

    def since(self, before: Traces) -> list[str]:
        """One line for each thing that was not there *before*."""
        return [
            f"{field.name}: {line}"
            for field in fields(self)
            for line in sorted(getattr(self, field.name) - getattr(before, field.name))
        ]


def adopt_orphans() -> None:
    """From now on, a descendant whose parent dies becomes our child, not init's."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def look(belonging_to: Path) -> Traces:
    """What is there now. Mounts and loop devices count when they name lamina or *belonging_to*, the run's folder."""
    ours = ("lamina", str(belonging_to))
    return Traces(
        frozenset(_descendants(belonging_to)),
        frozenset(line for line in _lines("/proc/self/mountinfo") if any(name in line for name in ours)),
        frozenset(_cgroups()),
        frozenset([*_names("/run/netns"), *_interfaces(belonging_to), *_filters(belonging_to)]),
        frozenset(line for line in _loop_devices() if any(name in line for name in ours)),
        frozenset(_listeners()),
        frozenset(repr(thread) for thread in threading.enumerate() if not thread.daemon and thread.is_alive()),
    )


def left_behind(before: Traces, belonging_to: Path, patience_s: float = 5.0) -> list[str]:
    """What is there that was not there *before*, given *patience_s* for what is just going away."""
    deadline = time.monotonic() + patience_s
    while True:
        _reap()
        found = look(belonging_to).since(before)
        if not found or time.monotonic() > deadline:
            return found
        time.sleep(0.05)


def _reap() -> None:
    """Bury the orphans that have ended, as init would: a zombie of ours is no leak."""
    try:
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass
    except ChildProcessError:
        pass


def descendants(pid: int) -> list[int]:
    """The process ids of everything that *pid* started, and what those started."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_text(errors="replace")
            except OSError:
                continue
            # The command may hold blanks and brackets; the parent is the second field after its closing one.
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    found = list(children.get(pid, []))
    for child in found:  # grows as it goes
        found.extend(children.get(child, []))
    return found


def _descendants(belonging_to: Path) -> Iterator[str]:
    """Ours, but for what runs below a server that keeps its state elsewhere: it goes on making sandboxes ahead."""
    commands = {}
    for pid in descendants(os.getpid()):
        try:
            commands[pid] = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
        except OSError:
            continue
    servers = [pid for pid, words in commands.items() if {"lamina", "up", "--state"} <= set(words)]
    others = [pid for pid in servers if not any(word.startswith(f"{belonging_to}/") for word in commands[pid])]
    elsewhere = {below for pid in others for below in descendants(pid)}
    for pid, words in commands.items():
        if pid not in elsewhere:
            yield f"{pid} {' '.join(words).strip() or f'[{_name(pid)}]'}"


def _name(pid: int) -> str:
    """What the kernel calls it, where its command line is empty."""
    return "".join(_lines(f"/proc/{pid}/comm")).strip()


def _cgroups() -> Iterator[str]:
    ours = {os.getpid(), *descendants(os.getpid())}
    for folder, subfolders, _ in os.walk(_CGROUPS):
        for name in subfolders:
            group = Path(folder, name)
            # One that holds somebody else's processes, or that a server holds, is another run's, under way beside
            # this one; a server of this run that still lives is told of as a process.
            if name.startswith("lamina") and _members(group) <= ours and not is_held(group):
                yield str(group)
        subfolders[:] = [name for name in subfolders if not name.startswith("lamina")]


def _members(group: Path) -> set[int]:
    """The processes in *group* and below."""
    return {int(pid) for folder, _, _ in os.walk(group) for pid in _lines(f"{folder}/cgroup.procs")}


def _interfaces(belonging_to: Path) -> Iterator[str]:
    """All there are, but of servers' uplinks those of servers that kept their state in this run's folder."""
    ours = tuple(f"lm{tag}" for tag in _tags(belonging_to))
    for name in _names("/sys/class/net"):
        if not name.startswith("lm") or name.startswith(ours):
            yield f"interface {name}"


def _filters(belonging_to: Path) -> Iterator[str]:
    """The tables of nf_tables that belong to servers of this run."""
    ours = {f"lamina-{tag}" for tag in _tags(belonging_to)}
    # NFT_MSG_GETTABLE, all of them, whatever their family.
    question = struct.pack("=IHHIIBBH", 20, 10 << 8 | 1, 0x301, 1, 0, 0, 0, 0)
    with contextlib.suppress(OSError), socket.socket(16, socket.SOCK_RAW, 12) as asking:
        asking.send(question)
        told = asking.recv(1 << 20)
        yield from (f"filters {name}" for name in ours if name.encode() in told)


def _tags(belonging_to: Path) -> set[str]:
    """What servers that kept their state in *belonging_to* put into the names of what they make."""
    depths = ("*", "*/*", "*/*/*", "*/*/*/*")
    states = {str(found.parent) for depth in depths for found in belonging_to.glob(f"{depth}/catalog.db")}
    return {hashlib.sha256(state.encode()).hexdigest()[:6] for state in states}


def _loop_devices() -> Iterator[str]:
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        yield f"/dev/{backing.parts[3]} on {_lines(str(backing))[0:1]}"


def _listeners() -> Iterator[str]:
    """The sockets of this process that listen."""
    for entry in os.listdir("/proc/self/fd"):
        try:
            if not os.readlink(f"/proc/self/fd/{entry}").startswith("socket:"):
                continue
            with socket.socket(fileno=os.dup(int(entry))) as found:
                if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
                    yield f"fd {entry} on {found.getsockname()!r}"
        except OSError:
            continue


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text(errors="replace").splitlines()
    except OSError:
        return []


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
