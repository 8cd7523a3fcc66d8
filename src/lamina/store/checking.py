"""Whether trees and pooled files are still what they were made as: read, compared, nothing changed."""

from __future__ import annotations

import hashlib
import os
import stat
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from lamina.layers.archive import Archive, Entry, Kind

_CHUNK_BYTES = 1 << 20
_ROOT_MODE = 0o755


@dataclass(frozen=True, slots=True)
class Content:
    """What the bytes of one inode come to. `sha256` is hexadecimal."""

    size: int
    crc: int
    sha256: str


class Contents:
    """The contents of files. An inode is read once, in however many trees it stands. *read* is told each time."""

    def __init__(self, read: Callable[[int], object] = lambda _: None) -> None:
        self._known: dict[tuple[int, int], Content] = {}
        self._read = read

    def of(self, path: Path, found: os.stat_result) -> Content:
        """The content of the regular file *path*, of which *found* is what lstat says. Raises OSError."""
        inode = (found.st_dev, found.st_ino)
        known = self._known.get(inode)
        if known is None:
            known = self._known[inode] = self._look(path)
        return known

    def _look(self, path: Path) -> Content:
        size, crc, sha256 = 0, 0, hashlib.sha256()
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        with open(descriptor, "rb", buffering=0) as file:
            while chunk := file.read(_CHUNK_BYTES):
                size += len(chunk)
                crc = zlib.crc32(chunk, crc)
                sha256.update(chunk)
        self._read(size)
        return Content(size, crc, sha256.hexdigest())


def tree_fault(tree: Path, archive: Archive, contents: Contents) -> str | None:
    """The first thing about *tree* that is not as *archive* says, for a person; None if all of it is."""
    if stat.S_IMODE(os.lstat(tree).st_mode) != _ROOT_MODE:
        return "its top has other permissions"
    expected = {entry.path: entry for entry in archive.entries}
    # A folder's time tells of what happened in it, which says more.
    of_folder: str | None = None
    for path in _paths(tree):
        entry = expected.pop(path, None)
        if entry is None:
            return f"{path} is not in the archive"
        fault = _fault(tree / path, entry, contents)
        if fault is not None and entry.kind is not Kind.FOLDER:
            return f"{path} {fault}"
        if fault is not None:
            of_folder = of_folder or f"{path} {fault}"
    return f"{next(iter(expected))} is missing" if expected else of_folder


def pool_faults(pool: Path, contents: Contents) -> Iterator[Path]:
    """The pooled files whose bytes are not those that they are named by."""
    for shard in sorted(pool.iterdir()):
        for path in sorted(shard.iterdir()):
            sha256 = shard.name + path.name.partition("-")[0]
            try:
                sound = contents.of(path, os.lstat(path)).sha256 == sha256
            except FileNotFoundError:
                continue  # A server at work has just taken it back.
            except OSError:
                sound = False
            if not sound:
                yield path


def _paths(tree: Path) -> Iterator[str]:
    """Everything below *tree*, as paths in it."""
    for folder, folders, files in os.walk(tree, onerror=_raise):
        inside = os.path.relpath(folder, tree)
        for name in (*folders, *files):
            yield name if inside == "." else f"{inside}/{name}"


def _raise(error: OSError) -> None:
    raise error


def _fault(path: Path, entry: Entry, contents: Contents) -> str | None:
    found = os.lstat(path)
    kinds = {Kind.FILE: stat.S_ISREG, Kind.FOLDER: stat.S_ISDIR, Kind.LINK: stat.S_ISLNK}
    if not kinds[entry.kind](found.st_mode):
        return f"is no {entry.kind.value}"
    if int(found.st_mtime) != entry.mtime:
        return "has another time"
    if entry.kind is Kind.LINK:
        return None if os.readlink(path) == entry.target else "leads elsewhere"
    if stat.S_IMODE(found.st_mode) != entry.mode:
        return "has other permissions"
    if entry.kind is Kind.FOLDER:
        return None
    if found.st_size != entry.size:
        return f"has {found.st_size} bytes, not {entry.size}"
    try:
        content = contents.of(path, found)
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return None if content.crc == entry.crc else "has other bytes"
