"""What a sandbox will look like, decided here and carried out by `lamina.guest`.

Two plans, because there are two lifetimes: the root that all environments of a runtime share (built once, under its
zygote), and what one environment adds to it on assignment. An operation is a tuple of strings, its name first:
what `lamina.guest.mounts` understands, what a log line shows and what a test compares.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

TASK_ROOT: Final = "/var/task"
OPT: Final = "/opt"
LANG_ROOT: Final = "/var/lang"
RUNTIME_ROOT: Final = "/var/runtime"
ENTRY_POINT: Final = "/lambda-entrypoint.sh"
# What the zygote needs of the host, and every environment detaches before a customer's code runs.
STAGE: Final = "/.lamina"
EMPTY: Final = f"{STAGE}/empty"

_FIRST_USER: Final = 1051  # AWS's are called sbx_user1051 and up
# Nothing here runs it; a function may look at it, or name it as its AWS_LAMBDA_EXEC_WRAPPER.
_ENTRY: Final = f"#!/bin/sh\nexec {LANG_ROOT}/bin/python3 {RUNTIME_ROOT}/bootstrap.py\n"


@dataclass(frozen=True, slots=True)
class InterpreterLayout:
    """Where an interpreter's files lie on the host. *standalone*: its prefix holds nothing but itself."""

    version: str  # "3.11"
    release: str  # "3.11.7"
    prefix: Path
    executable: Path
    standard_library: Path
    shared_library: Path | None
    standalone: bool
    has_site_packages: bool


@dataclass(frozen=True, slots=True)
class HostFolders:
    """The folders of the state that every sandbox of a runtime is given."""

    guest: Path  # the code of lamina.guest
    trees: Path
    runtime: Path  # what stands at /var/runtime
    packages: Path  # what stands in the interpreter's site-packages
    scratch: Path | None  # folders for /tmp, where it is not a file system of its own


@dataclass(frozen=True, slots=True)
class HostSystem:
    """What of the host's own system a sandbox shows, read-only: programs, libraries, certificates."""

    links: Mapping[str, str]  # "/bin" -> "usr/bin"
    folders: tuple[str, ...]
    files: tuple[str, ...]
    hidden: tuple[str, ...]
    replaced: Mapping[str, str] = field(default_factory=dict)  # program -> the one to be found in its place


def plan_root(
    system: HostSystem, interpreter: InterpreterLayout | None, host: HostFolders, first_uid: int, users: int
) -> tuple[tuple[str, ...], ...]:
    """The root under a zygote, in order. Every path is that inside; sources are the host's.

    Environments run as one of so many *users*, from *first_uid* on.
    """
    operations: list[tuple[str, ...]] = [("folder", path) for path in ("/proc", "/etc", "/dev", "/usr", "/var")]
    operations += [("symlink", path, target) for path, target in system.links.items()]
    for path in system.folders:
        operations += [("folder", path), ("bind_read_only", path, path)]
    for path in system.files:
        operations += [("folder", str(Path(path).parent)), ("file", path, ""), ("bind_read_only", path, path)]
    operations += [("mask", path) for path in system.hidden]
    operations += [("bind_read_only", path, program) for path, program in system.replaced.items()]
    operations += _devices()
    operations += _accounts(first_uid, users)
    operations += _stage(host)
    if interpreter is not None:
        operations += _interpreter(interpreter, host.packages)
    operations += [
        ("folder", RUNTIME_ROOT),
        ("bind_read_only", RUNTIME_ROOT, str(host.runtime)),
        ("folder", "/tmp", "1777"),
        # glibc asks once whether the folders of LD_LIBRARY_PATH exist and remembers a no across fork: a layer's
        # libraries are found only if these were there when the zygote first looked.
        ("folder", f"{OPT}/lib"),
        ("folder", f"{TASK_ROOT}/lib"),
        ("proc", "/proc"),
    ]
    return tuple(operations)


def _devices() -> list[tuple[str, ...]]:
    operations: list[tuple[str, ...]] = []
    for name in ("null", "zero", "full", "random", "urandom"):
        operations += [("file", f"/dev/{name}", ""), ("bind_device", f"/dev/{name}", f"/dev/{name}")]
    operations += [("symlink", "/dev/fd", "/proc/self/fd")]
    operations += [
        ("symlink", f"/dev/{name}", f"/proc/self/fd/{number}")
        for number, name in enumerate(("stdin", "stdout", "stderr"))
    ]
    return operations


