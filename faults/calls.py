"""The system calls by which a program changes a file system, and how to read from one what it is about to change."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final

_AT_FDCWD: Final = -100
_PATH_BYTES_MAX: Final = 4096
# Of open's flags: what makes it more than looking.
CHANGING_FLAGS: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


class Kind(StrEnum):
    """What a call does to a file system."""

    OPEN = "open"
    WRITE = "write"
    TRUNCATE = "truncate"
    SYNC = "sync"
    RENAME = "rename"
    LINK = "link"
    UNLINK = "unlink"
    MKDIR = "mkdir"
    CHMOD = "chmod"
    TIMES = "times"


@dataclass(frozen=True, slots=True)
class Call:
    """A system call. `path` is the argument that says where, `folder` that which *path* is relative to, if any.

    Without a `path`, `descriptor` says where. `flags` is the argument that tells a harmless open from another;
    `offset` that of a write to a place of its own.
    """

    name: str
    kind: Kind
    descriptor: int | None = None
    path: int | None = None
    folder: int | None = None
    flags: int | None = None
    offset: int | None = None


def _by_path(name: str, kind: Kind, path: int = 0, folder: int | None = None, flags: int | None = None) -> Call:
    return Call(name, kind, None, path, folder, flags)


def _by_descriptor(name: str, kind: Kind, offset: int | None = None) -> Call:
    return Call(name, kind, 0, offset=offset)


# By number, arch/x86/entry/syscalls/syscall_64.tbl. Of calls with two names the second counts: it is what comes to be.
CALLS: Final = MappingProxyType(
    {
        1: _by_descriptor("write", Kind.WRITE),
        2: _by_path("open", Kind.OPEN, flags=1),
        18: _by_descriptor("pwrite64", Kind.WRITE, offset=3),
        20: _by_descriptor("writev", Kind.WRITE),
        74: _by_descriptor("fsync", Kind.SYNC),
        75: _by_descriptor("fdatasync", Kind.SYNC),
        76: _by_path("truncate", Kind.TRUNCATE),
        77: _by_descriptor("ftruncate", Kind.TRUNCATE),
        82: _by_path("rename", Kind.RENAME, 1),
        83: _by_path("mkdir", Kind.MKDIR),
        84: _by_path("rmdir", Kind.UNLINK),
        85: _by_path("creat", Kind.OPEN),
        86: _by_path("link", Kind.LINK, 1),
        87: _by_path("unlink", Kind.UNLINK),
        88: _by_path("symlink", Kind.LINK, 1),
        90: _by_path("chmod", Kind.CHMOD),
        91: _by_descriptor("fchmod", Kind.CHMOD),
        257: _by_path("openat", Kind.OPEN, 1, 0, flags=2),
        258: _by_path("mkdirat", Kind.MKDIR, 1, 0),
        263: _by_path("unlinkat", Kind.UNLINK, 1, 0),
        264: _by_path("renameat", Kind.RENAME, 3, 2),
        265: _by_path("linkat", Kind.LINK, 3, 2),
        266: _by_path("symlinkat", Kind.LINK, 2, 1),
        268: _by_path("fchmodat", Kind.CHMOD, 1, 0),
        277: _by_descriptor("sync_file_range", Kind.SYNC),
        280: _by_path("utimensat", Kind.TIMES, 1, 0),
        285: _by_descriptor("fallocate", Kind.TRUNCATE),
        296: _by_descriptor("pwritev", Kind.WRITE, offset=3),
        306: _by_descriptor("syncfs", Kind.SYNC),
        316: _by_path("renameat2", Kind.RENAME, 3, 2),
        326: Call("copy_file_range", Kind.WRITE, descriptor=2),
        328: _by_descriptor("pwritev2", Kind.WRITE, offset=3),
        437: _by_path("openat2", Kind.OPEN, 1, 0),
        452: _by_path("fchmodat2", Kind.CHMOD, 1, 0),
    }
)


@dataclass(frozen=True, slots=True)
class Asked:
    """A call that a thread has made and the kernel has not begun."""

    thread: int
    call: Call
    arguments: tuple[int, ...]

    def where(self) -> str:
        """What it is about to change, as an absolute path; empty where that is no file. ProcessLookupError, OSError."""
        call = self.call
        if call.path is not None and self.arguments[call.path]:
            path = os.fsdecode(self._text(self.arguments[call.path]))
            if path.startswith("/"):
                return os.path.normpath(path)
            return os.path.normpath(os.path.join(self._folder(), path))
        # utimensat of no path is of its descriptor.
        descriptor = call.descriptor if call.descriptor is not None else call.folder
        assert descriptor is not None, call
        found = os.readlink(f"/proc/{self.thread}/fd/{_signed(self.arguments[descriptor])}")
        return found.removesuffix(" (deleted)") if found.startswith("/") else ""

    def written(self) -> bytes:
        """The bytes of a plain write, the first of a vector's; empty for any other call."""
        reading = _READING.get(self.call.name)
        return b"" if reading is None else reading(self)

    def _folder(self) -> str:
        folder = _AT_FDCWD if self.call.folder is None else _signed(self.arguments[self.call.folder])
        return os.readlink(f"/proc/{self.thread}/cwd" if folder == _AT_FDCWD else f"/proc/{self.thread}/fd/{folder}")

    def memory(self, address: int, size: int) -> bytes:
        """So much of the thread's memory, or what there is of it."""
        descriptor = os.open(f"/proc/{self.thread}/mem", os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, size, address)
        finally:
            os.close(descriptor)

    def _text(self, address: int) -> bytes:
        # A page at a time: the next one may not be the thread's.
        found = b""
        while b"\0" not in found and len(found) < _PATH_BYTES_MAX:
            found += self.memory(address + len(found), 4096 - (address + len(found)) % 4096)
        return found.partition(b"\0")[0]


def _plain(asked: Asked) -> bytes:
    return asked.memory(asked.arguments[1], asked.arguments[2])


def _first_of_vector(asked: Asked) -> bytes:
    vector = asked.memory(asked.arguments[1], 16)
    return asked.memory(int.from_bytes(vector[:8], "little"), int.from_bytes(vector[8:], "little"))


_READING: Final[MappingProxyType[str, Callable[[Asked], bytes]]] = MappingProxyType(
    {"write": _plain, "pwrite64": _plain, "writev": _first_of_vector}
)


def _signed(argument: int) -> int:
    """A descriptor as the kernel reads it: the lower half of a register."""
    low = argument & 0xFFFFFFFF
    return low - (1 << 32) if low & 0x80000000 else low
