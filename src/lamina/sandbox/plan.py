"""What a sandbox will look like, decided here and carried out by `lamina.guest`.

Two plans, because there are two lifetimes: the root that all environments of a runtime share (built once, under its
zygote), and what one environment adds to it on assignment. An operation is a tuple of strings, its name first:
what `lamina.guest.mounts` understands, what a log line shows and what a test compares.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from lamina.sandbox.contents import RUNTIME_ROOT, STAGE, Operation

TASK_ROOT: Final = "/var/task"
OPT: Final = "/opt"
EMPTY: Final = f"{STAGE}/empty"
_NONE: Final[Mapping[str, str]] = {}

_FIRST_USER: Final = 1051  # AWS's are called sbx_user1051 and up


@dataclass(frozen=True, slots=True)
class HostFolders:
    """The folders of the state that every sandbox of a runtime is given."""

    guest: Path  # the code of lamina.guest
    trees: Path
    scratch: Path | None  # folders for /tmp, where it is not a file system of its own
    resolver: str = ""  # the text of /etc/resolv.conf
    sandbox: str = "169.254.100.1"  # the address an environment knows itself by


@dataclass(frozen=True, slots=True)
class HostSystem:
    """What of the host's own system a sandbox shows, read-only: programs, libraries, certificates."""

    links: Mapping[str, str]  # "/bin" -> "usr/bin"
    folders: tuple[str, ...]
    files: tuple[str, ...]
    hidden: tuple[str, ...]
    replaced: Mapping[str, str] = field(default_factory=dict)  # program -> the one to be found in its place


def plan_root(
    system: HostSystem, contents: Sequence[Operation], host: HostFolders, first_uid: int, users: int
) -> tuple[Operation, ...]:
    """The root under a zygote, in order, with what the runtime brings. Paths are those inside; sources are the host's.

    Environments run as one of so many *users*, from *first_uid* on.
    """
    operations: list[Operation] = [("folder", path) for path in ("/proc", "/etc", "/dev", "/usr", "/var")]
    operations += [("symlink", path, target) for path, target in system.links.items()]
    for path in system.folders:
        operations += [("folder", path), ("bind_read_only", path, path)]
    for path in system.files:
        operations += [("folder", str(Path(path).parent)), ("file", path, ""), ("bind_read_only", path, path)]
    operations += [("mask", path) for path in system.hidden]
    operations += [("bind_read_only", path, program) for path, program in system.replaced.items()]
    operations += _devices()
    operations += _accounts(first_uid, users, host)
    operations += _stage(host)
    operations += [("folder", RUNTIME_ROOT), *contents]
    operations += [
        ("folder", "/tmp", "1777"),
        # glibc asks once whether the folders of LD_LIBRARY_PATH exist and remembers a no across fork: a layer's
        # libraries are found only if these were there when the zygote first looked.
        ("folder", f"{OPT}/lib"),
        ("folder", f"{TASK_ROOT}/lib"),
        ("proc", "/proc"),
    ]
    return tuple(operations)


def _devices() -> list[Operation]:
    operations: list[Operation] = []
    for name in ("null", "zero", "full", "random", "urandom"):
        operations += [("file", f"/dev/{name}", ""), ("bind_device", f"/dev/{name}", f"/dev/{name}")]
    operations += [("symlink", "/dev/fd", "/proc/self/fd")]
    operations += [
        ("symlink", f"/dev/{name}", f"/proc/self/fd/{number}")
        for number, name in enumerate(("stdin", "stdout", "stderr"))
    ]
    return operations


