"""Process 1 of environments that need none of ours: a program of a dozen instructions, which waits for ever.

A pid namespace lives as long as its process 1, which has to bury orphans and to be there, no more. A fork of the zygote
that did only that would copy seven hundred pages, and the kernel would have as many to free. So that one executes a
program of a page: it ignores SIGCHLD, by which the kernel buries its orphans, does not let itself be traced, and waits.
As the zygote has seen to it that no program brings a right, it has none; it has no descriptors, either.
"""

from __future__ import annotations

import os
import platform
import struct

from . import syscalls

# rt_sigaction(SIGCHLD, &action, NULL, 8); prctl(PR_SET_DUMPABLE, 0); for (;;) wait
_CODE = {
    "x86_64": (
        b"\xb8\x0d\x00\x00\x00"  # mov eax, 13 (rt_sigaction)
        b"\xbf\x11\x00\x00\x00"  # mov edi, 17
        b"\x48\x8d\x35\x21\x00\x00\x00"  # lea rsi, [rip + 33]: behind the code
        b"\x31\xd2"  # xor edx, edx
        b"\x41\xba\x08\x00\x00\x00"  # mov r10d, 8
        b"\x0f\x05"  # syscall
        b"\xb8\x9d\x00\x00\x00"  # mov eax, 157 (prctl)
        b"\xbf\x04\x00\x00\x00"  # mov edi, 4
        b"\x31\xf6"  # xor esi, esi
        b"\x0f\x05"  # syscall
        b"\xb8\x22\x00\x00\x00"  # mov eax, 34 (pause)
        b"\x0f\x05"  # syscall
        b"\xeb\xf7"  # jmp: wait again
    ),
    "aarch64": struct.pack(
        "<15I",
        0xD2800220,  # mov x0, 17
        0x100001C1,  # adr x1, 56 bytes on: behind the code
        0xD2800002,  # mov x2, 0
        0xD2800103,  # mov x3, 8
        0xD28010C8,  # mov x8, 134 (rt_sigaction)
        0xD4000001,  # svc 0
        0xD2800080,  # mov x0, 4
        0xD2800001,  # mov x1, 0
        0xD28014E8,  # mov x8, 167 (prctl)
        0xD4000001,  # svc 0
        0xD2800000,  # mov x0, 0
        0xD2800003,  # mov x3, 0
        0xD2800928,  # mov x8, 73 (ppoll); x1 and x2 are 0 still
        0xD4000001,  # svc 0
        0x17FFFFFC,  # b: wait again
    ),
}
# struct sigaction of the kernel: SIG_IGN, no flags, no restorer, nothing blocked.
_ACTION = struct.pack("<QQQQ", 1, 0, 0, 0)
_ELF_MACHINE = {"x86_64": 62, "aarch64": 183}
_ADDRESS = 0x400000
_PAGE_BYTES_MAX = 0x10000
_HEADER, _SEGMENT = "<16sHHIQQQIHHHHHH", "<IIQQQQQQ"
_HEADERS_BYTES = struct.calcsize(_HEADER) + struct.calcsize(_SEGMENT)
_NAME = "environment"
_NAMES = {
    "mnt": syscalls.CLONE_NEWNS,
    "net": syscalls.CLONE_NEWNET,
    "ipc": syscalls.CLONE_NEWIPC,
    "uts": syscalls.CLONE_NEWUTS,
    "pid": syscalls.CLONE_NEWPID,
}


class Waiters:
    """Makes processes 1 with new namespaces of the kinds *flags* (CLONE_*)."""

    def __init__(self, flags: int) -> None:
        """Raises OSError where a program cannot be made in memory."""
        self._flags = flags | syscalls.CLONE_NEWPID
        # A descriptor of this process would stand for whatever namespaces it is in just then.
        self._own = [
            (os.open("/proc/self/ns/" + name, os.O_RDONLY | os.O_CLOEXEC), kind)
            for name, kind in _NAMES.items()
            if kind & self._flags
        ]
        self._program = syscalls.sealed_memory(_NAME, program(platform.machine()))

    def close(self) -> None:
        """In a process that has no business with it."""
        for fd in (*(fd for fd, _ in self._own), self._program):
            os.close(fd)

    def start(self, fds: list[int]) -> int | None:
        """The process id of a new one, as a child of this process; it gets none of *fds*. None where there is none.

        Raises OSError when this process could not come back to its own namespaces.
        """
        try:
            syscalls.unshare(self._flags)
        except OSError:
            return None
        try:
            # What else this process has open is closed when a program is executed.
            closing = [(os.POSIX_SPAWN_CLOSE, fd) for fd in (0, 1, 2, *fds)]
            return os.posix_spawn("/proc/self/fd/%d" % self._program, [_NAME], {}, file_actions=closing)
        except OSError:
            return None
        finally:
            for fd, kind in self._own:
                syscalls.setns(fd, kind)


def program(machine: str) -> bytes:
    """The program for processors of the kind *machine* (uname(2)), as an executable file (elf(5))."""
    code = _CODE[machine] + _ACTION
    length = _HEADERS_BYTES + len(code)
    identity = b"\x7fELF\x02\x01\x01".ljust(16, b"\0")
    entry, first = _ADDRESS + _HEADERS_BYTES, struct.calcsize(_HEADER)
    sizes = (first, struct.calcsize(_SEGMENT), 1, 0, 0, 0)
    header = struct.pack(_HEADER, identity, 2, _ELF_MACHINE[machine], 1, entry, first, 0, 0, *sizes)
    # One segment, to be read and executed: all of the file.
    segment = struct.pack(_SEGMENT, 1, 5, 0, _ADDRESS, _ADDRESS, length, length, _PAGE_BYTES_MAX)
    return header + segment + code
