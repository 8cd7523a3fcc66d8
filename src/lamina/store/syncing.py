"""Making what was written survive a power cut."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

_libc = ctypes.CDLL(None, use_errno=True)
_SYNC_FILE_RANGE_WRITE = 2


def sync_path(path: Path) -> None:
    """Wait until the file's bytes, or the folder's names, are on the disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def begin_to_sync(descriptor: int, offset: int, size: int) -> None:
    """Have the kernel begin to write that part of a file to the disk; a hint, and no promise of anything."""
    _libc.sync_file_range(descriptor, ctypes.c_int64(offset), ctypes.c_int64(size), _SYNC_FILE_RANGE_WRITE)


def sync_filesystem(path: Path) -> None:
    """Wait until everything written to the file system of *path* is on the disk.

    For thousands of files this is one wait where a sync of each would be thousands (docs/formats/trees.md has the
    measurement). Python has os.sync only, which waits for every file system there is and reports no error.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if _libc.syncfs(descriptor) != 0:
            code = ctypes.get_errno()
            raise OSError(code, f"syncfs: {os.strerror(code)}", str(path))
    finally:
        os.close(descriptor)
