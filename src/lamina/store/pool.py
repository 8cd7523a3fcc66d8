"""The pool: one inode for every file that is equal in content, mode and time, whichever trees it stands in.

A pool file is a hard link beside those in the trees. It gets its name only after the bytes are on the disk, so that a
power cut leaves no empty file that later trees would link to; a lost pool entry costs space, never correctness.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FileKey:
    """What makes two files one: SHA-256 in hexadecimal, permissions, seconds since 1970. *size* follows from it."""

    sha256: str
    size: int
    mode: int
    mtime: int

    @property
    def path(self) -> str:
        return f"{self.sha256[:2]}/{self.sha256[2:]}-{self.mode:03o}-{self.mtime}"

    def describes(self, found: os.stat_result) -> bool:
        return (
            stat.S_ISREG(found.st_mode)
            and found.st_size == self.size
            and stat.S_IMODE(found.st_mode) == self.mode
            and found.st_mtime_ns == self.mtime * 1_000_000_000
        )


class Pool:
    """Files by key, in the folder *root*. Safe to use from many threads: every step is one system call that either
    does its work or finds another to have been faster.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def make_folders(self) -> None:
        for shard in range(256):
            (self._root / f"{shard:02x}").mkdir(mode=0o700, parents=True, exist_ok=True)

    def link(self, key: FileKey, folder: int, name: bytes) -> bool:
        """Create *name* in the open *folder* as the pooled file; False when there is none that can be linked."""
        path = self._root / key.path
        try:
            os.link(path, name, dst_dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return False
        except OSError as error:
            # ext4 gives an inode 65,000 names; empty __init__.py files of one build get there first.
            if error.errno == errno.EMLINK:
                return False
            raise
        if key.describes(os.stat(name, dir_fd=folder, follow_symlinks=False)):
            return True
        # The disk changed it: nothing here opens pooled files for writing.
        os.unlink(name, dir_fd=folder)
        path.unlink(missing_ok=True)
        return False

    def adopt(self, key: FileKey, folder: int, name: bytes, spare: Path) -> None:
        """Take in the synced file *name* of the open *folder*, or put the pooled one in its place if there is one now.

        *spare* is a path on the same file system that nobody else uses; nothing is left there.
        """
        path = self._root / key.path
        try:
            os.link(name, path, src_dir_fd=folder, follow_symlinks=False)
            return
        except FileExistsError:
            pass
        try:
            os.link(path, spare)
        except FileNotFoundError:
            return
        except OSError as error:
            if error.errno != errno.EMLINK:
                raise
            # The pooled inode has all the names it can have: ours is pooled from now on.
            os.link(name, spare, src_dir_fd=folder, follow_symlinks=False)
            os.rename(spare, path)
            return
        os.rename(spare, name, dst_dir_fd=folder)

    def reclaim(self, key: FileKey) -> None:
        """Forget the file if no tree has it any more."""
        path = self._root / key.path
        try:
            if os.lstat(path).st_nlink == 1:
                path.unlink()
        except FileNotFoundError:
            pass

    def sweep(self) -> int:
        """Forget every file that no tree has; how many there were. Reads all names: for maintenance, not for start."""
        alone = [path for path in self._paths() if path.stat(follow_symlinks=False).st_nlink == 1]
        for path in alone:
            path.unlink(missing_ok=True)
        return len(alone)

    def _paths(self) -> Iterator[Path]:
        for shard in self._root.iterdir():
            yield from shard.iterdir()


def key_of(folder: int, name: str, found: os.stat_result) -> FileKey:
    """The key of a file in a tree, from its bytes."""
    descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
    with open(descriptor, "rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return FileKey(sha256, found.st_size, stat.S_IMODE(found.st_mode), found.st_mtime_ns // 1_000_000_000)
