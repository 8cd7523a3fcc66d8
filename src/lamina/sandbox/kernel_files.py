"""Small files of the kernel's, such as those of /proc, without what Python has around files on a disk.

Through `open` each costs three times as much, and a cold start reads and writes ten of them.
"""

from __future__ import annotations

import os

# Any of them has less, and gives it in one piece.
_BYTES_MAX = 64 * 1024


def read(file: str) -> bytes:
    """All that is in *file*. Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(descriptor, _BYTES_MAX)
    finally:
        os.close(descriptor)


def write(file: str, content: str) -> None:
    """Have *content* in *file*. Raises OSError."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
    try:
        os.write(descriptor, content.encode())
    finally:
        os.close(descriptor)


def number_behind(text: bytes, name: bytes) -> int:
    """The number behind *name*, which begins a line of *text*; 0 if none does."""
    _, found, rest = (b"\n" + text).partition(b"\n" + name)
    return int(rest.split(None, 1)[0]) if found else 0


def process_of(pidfd: int) -> int:
    """The id of the process that a descriptor stands for; -1 if it has ended."""
    return number_behind(read(f"/proc/self/fdinfo/{pidfd}"), b"Pid:")
