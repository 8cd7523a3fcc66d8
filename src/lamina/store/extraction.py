"""Unpacking one archive into one new folder.

`layers.archive` has refused every name that leads elsewhere. Here the same is held once more by the kernel: folders
are walked one component at a time through descriptors that do not follow links, and everything is created with
O_EXCL or its like, so that a mistake in the rules fails instead of writing through somebody's link.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from lamina.layers.archive import Archive, Entry, Kind, chunks, content
from lamina.store.pool import FileKey, Pool
from lamina.store.syncing import sync_filesystem

_ROOT_MODE = 0o755
# Files up to this size are inflated whole, so that one the pool has is never written.
_WHOLE_BYTES_MAX = 4 << 20
# Two threads take 0.6 of the time of one; more gain nothing (PERFORMANCE: the file system is what they wait for).
_THREADS = 2
_PARALLEL_ENTRIES_MIN = 64
_OPEN_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_CREATE_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def extract(data: memoryview, archive: Archive, aside: Path, pool: Pool) -> Path:
    """Unpack *archive*, whose bytes are *data*, below the new folder *aside*; the tree, complete and on the disk.

    ArchiveError when the bytes are not what the directory declares. What then stands below *aside* is the caller's
    to remove, as after any other failure.
    """
    aside.mkdir(mode=0o700)
    extraction = _Extraction(data, archive, aside, pool)
    extraction.make_folders()
    extraction.fill_folders()
    sync_filesystem(aside)
    extraction.pool_files()
    extraction.finish_folders()
    return extraction.tree


class _Extraction:
    def __init__(self, data: memoryview, archive: Archive, aside: Path, pool: Pool) -> None:
        self.tree = aside / "tree"
        self._spare = aside / "spare"
        self._data = data
        self._archive = archive
        self._pool = pool
        self._written: dict[bytes, list[tuple[bytes, FileKey]]] = {}

    def make_folders(self) -> None:
        self.tree.mkdir(mode=0o700)
        for parent, folders in _by_parent(self._archive.folders).items():
            with self._open(parent) as descriptor:
                for folder in folders:
                    os.mkdir(_name(folder), 0o700, dir_fd=descriptor)

    def fill_folders(self) -> None:
        """Create files and links, a folder at a time: two threads in one folder would wait for each other."""
        groups = _by_parent(entry for entry in self._archive.entries if entry.kind is not Kind.FOLDER)
        work = deque(sorted(groups.items(), key=lambda group: -_cost(group[1])))
        if len(self._archive.entries) < _PARALLEL_ENTRIES_MIN:
            self._fill(work)
            return
        with ThreadPoolExecutor(_THREADS, "extract") as threads:
            for future in [threads.submit(self._fill, work) for _ in range(_THREADS)]:
                future.result()

    def _fill(self, work: deque[tuple[bytes, list[Entry]]]) -> None:
        try:
            while work:
                try:
                    parent, entries = work.popleft()
                except IndexError:
                    # The other thread was faster.
                    return
                with self._open(parent) as descriptor:
                    for entry in entries:
                        self._create(parent, descriptor, entry)
        except BaseException:
            work.clear()
            raise

    def _create(self, parent: bytes, descriptor: int, entry: Entry) -> None:
        name = _name(entry)
        if entry.target is not None:
            os.symlink(entry.target.encode("utf-8", "surrogateescape"), name, dir_fd=descriptor)
            os.utime(name, ns=_times(entry), dir_fd=descriptor, follow_symlinks=False)
            return
        if entry.size <= _WHOLE_BYTES_MAX:
            whole = content(self._data, entry)
            key = FileKey(hashlib.sha256(whole).hexdigest(), entry.size, entry.mode, entry.mtime)
            if self._pool.link(key, descriptor, name):
                return
            _write(descriptor, name, entry, [whole])
        else:
            sha256 = hashlib.sha256()
            _write(descriptor, name, entry, _hashed(chunks(self._data, entry), sha256))
            key = FileKey(sha256.hexdigest(), entry.size, entry.mode, entry.mtime)
        self._written.setdefault(parent, []).append((name, key))

    def pool_files(self) -> None:
        for parent, files in self._written.items():
            with self._open(parent) as descriptor:
                for name, key in files:
                    self._pool.adopt(key, descriptor, name, self._spare)

    def finish_folders(self) -> None:
        """Give folders their modes and times, which creating things in them has changed."""
        for folder in self._archive.folders:
            with self._open(folder.path.encode()) as descriptor:
                os.fchmod(descriptor, folder.mode)
                os.utime(descriptor, ns=_times(folder))
        with self._open(b"") as descriptor:
            os.fchmod(descriptor, _ROOT_MODE)

    @contextmanager
    def _open(self, path: bytes) -> Iterator[int]:
        """A descriptor of a folder of the tree, reached without following any link."""
        descriptor = os.open(self.tree, _OPEN_FOLDER)
        try:
            for component in path.split(b"/") if path else ():
                below = os.open(component, _OPEN_FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = below
            yield descriptor
        finally:
            os.close(descriptor)


def _write(folder: int, name: bytes, entry: Entry, pieces: Iterable[bytes | memoryview]) -> None:
    descriptor = os.open(name, _CREATE_FILE, 0o600, dir_fd=folder)
    try:
        for piece in pieces:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(descriptor, rest) :]
        # Not through open()'s mode, which the umask would change.
        os.fchmod(descriptor, entry.mode)
        os.utime(descriptor, ns=_times(entry))
    finally:
        os.close(descriptor)


def _hashed(pieces: Iterable[bytes | memoryview], sha256: hashlib._Hash) -> Iterator[bytes | memoryview]:
    for piece in pieces:
        sha256.update(piece)
        yield piece


def _by_parent(entries: Iterable[Entry]) -> dict[bytes, list[Entry]]:
    """Entries by the folder they stand in, in the order of their first, so parents come before children."""
    groups: dict[bytes, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(entry.path.encode().rpartition(b"/")[0], []).append(entry)
    return groups


def _cost(entries: Iterable[Entry]) -> int:
    # Creating a file takes about as long as inflating 50 KB.
    return sum(entry.size + 50_000 for entry in entries)


def _name(entry: Entry) -> bytes:
    # Bytes, since names are UTF-8 whatever locale the server was started in.
    return entry.path.encode().rpartition(b"/")[2]


def _times(entry: Entry) -> tuple[int, int]:
    return entry.mtime * 1_000_000_000, entry.mtime * 1_000_000_000
