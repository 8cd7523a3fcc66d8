"""Folders that somebody works in, seen as the archives they would become: what is in them now, and whether it changed.

No link is followed: what lies outside a folder is no part of it.
"""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

# Of everything in an archive, so that the same files are the same archive.
_TIME: Final = (1980, 1, 1, 0, 0, 0)
_UNIX: Final = 3
# A file may change twice within a tick of the file system's clock, and look the same.
_TICK_NS: Final = 50_000_000
_LEFT_OUT: Final = ("__pycache__", ".git")
_OPEN_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_OPEN_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Look:
    """What the files of a folder were like at a moment. One that is not `settled` proves nothing."""

    files: Mapping[str, tuple[int, int, int, int]]
    settled: bool


def look(folder: Path, now_ns: int) -> Look:
    """The files in *folder* and below, by path. Raises OSError, FileNotFoundError too where one just goes."""
    files = {}
    latest_ns = 0
    for path, _, status in _walk(folder):
        files[path] = (status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        latest_ns = max(latest_ns, status.st_ctime_ns)
    return Look(files, latest_ns < now_ns - _TICK_NS)


def archive(folder: Path) -> bytes:
    """The archive of what is in *folder*, uncompressed. Raises OSError; ValueError for what no archive can hold."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as written:
        for path, parent, status in sorted(_walk(folder), key=lambda found: found[0]):
            name = path.rpartition("/")[2]
            info = zipfile.ZipInfo(path + ("/" if stat.S_ISDIR(status.st_mode) else ""), _TIME)
            info.create_system = _UNIX
            info.external_attr = status.st_mode << 16
            written.writestr(info, _content(parent, name, path, status))
    return buffer.getvalue()


def _content(parent: Path, name: str, path: str, status: os.stat_result) -> bytes:
    if stat.S_ISDIR(status.st_mode):
        return b""
    if stat.S_ISLNK(status.st_mode):
        return os.fsencode(os.readlink(parent / name))
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"{path} is a device, a pipe or a socket")
    descriptor = os.open(parent / name, _OPEN_FILE)
    with open(descriptor, "rb") as file:
        return file.read()


def _walk(folder: Path) -> Iterator[tuple[str, Path, os.stat_result]]:
    """Each path below *folder*, the folder it is in, and its status."""
    waiting = [("", folder)]
    while waiting:
        above, here = waiting.pop()
        descriptor = os.open(here, _OPEN_FOLDER)
        try:
            for name in os.listdir(descriptor):
                if name in _LEFT_OUT:
                    continue
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                path = f"{above}{name}"
                yield path, here, status
                if stat.S_ISDIR(status.st_mode):
                    waiting.append((f"{path}/", here / name))
        finally:
            os.close(descriptor)
