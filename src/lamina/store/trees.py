"""Trees: archives extracted once per machine, each under the digest of its archive.

A tree is written aside, synced and renamed, so under its final name it is whole, whenever the process or the machine
stops. Trees are a cache: all of them can be thrown away. docs/formats/trees.md has the layout and the rules.
"""

from __future__ import annotations

import os
import stat
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, wait
from dataclasses import dataclass
from pathlib import Path

from lamina.layers.archive import inspect
from lamina.names import Digest
from lamina.store.blobs import Blobs
from lamina.store.extraction import extract
from lamina.store.pool import Pool, key_of

_VERSION = "v1"
_INCOMING = ".incoming"
_DOOMED = ".doomed"
_FILES = ".files"


@dataclass(frozen=True, slots=True)
class Tree:
    """A whole extracted archive, to be mounted read-only and changed by nobody."""

    digest: Digest
    path: Path

    @property
    def unzipped_bytes(self) -> int:
        """What the archive takes by AWS's count: the sizes of its files and links. Walks the tree each time."""
        with_names = os.fwalk(self.path)
        return sum(
            os.stat(name, dir_fd=folder, follow_symlinks=False).st_size
            for _, folders, files, folder in with_names
            for name in (*files, *(name for name in folders if _is_link(folder, name)))
        )


class Trees:
    """The trees below one folder, for all threads of the one process that has it open."""

    def __init__(self, root: Path) -> None:
        self._root = root / _VERSION
        self._pool = Pool(self._root / _FILES)
        self._lock = threading.Lock()
        self._deleting = threading.Lock()
        self._ready: dict[Digest, Tree] = {}
        self._extracting: dict[Digest, Future[Tree]] = {}

    @classmethod
    def open(cls, root: Path) -> Trees:
        """The trees in *root*, made if it is not there, cleared of what a killed process left unfinished."""
        trees = cls(root)
        trees._make_folders()
        for leftover in (*trees._root.joinpath(_INCOMING).iterdir(), *trees._root.joinpath(_DOOMED).iterdir()):
            trees._remove(leftover)
        return trees

    @property
    def folder(self) -> Path:
        """Where they are, each by its digest."""
        return self._root

    def is_ready(self, digest: Digest) -> bool:
        """Whether `ensure` has nothing to do: known without the disk. Stays so while nobody deletes it."""
        return digest in self._ready

    def ensure(self, digest: Digest, blobs: Blobs) -> Tree:
        """The tree of the archive *digest*, extracted from *blobs* unless it was before.

        Callers that ask for the same digest at the same time share one extraction; different ones go on side by side.
        BlobMissing, BlobDamaged, ArchiveError or OSError when it cannot be had: nothing is left, and the next caller
        tries again.
        """
        mine: Future[Tree] = Future()
        with self._lock:
            ready = self._ready.get(digest)
            if ready is not None:
                return ready
            running = self._extracting.setdefault(digest, mine)
        if running is not mine:
            return running.result()
        try:
            tree = self._find_or_extract(digest, blobs)
        except BaseException as error:
            with self._lock:
                del self._extracting[digest]
            mine.set_exception(error)
            raise
        with self._lock:
            self._ready[digest] = tree
            del self._extracting[digest]
        mine.set_result(tree)
        return tree

    def delete(self, digest: Digest) -> None:
        """Remove a tree, if it is there, and the pooled files that only it had. Nobody may have it mounted."""
        doomed = self._root / _DOOMED / f"{digest.hex}-{uuid.uuid4().hex}"
        while (running := self._take_away(digest, doomed)) is not None:
            wait([running])
        if doomed.exists():
            self._remove(doomed)

    def digests(self) -> Iterator[Digest]:
        """Every whole tree's digest, in no order."""
        return (Digest.from_hex(name) for name in os.listdir(self._root) if not name.startswith("."))

    def sweep(self) -> int:
        """Remove pooled files that no tree has any more, which only a kill or a power cut leaves; how many."""
        return self._pool.sweep()

    def _make_folders(self) -> None:
        self._root.mkdir(mode=0o755, parents=True, exist_ok=True)
        for folder in (self._root.parent, self._root):
            # Whatever the umask: a function's user, who is somebody else, gets to its tree through these.
            folder.chmod(0o755)
        for name in (_INCOMING, _DOOMED, _FILES):
            (self._root / name).mkdir(mode=0o700, exist_ok=True)
        self._pool.make_folders()

    def _find_or_extract(self, digest: Digest, blobs: Blobs) -> Tree:
        tree = Tree(digest, self._root / digest.hex)
        if tree.path.exists():
            return tree
        aside = self._root / _INCOMING / f"{digest.hex}-{uuid.uuid4().hex}"
        try:
            with blobs.view(digest, verify=True) as data:
                unpacked = extract(data, inspect(data), aside, self._pool)
            unpacked.rename(tree.path)
            aside.rmdir()
        except BaseException:
            if aside.exists():
                self._remove(aside)
            raise
        return tree

    def _take_away(self, digest: Digest, doomed: Path) -> Future[Tree] | None:
        """Rename the tree aside at once, unless it is being extracted: then what to wait for."""
        with self._lock:
            if digest in self._extracting:
                return self._extracting[digest]
            self._ready.pop(digest, None)
            try:
                (self._root / digest.hex).rename(doomed)
            except FileNotFoundError:
                pass
            return None

    def _remove(self, doomed: Path) -> None:
        # One at a time: two that remove the last two names of a pooled file would both believe the other still has it.
        with self._deleting:
            for _, folders, files, folder in os.fwalk(doomed, topdown=False):
                for name in files:
                    self._remove_file(folder, name)
                for name in folders:
                    if _is_link(folder, name):
                        os.unlink(name, dir_fd=folder)
                    else:
                        os.rmdir(name, dir_fd=folder)
            doomed.rmdir()

    def _remove_file(self, folder: int, name: str) -> None:
        found = os.stat(name, dir_fd=folder, follow_symlinks=False)
        # Two names: this one and the pool's.
        key = key_of(folder, name, found) if stat.S_ISREG(found.st_mode) and found.st_nlink == 2 else None
        os.unlink(name, dir_fd=folder)
        if key is not None:
            self._pool.reclaim(key)


def _is_link(folder: int, name: str) -> bool:
    return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
