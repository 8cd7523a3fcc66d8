"""The system calls a sandbox is built from, for interpreters whose `os` module lacks them (3.8 to 3.11).

Each raises OSError with the kernel's errno and the path concerned. Numbers are those of include/uapi/linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct

CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4

PR_SET_DUMPABLE = 4
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

CAP_KILL = 5
CAP_SETGID = 6
CAP_SETUID = 7
CAP_SETPCAP = 8
CAP_SYS_ADMIN = 21
CAP_SETFCAP = 31

_AT_FDCWD = -100
_AT_EMPTY_PATH = 0x1000
_AT_RECURSIVE = 0x8000
_MOVE_MOUNT_F_EMPTY_PATH = 4
_SECCOMP_SET_MODE_FILTER = 1
_CAPABILITY_VERSION_3 = 0x20080522

# The newer calls (424 and up) carry the same number on every architecture; pivot_root, seccomp and capset do not.
_NR_MOVE_MOUNT = 429
_NR_MOUNT_SETATTR = 442
_NR = {
    "x86_64": {"pivot_root": 155, "seccomp": 317, "capset": 126},
    "aarch64": {"pivot_root": 41, "seccomp": 277, "capset": 91},
}[platform.machine()]

_TIOCSCTTY = 0x540E

_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc.syscall
_syscall.restype = ctypes.c_long


def _check(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def _call(number: int, *arguments: object, path: str | None = None) -> int:
    return _check(_syscall(ctypes.c_long(number), *arguments), path)


def unshare(flags: int) -> None:
    _check(_libc.unshare(flags))


def setns(fd: int, kind: int) -> None:
    _check(_libc.setns(fd, kind))


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    _check(
        _libc.mount(
            source.encode() or None,
            target.encode(),
            kind.encode() or None,
            ctypes.c_ulong(flags),
            data.encode() or None,
        ),
        target,
    )


def umount(target: str, flags: int = MNT_DETACH) -> None:
    _check(_libc.umount2(target.encode(), flags), target)


def pivot_root(new_root: str, put_old: str) -> None:
    _call(_NR["pivot_root"], new_root.encode(), put_old.encode(), path=new_root)


def restrict_mount(target: str, attributes: int, recursive: bool = True) -> None:
    """Add MOUNT_ATTR_* restrictions to the mount at *target* and, by default, to every mount below it.

    mount_setattr(2) only adds: flags an outer namespace has locked stay, which MS_REMOUNT would have to repeat.
    """
    payload = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _call(
        _NR_MOUNT_SETATTR,
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(flags),
        payload,
        ctypes.c_size_t(len(payload)),
        path=target,
    )


def attach_mount(mount_fd: int, target: str) -> None:
    """Attach the detached mount that *mount_fd* (from fsmount(2)) stands for at *target*."""
    _call(
        _NR_MOVE_MOUNT,
        ctypes.c_int(mount_fd),
        b"",
        ctypes.c_int(_AT_FDCWD),
        target.encode(),
        ctypes.c_uint(_MOVE_MOUNT_F_EMPTY_PATH),
        path=target,
    )


def control_terminal(fd: int) -> None:
    """Make the terminal *fd* the one that controls this session; ioctl(2), as process 1 may have no `fcntl`."""
    _check(_libc.ioctl(ctypes.c_int(fd), ctypes.c_ulong(_TIOCSCTTY), ctypes.c_int(0)))


def prctl(option: int, argument: int = 0, third: int = 0) -> int:
    return _check(
        _libc.prctl(
            ctypes.c_int(option),
            ctypes.c_ulong(argument),
            ctypes.c_ulong(third),
            ctypes.c_ulong(0),
            ctypes.c_ulong(0),
        )
    )


def keep_capabilities(kept: tuple[int, ...]) -> None:
    """Leave the calling thread exactly the *kept* capabilities (permitted and effective), none inheritable."""
    set_capabilities(sum(1 << capability for capability in kept))


def set_capabilities(mask: int) -> None:
    """The same, a bit of *mask* for each."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _call(_NR["capset"], header, struct.pack("=IIIIII", low, low, 0, high, high, 0))


def drop_bounding_set() -> None:
    """Make sure that no execve(2), of whatever file, can bring a capability back."""
    with open("/proc/sys/kernel/cap_last_cap") as file:
        last = int(file.read())
    for capability in range(last + 1):
        prctl(PR_CAPBSET_DROP, capability)


def load_seccomp(program: bytes) -> None:
    """Install the BPF *program* (an array of struct sock_filter); needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    # struct sock_fprog { unsigned short len; struct sock_filter *filter; }, with the compiler's padding.
    descriptor = struct.pack("@HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _call(_NR["seccomp"], ctypes.c_uint(_SECCOMP_SET_MODE_FILTER), ctypes.c_uint(0), descriptor)
