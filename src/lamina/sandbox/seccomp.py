"""The system calls a function may not make, as a BPF program for seccomp(2).

A list of refusals with a ceiling, not a list of permissions: what numpy, a JVM or a customer's binary calls is
open-ended, while what reaches beyond a process is known: mounts, namespaces, keys, tracing, kernel modules, clocks, and
io_uring, a system call table of its own; and what is taken from the whole machine uncounted, asynchronous I/O of the
kernel's and huge pages. A number above the ceiling is a call newer than this list: it answers
ENOSYS, for which the C library has its fallbacks, until somebody has looked at it.
Numbers: include/uapi/asm-generic/unistd.h and
arch/x86/entry/syscalls/syscall_64.tbl of Linux 6.6.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType
from typing import Final

_X86_64: Final[Mapping[str, int]] = MappingProxyType(
    {
        "acct": 163, "add_key": 248, "adjtimex": 159, "bpf": 321, "cachestat": 451, "chroot": 161, "clock_adjtime": 305,
        "clock_settime": 227, "create_module": 174, "delete_module": 176, "fanotify_init": 300, "finit_module": 313,
        "fsconfig": 431, "fsmount": 432, "fsopen": 430, "fspick": 433, "get_kernel_syms": 177, "get_mempolicy": 239,
        "init_module": 175, "io_setup": 206, "io_uring_enter": 426, "io_uring_register": 427, "io_uring_setup": 425,
        "ioperm": 173, "iopl": 172, "kcmp": 312, "kexec_file_load": 320, "kexec_load": 246, "keyctl": 250,
        "lookup_dcookie": 212, "mbind": 237, "migrate_pages": 256, "modify_ldt": 154, "mount": 165,
        "mount_setattr": 442, "move_mount": 429, "move_pages": 279, "name_to_handle_at": 303, "nfsservctl": 180,
        "open_by_handle_at": 304, "open_tree": 428,
        "perf_event_open": 298, "pidfd_getfd": 438, "pivot_root": 155, "process_madvise": 440,
        "process_vm_readv": 310, "process_vm_writev": 311, "ptrace": 101, "query_module": 178, "quotactl": 179,
        "quotactl_fd": 443, "reboot": 169, "request_key": 249, "set_mempolicy": 238, "set_mempolicy_home_node": 450,
        "setdomainname": 171, "sethostname": 170, "setns": 308, "settimeofday": 164, "swapoff": 168, "swapon": 167,
        "_sysctl": 156, "sysfs": 139, "syslog": 103, "umount2": 166, "unshare": 272, "uselib": 134,
        "userfaultfd": 323, "ustat": 136, "vhangup": 153,
    }
)  # fmt: skip

_AARCH64: Final[Mapping[str, int]] = MappingProxyType(
    {
        "acct": 89, "add_key": 217, "adjtimex": 171, "bpf": 280, "cachestat": 451, "chroot": 51, "clock_adjtime": 266,
        "clock_settime": 112, "delete_module": 106, "fanotify_init": 262, "finit_module": 273, "fsconfig": 431,
        "fsmount": 432, "fsopen": 430, "fspick": 433, "get_mempolicy": 236, "init_module": 105, "io_setup": 0,
        "io_uring_enter": 426, "io_uring_register": 427, "io_uring_setup": 425, "kcmp": 272, "kexec_file_load": 294,
        "kexec_load": 104, "keyctl": 219, "lookup_dcookie": 18, "mbind": 235, "migrate_pages": 238, "mount": 40,
        "mount_setattr": 442, "move_mount": 429, "move_pages": 239, "name_to_handle_at": 264, "nfsservctl": 42,
        "open_by_handle_at": 265, "open_tree": 428, "perf_event_open": 241, "pidfd_getfd": 438, "pivot_root": 41,
        "process_madvise": 440, "process_vm_readv": 270, "process_vm_writev": 271, "ptrace": 117, "quotactl": 60,
        "quotactl_fd": 443, "reboot": 142, "request_key": 218, "set_mempolicy": 237, "set_mempolicy_home_node": 450,
        "setdomainname": 162, "sethostname": 161, "setns": 268, "settimeofday": 170, "swapoff": 225, "swapon": 224,
        "syslog": 116, "umount2": 39, "unshare": 97, "userfaultfd": 282, "vhangup": 58,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Architecture:
    audit: int
    refused: Mapping[str, int]
    clone: int
    socket: int
    socketpair: int
    setsockopt: int
    ioctl: int
    personality: int
    mmap: int
    memfd_create: int


_ARCHITECTURES: Final = MappingProxyType(
    {
        "x86_64": _Architecture(
            0xC000003E,
            _X86_64,
            clone=56,
            socket=41,
            socketpair=53,
            setsockopt=54,
            ioctl=16,
            personality=135,
            mmap=9,
            memfd_create=319,
        ),
        "aarch64": _Architecture(
            0xC00000B7,
            _AARCH64,
            clone=220,
            socket=198,
            socketpair=199,
            setsockopt=208,
            ioctl=29,
            personality=92,
            mmap=222,
            memfd_create=279,
        ),
    }
)

_CLONE3 = 435
_HIGHEST_KNOWN = 452  # fchmodat2
# CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; NEWTIME shares its bit with the exit signal of
# clone, and cannot be asked for there.
_NAMESPACE_FLAGS = 0x7E020000
_AF_UNIX, _AF_INET, _AF_INET6, _AF_NETLINK = 1, 2, 10, 16
_NETLINK_ROUTE = 0
_NO_FAMILY = 0xFFFFFFFF
_SOCK_STREAM, _SOCK_DGRAM, _SOCK_SEQPACKET = 1, 2, 5
# Without SOCK_NONBLOCK and SOCK_CLOEXEC, which stand in the same argument.
_SOCK_KINDS = 0xF
_SOL_IP, _SOL_IPV6 = 0, 41
# IPT_SO_SET_REPLACE and its like, of iptables and arptables; what is above sets up ebtables, multicast routing, IPVS.
_TABLES_OPTIONS = (64, 65, 96, 97)
_ORDINARY_OPTION_MAX = 127
# Interfaces, routes, bridges, tunnels and radios are set up by requests between these; those that only ask are SIOCGIF*
# of name, list, flags, addresses, metric, MTU, index and queue, besides what is asked of a socket.
_NETWORK_REQUEST_MIN, _NETWORK_REQUEST_MAX = 0x8900, 0x8BFF
_NETWORK_QUESTIONS = (
    *range(0x8901, 0x8908), 0x8910, 0x8912, 0x8913, 0x8915, 0x8917, 0x8919, 0x891B, 0x891D, 0x8921, 0x8927, 0x8933,
    0x8942,
)  # fmt: skip
# Pushing characters into a terminal's input, as if its user had typed them.
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
# PER_LINUX, UNAME26, both, and "tell me"
_PERSONALITIES = (0, 0x0020000, 0x0020008, 0x8, 0xFFFFFFFF)

# Huge pages are set aside for the whole machine, and no control group counts them; AWS has none.
_MAP_HUGETLB, _MFD_HUGETLB = 0x40000, 0x4

_AND = 0x54
_LOAD, _JUMP_EQUAL, _JUMP_GREATER, _JUMP_ANY_BIT, _RETURN = 0x20, 0x15, 0x25, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT, _SECOND_ARGUMENT, _THIRD_ARGUMENT, _FOURTH_ARGUMENT = 0, 4, 16, 24, 32, 40

# Those there is a filter for, by the kernel's name.
MACHINES: Final = tuple(_ARCHITECTURES)


@cache
def program(machine: str, *, template: bool = False) -> bytes:
    """The filter for *machine* ("x86_64", "aarch64") as an array of struct sock_filter.

    A *template* of SnapStart may call setns, to enter environments made for it, which brings every capability over
    them; and nobody can make it give those up. So it may do nothing that these are for: not set up networks, by
    netlink, by requests to interfaces or by options of sockets, nor send packets that a socket would not.
    """
    architecture = _ARCHITECTURES[machine]
    code = [
        _instruction(_LOAD, _ARCHITECTURE),
        _instruction(_JUMP_EQUAL, architecture.audit, 1, 0),
        _instruction(_RETURN, _KILL_PROCESS),
        _instruction(_LOAD, _NUMBER),
        # Above the ceiling, x32's numbers (bit 30) included.
        _instruction(_JUMP_GREATER, _HIGHEST_KNOWN, 0, 1),
        _refuse(errno.ENOSYS),
        # The flags of clone3 lie in memory, which a filter cannot read; without it the C library uses clone.
        _instruction(_JUMP_EQUAL, _CLONE3, 0, 1),
        _refuse(errno.ENOSYS),
    ]
    for name, number in architecture.refused.items():
        if template and name == "setns":
            continue
        code += [_instruction(_JUMP_EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    code += _without(architecture.clone, _FIRST_ARGUMENT, _NAMESPACE_FLAGS, errno.EPERM)
    code += _when(
        architecture.socket,
        _instruction(_LOAD, _FIRST_ARGUMENT),
        _instruction(_JUMP_EQUAL, _AF_UNIX, 6, 0),
        _instruction(_JUMP_EQUAL, _AF_INET, 5, 0),
        _instruction(_JUMP_EQUAL, _AF_INET6, 4, 0),
        _instruction(_JUMP_EQUAL, _AF_NETLINK, 0, 2),
        # Of netlink, routes alone, which the C library asks for; NETLINK_KOBJECT_UEVENT tells of the host's devices.
        _instruction(_LOAD, _THIRD_ARGUMENT),
        _instruction(_JUMP_EQUAL, _NO_FAMILY if template else _NETLINK_ROUTE, 1, 0),
        _refuse(errno.EAFNOSUPPORT),
    )
    if template:
        code += _sets_up_no_network(architecture)
    code += _only(architecture.socketpair, _FIRST_ARGUMENT, (_AF_UNIX,), errno.EAFNOSUPPORT)
    code += _only(architecture.personality, _FIRST_ARGUMENT, _PERSONALITIES, errno.EPERM)
    code += _when(
        architecture.ioctl,
        _instruction(_LOAD, _SECOND_ARGUMENT),
        _instruction(_JUMP_EQUAL, _TIOCSTI, 1, 0),
        _instruction(_JUMP_EQUAL, _TIOCLINUX, 0, 1),
        _refuse(errno.EPERM),
    )
    code += _without(architecture.mmap, _FOURTH_ARGUMENT, _MAP_HUGETLB, errno.ENOMEM)
    # As a kernel that does not know the flag: Chromium asks for all there could be, and gives up at anything else.
    code += _without(architecture.memfd_create, _SECOND_ARGUMENT, _MFD_HUGETLB, errno.EINVAL)
    code.append(_instruction(_RETURN, _ALLOW))
    return b"".join(code)


def _sets_up_no_network(architecture: _Architecture) -> list[bytes]:
    kinds, tables, questions = (_SOCK_STREAM, _SOCK_DGRAM, _SOCK_SEQPACKET), _TABLES_OPTIONS, _NETWORK_QUESTIONS
    return [
        *_when(
            architecture.socket,
            _instruction(_LOAD, _SECOND_ARGUMENT),
            _instruction(_AND, _SOCK_KINDS),
            *_past_refusal(kinds),
            _refuse(errno.EPERM),
        ),
        *_when(
            architecture.setsockopt,
            _instruction(_LOAD, _SECOND_ARGUMENT),
            _instruction(_JUMP_EQUAL, _SOL_IP, 1, 0),
            _instruction(_JUMP_EQUAL, _SOL_IPV6, 0, len(tables) + 3),
            _instruction(_LOAD, _THIRD_ARGUMENT),
            *(_instruction(_JUMP_EQUAL, option, len(tables) - at, 0) for at, option in enumerate(tables)),
            _instruction(_JUMP_GREATER, _ORDINARY_OPTION_MAX, 0, 1),
            _refuse(errno.EPERM),
        ),
        *_when(
            architecture.ioctl,
            _instruction(_LOAD, _SECOND_ARGUMENT),
            _instruction(_JUMP_GREATER, _NETWORK_REQUEST_MAX, len(questions) + 2, 0),
            _instruction(_JUMP_GREATER, _NETWORK_REQUEST_MIN - 1, 0, len(questions) + 1),
            *_past_refusal(questions),
            _refuse(errno.EPERM),
        ),
    ]


def _past_refusal(allowed: Sequence[int]) -> list[bytes]:
    """Skip the one instruction that follows for a value that is *allowed*."""
    return [_instruction(_JUMP_EQUAL, value, len(allowed) - at, 0) for at, value in enumerate(allowed)]


def _instruction(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)


def _refuse(number: int) -> bytes:
    return _instruction(_RETURN, _ERRNO | number)


def _when(number: int, *body: bytes) -> list[bytes]:
    """Run *body* for system call *number* only; the accumulator holds the number again behind it."""
    return [_instruction(_JUMP_EQUAL, number, 0, len(body) + 1), *body, _instruction(_LOAD, _NUMBER)]


def _without(number: int, argument: int, flags: int, otherwise: int) -> list[bytes]:
    return _when(number, _instruction(_LOAD, argument), _instruction(_JUMP_ANY_BIT, flags, 0, 1), _refuse(otherwise))


def _only(number: int, argument: int, allowed: tuple[int, ...], otherwise: int) -> list[bytes]:
    return _when(number, _instruction(_LOAD, argument), *_past_refusal(allowed), _refuse(otherwise))
