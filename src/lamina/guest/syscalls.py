"""The system calls a sandbox is built from, for interpreters whose `os` module lacks them (3.8 to 3.11).

Each raises OSError with the kernel's errno and the path concerned. Numbers are those of include/uapi/linux.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from typing import Any, Callable

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

# The newer calls (424 and up) carry the same number on every architecture; older ones do not.
_NR_PIDFD_SEND_SIGNAL = 424
_NR_MOVE_MOUNT = 429
_NR_PIDFD_OPEN = 434
_NR_MOUNT_SETATTR = 442
_NR = {
    "x86_64": {"pivot_root": 155, "seccomp": 317, "capset": 126, "memfd_create": 319},
    "aarch64": {"pivot_root": 41, "seccomp": 277, "capset": 91, "memfd_create": 279},
}[platform.machine()]

_TIOCSCTTY = 0x540E
_MFD_CLOEXEC, _MFD_ALLOW_SEALING, _MFD_EXEC = 1, 2, 16
_F_ADD_SEALS = 1033
_F_SEALS = 1 | 2 | 4 | 8  # no other seals, not shorter, not longer, not written to

_libc = ctypes.CDLL(None, use_errno=True)


def _declared(name: str, *arguments: Any, result: Any = ctypes.c_int) -> Callable[..., int]:
    """A function of the C library that converts its arguments itself.

    Wrapped by the caller they would be Python objects, and those cost a process that was just forked three times as
    many pages, which it has to copy.
    """
    function = _libc[name]
    function.argtypes, function.restype = arguments, result
    return function


def _numbered(*arguments: Any) -> Callable[..., int]:
    """syscall(2) for a call with these arguments, whose number comes first."""
    return _declared("syscall", ctypes.c_long, *arguments, result=ctypes.c_long)


_int, _uint, _ulong, _text = ctypes.c_int, ctypes.c_uint, ctypes.c_ulong, ctypes.c_char_p
_unshare = _declared("unshare", _int)
_setns = _declared("setns", _int, _int)
_mount = _declared("mount", _text, _text, _text, _ulong, _text)
_umount2 = _declared("umount2", _text, _int)
_prctl = _declared("prctl", _int, _ulong, _ulong, _ulong, _ulong)
_pivot_root = _numbered(_text, _text)
_mount_setattr = _numbered(_int, _text, _uint, _text, ctypes.c_size_t)
_move_mount = _numbered(_int, _text, _int, _text, _uint)
_capset = _numbered(_text, _text)
_memfd_create = _numbered(_text, _uint)
_pidfd_open = _numbered(_int, _uint)
_pidfd_send_signal = _numbered(_int, _int, ctypes.c_void_p, _uint)
_seccomp = _numbered(_uint, _uint, _text)


def _check(result: int, path: str | None = None) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), path)
    return result


def unshare(flags: int) -> None:
    _check(_unshare(flags))


def setns(fd: int, kind: int) -> None:
    _check(_setns(fd, kind))


def open_process(pid: int) -> int:
    """pidfd_open(2), which the `os` of Python 3.8 lacks."""
    fd = _check(_pidfd_open(_NR_PIDFD_OPEN, pid, 0))
    os.set_inheritable(fd, False)
    return fd


def send_signal(process: int, number: int) -> None:
    """Send a signal to the process that the descriptor *process* stands for; `signal` of Python 3.8 cannot."""
    _check(_pidfd_send_signal(_NR_PIDFD_SEND_SIGNAL, process, number, None, 0))


def sealed_memory(name: str, content: bytes) -> int:
    """A descriptor of memory with *content*, to be executed, that nobody can change any more.

    `os` lacks memfd_create(2) where Python was made for an older C library, and there may be no `fcntl`.
    """
    flags = _MFD_CLOEXEC | _MFD_ALLOW_SEALING
    try:
        # From Linux 6.3 on one says so where memory is to be executed.
        fd = _check(_memfd_create(_NR["memfd_create"], name.encode(), flags | _MFD_EXEC))
    except OSError:
        fd = _check(_memfd_create(_NR["memfd_create"], name.encode(), flags))
    os.write(fd, content)
    _check(_libc.fcntl(_int(fd), _int(_F_ADD_SEALS), _int(_F_SEALS)), "memory")
    return fd


def mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    result = _mount(source.encode() or None, target.encode(), kind.encode() or None, flags, data.encode() or None)
    _check(result, target)


def umount(target: str, flags: int = MNT_DETACH) -> None:
    _check(_umount2(target.encode(), flags), target)


def pivot_root(new_root: str, put_old: str) -> None:
    _check(_pivot_root(_NR["pivot_root"], new_root.encode(), put_old.encode()), new_root)


def restrict_mount(target: str, attributes: int, recursive: bool = True) -> None:
    """Add MOUNT_ATTR_* restrictions to the mount at *target* and, by default, to every mount below it.

    mount_setattr(2) only adds: flags an outer namespace has locked stay, which MS_REMOUNT would have to repeat.
    """
    payload = struct.pack("=QQQQ", attributes, 0, 0, 0)
    flags = _AT_RECURSIVE if recursive else 0
    _check(_mount_setattr(_NR_MOUNT_SETATTR, _AT_FDCWD, target.encode(), flags, payload, len(payload)), target)


def attach_mount(mount_fd: int, target: str) -> None:
    """Attach the detached mount that *mount_fd* (from fsmount(2)) stands for at *target*."""
    result = _move_mount(_NR_MOVE_MOUNT, mount_fd, b"", _AT_FDCWD, target.encode(), _MOVE_MOUNT_F_EMPTY_PATH)
    _check(result, target)


def control_terminal(fd: int) -> None:
    """Make the terminal *fd* the one that controls this session; ioctl(2), as process 1 may have no `fcntl`."""
    _check(_libc.ioctl(ctypes.c_int(fd), ctypes.c_ulong(_TIOCSCTTY), ctypes.c_int(0)))


def prctl(option: int, argument: int = 0, third: int = 0) -> int:
    return _check(_prctl(option, argument, third, 0, 0))


def keep_capabilities(kept: tuple[int, ...]) -> None:
    """Leave the calling thread exactly the *kept* capabilities (permitted and effective), none inheritable."""
    set_capabilities(sum(1 << capability for capability in kept))


def set_capabilities(mask: int) -> None:
    """The same, a bit of *mask* for each."""
    low, high = mask & 0xFFFFFFFF, mask >> 32
    header = struct.pack("=Ii", _CAPABILITY_VERSION_3, 0)
    _check(_capset(_NR["capset"], header, struct.pack("=IIIIII", low, low, 0, high, high, 0)))


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
    _check(_seccomp(_NR["seccomp"], _SECCOMP_SET_MODE_FILTER, 0, descriptor))


def write(path: str, content: object) -> None:
    """Write *content* into a file of the kernel's."""
    # open(2) as Python has it would cost a process that was just forked four times as many pages.
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(fd, str(content).encode())
    finally:
        os.close(fd)