def _accounts(first_uid: int, users: int, host: HostFolders) -> list[Operation]:
    names = range(_FIRST_USER, _FIRST_USER + users)
    passwd = "".join(
        f"sbx_user{name}:x:{first_uid + index}:{first_uid + index}::/home/sbx_user{name}:/sbin/nologin\n"
        for index, name in enumerate(names)
    )
    groups = "".join(f"sbx_user{name}:x:{first_uid + index}:\n" for index, name in enumerate(names))
    return [
        ("file", "/etc/passwd", "root:x:0:0:root:/root:/bin/bash\n" + passwd),
        ("file", "/etc/group", "root:x:0:\n" + groups),
        ("file", "/etc/hosts", f"127.0.0.1 localhost\n{host.sandbox} sandbox.localdomain sandbox\n"),
        ("file", "/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        ("file", "/etc/resolv.conf", host.resolver),
    ]


def _stage(host: HostFolders) -> list[Operation]:
    operations: list[Operation] = [
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


@dataclass(frozen=True, slots=True)
class EnvironmentMounts:
    """What one environment adds to its runtime's root."""

    operations: tuple[Operation, ...]


def plan_environment(
    code: str | None,
    layers: Sequence[str],
    tmp: str | None,
    *,
    locked: bool = False,
    template: bool = False,
    byte_code: Mapping[str, str] = _NONE,
) -> EnvironmentMounts:
    """Mounts for an environment of the tree *code* and the trees *layers* (hex digests, in the function's order).

    *byte_code* says which folder, below that of all trees, to lay over a tree, where there is one. *tmp* names a folder
    under the stage's scratch; None says that /tmp comes as a mount handed over by the worker. Mounts that are *locked*,
    because the sandbox belongs to a user namespace of its own, can be covered only. A *template* of SnapStart has
    mounts of its own, and makes those of `plan_processes` itself; one of preloaded layers has no code.
    """
    return EnvironmentMounts(
        operations=(
            _opt(layers, byte_code),
            *(() if code is None else (_task(code, byte_code),)),
            _tmp(tmp),
            ("mask" if locked else "detach", STAGE),
            *(_masks() if template else ()),
        )
    )


def plan_inhabited(layers: Sequence[str], byte_code: Mapping[str, str]) -> tuple[Operation, ...]:
    """Mounts of a blank sandbox before a template's child moves in, for functions with *layers*: the stage is hidden.

    What is on the stage, only its process 1 still reaches. `plan_function` is what then remains.
    """
    return (_opt(layers, byte_code), ("mask", STAGE))


def plan_function(code: str, tmp: str | None, byte_code: Mapping[str, str]) -> EnvironmentMounts:
    """Mounts that make a sandbox a function's which is inhabited already. Arguments as of `plan_environment`."""
    return EnvironmentMounts(operations=(_task(code, byte_code), _tmp(tmp)))


def _opt(layers: Sequence[str], byte_code: Mapping[str, str]) -> Operation:
    # Lambda lists the bottom layer first, overlayfs reads lowerdir= with the top first. The empty folder below them
    # makes it two even for one layer, which is the least overlayfs takes without an upper one.
    return _overlay(OPT, [*_stack(layers, byte_code), EMPTY]) if layers else ("bind_read_only", OPT, EMPTY)


def _task(code: str, byte_code: Mapping[str, str]) -> Operation:
    task = _stack([code], byte_code)
    return _overlay(TASK_ROOT, task) if len(task) > 1 else ("bind_read_only", TASK_ROOT, *task)


def _tmp(tmp: str | None) -> Operation:
    return ("attach", "/tmp", "tmp") if tmp is None else ("bind_writable", "/tmp", f"{STAGE}/scratch/{tmp}")


def plan_processes() -> tuple[Operation, ...]:
    """Mounts by which an environment sees its own processes, and of the rest of the machine what does no harm."""
    return (("proc", "/proc"), *_masks())


def plan_switches(*, user_namespace: bool) -> tuple[Operation, ...]:
    """Mounts behind which nobody in an environment sets anything of the kernel's, once process 1 has.

    In a sandbox that belongs to a *user_namespace* the function has the id of whoever owns the switches for its
    namespaces: that segments of System V go with their processes, say. With any other id it can but read them.
    """
    return (("bind_read_only", _SWITCHES, _SWITCHES),) if user_namespace else ()


def _masks() -> Iterator[Operation]:
    return (("mask", path) for path in MASKED_PROC)


def _stack(trees: Sequence[str], byte_code: Mapping[str, str]) -> list[str]:
    """The folders of *trees*, the last on top and first here, each with its byte-code directly above it."""
    folders = []
    # Whatever lies below a tree that has none yet might answer for a source of that tree.
    sound = True
    # Layers with the same bytes are one tree, which overlayfs takes once; on top it hides itself below.
    for digest in dict.fromkeys(reversed(trees)):
        sound = sound and digest in byte_code
        if sound:
            folders.append(f"{STAGE}/trees/{byte_code[digest]}")
        folders.append(f"{STAGE}/trees/{digest}")
    return folders


def _overlay(target: str, folders: Sequence[str]) -> Operation:
    # Layers carry no overlay attributes of their own; none that got in some way shall lead anywhere.
    return ("overlay", target, f"lowerdir={':'.join(folders)},redirect_dir=nofollow,metacopy=off")


_SWITCHES: Final = "/proc/sys"
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


# Name of RLIMIT -> soft, hard.
Limits = Mapping[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Seal:
    """The rights a function's process keeps: none, as user *uid*, within *limits*."""

    uid: int
    user_namespace: bool
    limits: Limits
    seccomp: bytes
    oom_score_adj: int
    template: bool = False  # of SnapStart: it stays in the user namespace that what is made for it is made from

    def limits_beyond(self, limits: Limits) -> Limits:
        """Those that differ from *limits*, which are in force."""
        return {name: pair for name, pair in self.limits.items() if limits.get(name) != pair}

    def message(self) -> dict[str, object]:
        return {
            "uid": self.uid,
            "user_namespace": self.user_namespace,
            "limits": {name: list(pair) for name, pair in self.limits.items()},
            "seccomp": base64.b64encode(self.seccomp).decode(),
            "oom_score_adj": self.oom_score_adj,
            "template": self.template,
        }


UNLIMITED: Final = -1
# (soft, hard) as AWS sets them, counted per environment.
LIMITS: Final[Limits] = {
    "RLIMIT_NOFILE": (1024, 1024),
    "RLIMIT_NPROC": (742, 742),
    "RLIMIT_STACK": (8388608, UNLIMITED),
    "RLIMIT_MEMLOCK": (65536, 65536),
    "RLIMIT_CORE": (10737418240, 10737418240),
}
PROCESSES_MAX: Final = 1024