def _accounts(first_uid: int, users: int) -> list[tuple[str, ...]]:
    names = range(_FIRST_USER, _FIRST_USER + users)
    passwd = "".join(
        f"sbx_user{name}:x:{first_uid + index}:{first_uid + index}::/home/sbx_user{name}:/sbin/nologin\n"
        for index, name in enumerate(names)
    )
    groups = "".join(f"sbx_user{name}:x:{first_uid + index}:\n" for index, name in enumerate(names))
    return [
        ("file", "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n" + passwd),
        ("file", "/etc/group", "root:x:0:\n" + groups),
        ("file", "/etc/hosts", "127.0.0.1 localhost\n"),
        ("file", "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ("file", "/etc/resolv.conf", ""),
    ]


def _stage(host: HostFolders) -> list[tuple[str, ...]]:
    operations: list[tuple[str, ...]] = [
        ("folder", STAGE),
        # A mount of its own, so that one unmount takes everything below along.
        ("tmpfs", STAGE, "size=64k,mode=0755"),
        ("folder", EMPTY),
        ("folder", f"{STAGE}/lib/lamina_guest"),
        ("bind_read_only", f"{STAGE}/lib/lamina_guest", str(host.guest)),
        ("folder", f"{STAGE}/trees"),
        ("bind_read_only", f"{STAGE}/trees", str(host.trees)),
    ]
    if host.scratch is not None:
        operations += [("folder", f"{STAGE}/scratch"), ("bind_writable", f"{STAGE}/scratch", str(host.scratch))]
    return operations


def _interpreter(interpreter: InterpreterLayout, packages: Path) -> list[tuple[str, ...]]:
    """The interpreter at /var/lang, its own site-packages hidden behind the runtime's packages; and what starts it."""
    name = f"python{interpreter.version}"
    library = f"{LANG_ROOT}/lib/{name}"
    operations: list[tuple[str, ...]] = [("folder", LANG_ROOT), ("file", ENTRY_POINT, _ENTRY, "755")]
    if interpreter.standalone:
        operations += [("bind_read_only", LANG_ROOT, str(interpreter.prefix))]
    else:
        executable = f"{LANG_ROOT}/bin/{name}"
        operations += [
            ("folder", f"{LANG_ROOT}/bin"),
            ("file", executable, ""),
            ("bind_read_only", executable, str(interpreter.executable)),
            ("symlink", f"{LANG_ROOT}/bin/python3", name),
            ("folder", library),
        ]
        if interpreter.shared_library is not None:
            shared = f"{LANG_ROOT}/lib/{interpreter.shared_library.name}"
            operations += [("file", shared, ""), ("bind_read_only", shared, str(interpreter.shared_library))]
        if interpreter.has_site_packages:
            operations += [("bind_read_only", library, str(interpreter.standard_library))]
    if not interpreter.has_site_packages:
        # A distribution's interpreter has no site-packages folder to mount on; lay one over it.
        operations += [
            ("folder", f"{STAGE}/site/site-packages"),
            ("overlay", library, f"lowerdir={{root}}{STAGE}/site:{interpreter.standard_library}"),
        ]
    return [*operations, ("bind_read_only", f"{library}/site-packages", str(packages))]


@dataclass(frozen=True, slots=True)
class EnvironmentMounts:
    """What one environment adds to its runtime's root."""

    operations: tuple[tuple[str, ...], ...]


def plan_environment(code: str, layers: Sequence[str], tmp: str | None, masked: Sequence[str]) -> EnvironmentMounts:
    """Mounts for an environment of the tree *code* and the trees *layers* (hex digests, in the function's order).

    *tmp* names a folder under the stage's scratch; None says that /tmp comes as a mount handed over by the worker.
    """
    # Lambda lists the bottom layer first, overlayfs reads lowerdir= with the top first. The empty folder below them
    # makes it two even for one layer, which is the least overlayfs takes without an upper one.
    lower = ":".join([*(f"{STAGE}/trees/{digest}" for digest in reversed(layers)), EMPTY])
    # Layers carry no overlay attributes of their own; none that got in some way shall lead anywhere.
    opt = (
        ("overlay", OPT, f"lowerdir={lower},redirect_dir=nofollow,metacopy=off")
        if layers
        else ("bind_read_only", OPT, EMPTY)
    )
    return EnvironmentMounts(
        operations=(
            opt,
            ("bind_read_only", TASK_ROOT, f"{STAGE}/trees/{code}"),
            ("attach", "/tmp", "tmp") if tmp is None else ("bind_writable", "/tmp", f"{STAGE}/scratch/{tmp}"),
            ("detach", STAGE),
            *(("mask", path) for path in masked),
        )
    )


# Files of /proc that tell of the host or its keys, and that ids alone do not keep from an unprivileged reader.
MASKED_PROC: Final = (
    "/proc/acpi",
    "/proc/config.gz",
    "/proc/kallsyms",
    "/proc/kcore",
    "/proc/key-users",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/modules",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
)


@dataclass(frozen=True, slots=True)
class Seal:
    """The rights a function's process keeps: none, as user *uid*, within *limits* (name of RLIMIT -> soft, hard)."""

    uid: int
    user_namespace: bool
    limits: Mapping[str, tuple[int, int]]
    seccomp: bytes
    oom_score_adj: int

    def message(self) -> dict[str, object]:
        return {
            "uid": self.uid,
            "user_namespace": self.user_namespace,
            "limits": {name: list(pair) for name, pair in self.limits.items()},
            "seccomp": base64.b64encode(self.seccomp).decode(),
            "oom_score_adj": self.oom_score_adj,
        }


UNLIMITED: Final = -1
# (soft, hard) as AWS sets them, counted per environment.
LIMITS: Final[Mapping[str, tuple[int, int]]] = {
    "RLIMIT_NOFILE": (1024, 1024),
    "RLIMIT_NPROC": (742, 742),
    "RLIMIT_STACK": (8388608, UNLIMITED),
    "RLIMIT_MEMLOCK": (65536, 65536),
    "RLIMIT_CORE": (10737418240, 10737418240),
}
PROCESSES_MAX: Final = 1024
