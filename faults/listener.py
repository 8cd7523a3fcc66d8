"""Being asked by the kernel before a program's system calls begin: seccomp's user notification, of Linux 5.19 on.

Nothing in the program that is watched knows of it, whatever it is written in: SQLite's calls come by here as ours do.
Structures and numbers: include/uapi/linux/seccomp.h; the manual page is seccomp_unotify(2).
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import platform
import re
import select
import socket
import struct
from collections.abc import Sequence
from typing import Final

from faults.calls import CALLS, CHANGING_FLAGS, Asked

_RELEASE_MIN: Final = (5, 19)
_SECCOMP: Final = 317
_SET_MODE_FILTER: Final = 1
_NEW_LISTENER, _WAIT_KILLABLE = 1 << 3, 1 << 5
_PR_SET_NO_NEW_PRIVS: Final = 38
_AUDIT_X86_64: Final = 0xC000003E
_LOAD, _EQUAL, _ANY_BIT, _RETURN = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_GO_ON: Final = 1
# id, pid, flags; then what the call is: number, architecture, instruction, six arguments.
_NOTIFICATION: Final = struct.Struct("=QII iIQ 6Q")
_RESPONSE: Final = struct.Struct("=QqiI")


def hindrance() -> str:
    """Why this machine cannot watch system calls; empty where it can."""
    if platform.machine() != "x86_64":
        return "the numbers of system calls are known of x86_64 only"
    release = tuple(int(part) for part in re.findall(r"\d+", platform.release())[:2])
    return "" if release >= _RELEASE_MIN else "watching system calls takes Linux 5.19"


def install() -> int:
    """Have every later call of this process and of its children that is in CALLS ask first; who answers reads the
    descriptor that this gives. Until somebody does, they wait. Raises OSError.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if os.geteuid() != 0:
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    code = _program()
    buffer = ctypes.create_string_buffer(code, len(code))
    header = struct.pack("=H6xQ", len(code) // 8, ctypes.addressof(buffer))
    descriptor = libc.syscall(_SECCOMP, _SET_MODE_FILTER, _NEW_LISTENER | _WAIT_KILLABLE, header)
    if descriptor < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return int(descriptor)


def hand_over(through: socket.socket, descriptor: int) -> None:
    """Send what `install` gave to the process that will answer."""
    socket.send_fds(through, [str(os.getpid()).encode()], [descriptor])


class Notifications:
    """The calls of one program, one after the other, each of which has to be answered."""

    def __init__(self, through: socket.socket) -> None:
        """Waits for `hand_over`. Raises EOFError where the program ended before."""
        told, descriptors, _, _ = socket.recv_fds(through, 32, 1)
        if not descriptors:
            raise EOFError("the program ended before it could be watched")
        self.pid = int(told)
        self._descriptor = descriptors[0]
        self._poll = select.poll()
        self._poll.register(self._descriptor, select.POLLIN)

    def close(self) -> None:
        """Who still waits is answered ENOSYS by the kernel."""
        os.close(self._descriptor)

    def next(self) -> tuple[int, Asked] | None:
        """The next call and the name to answer it by; None once nobody is left who could make one."""
        while True:
            if self._poll.poll()[0][1] & select.POLLIN == 0:
                return None
            buffer = bytearray(_NOTIFICATION.size)
            try:
                fcntl.ioctl(self._descriptor, _RECEIVE, buffer)
            except (FileNotFoundError, InterruptedError):
                # It was killed before we came.
                continue
            name, thread, _, number, _, _, *arguments = _NOTIFICATION.unpack(buffer)
            return name, Asked(thread, CALLS[number], tuple(arguments))

    def go_on(self, name: int) -> None:
        """Have the kernel do the call as it was made."""
        self._answer(_RESPONSE.pack(name, 0, 0, _GO_ON))

    def give(self, name: int, value: int) -> None:
        """Have the call return *value* without anything done."""
        self._answer(_RESPONSE.pack(name, value, 0, 0))

    def fail(self, name: int, error: int) -> None:
        """Have the call fail with *error* without anything done."""
        self._answer(_RESPONSE.pack(name, 0, -error, 0))

    def _answer(self, response: bytes) -> None:
        try:
            fcntl.ioctl(self._descriptor, _SEND, bytearray(response))
        except FileNotFoundError:
            pass  # It was killed meanwhile.


def _program() -> bytes:
    code = [
        _step(_LOAD, _ARCHITECTURE),
        _step(_EQUAL, _AUDIT_X86_64, 1, 0),
        _step(_RETURN, _ALLOW),
        _step(_LOAD, _NUMBER),
    ]
    for number, call in CALLS.items():
        if call.flags is None:
            code += _when(number, _step(_RETURN, _NOTIFY))
        else:
            looks = [_step(_LOAD, _ARGUMENTS + 8 * call.flags), _step(_ANY_BIT, CHANGING_FLAGS, 0, 1)]
            code += _when(number, *looks, _step(_RETURN, _NOTIFY), _step(_RETURN, _ALLOW))
    return b"".join([*code, _step(_RETURN, _ALLOW)])


def _when(number: int, *body: bytes) -> Sequence[bytes]:
    return [_step(_EQUAL, number, 0, len(body)), *body]


def _step(code: int, operand: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, operand)
