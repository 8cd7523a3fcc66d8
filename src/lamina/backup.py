"""`lamina backup`: a copy of what a state folder keeps for good, taken while its server goes on; and the way back.

A backup is itself a state folder, with nothing in it that can be made again: a server can be started on it. What was
acknowledged before the backup began is in it, whole. One that is taken again into the same folder copies only what is
new; until its catalog has taken the old one's place, the last thing that happens, the old backup is there and sound.
"""

from __future__ import annotations

import errno
import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.catalog.sql import CatalogTooNew, CatalogTooOld, SqlCatalog
from lamina.names import Digest
from lamina.state_folder import exclusive
from lamina.store.errors import BlobDamaged, BlobMissing
from lamina.store.folder_blobs import FolderBlobs
from lamina.store.syncing import sync_filesystem, sync_path

# The catalog names what the blobs held when it was copied; what was deleted since is not missing, but asked for anew.
_ATTEMPTS: Final = 5
_PAGES_AT_A_TIME: Final = 1024
_ASIDE: Final = ".incoming"
# Who may call, and what the sessions of those who did are sealed with: a server without them would let anybody in.
_ACCOUNTS: Final = "accounts.json"
_TRUST: Final = (_ACCOUNTS, "sessions-v1.key")

Read = Callable[[int], object]


class NoState(Exception):
    """There is no state in the folder, or not one of this Lamina's; the text says which."""


class NotEmpty(Exception):
    """The folder that something is to be copied to has something else in it."""

    def __init__(self, folder: Path, why: str) -> None:
        super().__init__(f"{folder} {why}")
        self.folder = folder


class Damaged(Exception):
    """An archive that is still in use is missing or damaged, so that no whole copy can be taken."""

    def __init__(self, digest: Digest) -> None:
        super().__init__(f"archive {digest.hex} is missing or damaged: `lamina fsck` tells whom that concerns")
        self.digest = digest


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: archives and the bytes in them, and how many of those were not there before."""

    archives: int
    bytes: int
    new_archives: int
    new_bytes: int


def backup(state: Path, into: Path, read: Read = lambda _: None) -> Copied:
    """Copy what *state* keeps to the folder *into*: a new one, or that of an earlier backup. *read* is told of bytes.

    Raises NoState, NotEmpty, Damaged, StateInUse while a server is running on *into*, and OSError.
    """
    _check_state(state)
    if into.exists() and any(into.iterdir()) and not (into / "catalog.db").is_file():
        raise NotEmpty(into, "has something in it that is no backup")
    if into.resolve() == state.resolve():
        raise NotEmpty(into, "is what is to be copied")
    with exclusive(into):
        return _copy(state, into, read)


def restore(from_: Path, state: Path, read: Read = lambda _: None) -> Copied:
    """Copy the backup *from_* to *state*, where there is none yet, checking every archive. Raises as `backup` does.

    One that an older Lamina took becomes a state of this one's; the backup stays as it is.
    """
    _check_state(from_, older=True)
    if (state / "catalog.db").exists():
        raise NotEmpty(state, "has a state already")
    if (state / _ACCOUNTS).exists():
        raise NotEmpty(state, f"has accounts already, in {_ACCOUNTS}")
    with exclusive(state):
        return _copy(from_, state, read, attempts=1)


def _check_state(state: Path, *, older: bool = False) -> None:
    if not (state / "catalog.db").is_file():
        raise NoState(f"{state} is no state folder of Lamina, and no backup: there is no catalog.db in it")
    try:
        SqlCatalog.look(f"sqlite:///{state / 'catalog.db'}").close()
    except CatalogTooOld as error:
        if not older:
            raise NoState(str(error)) from error
    except CatalogTooNew as error:
        raise NoState(str(error)) from error


def _copy(state: Path, into: Path, read: Read, attempts: int = _ATTEMPTS) -> Copied:
    aside = into / _ASIDE
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(mode=0o700)
    blobs, copies = FolderBlobs.at(state / "blobs"), FolderBlobs.open(into / "blobs")
    there = set(copies.digests())
    used = _copy_truth(state, aside / "catalog.db", blobs, copies, read, attempts)
    _copy_logs(state / "logs", into / "logs", read)
    _copy_companions(state / "companions" / "v1", into / "companions" / "v1", read)
    for name in _TRUST:
        _copy_file(state / name, into / name, read)
        if not (state / name).exists():
            (into / name).unlink(missing_ok=True)
    sync_filesystem(into)
    for name in ("catalog.db-wal", "catalog.db-shm"):
        (into / name).unlink(missing_ok=True)
    (aside / "catalog.db").rename(into / "catalog.db")
    sync_path(into)
    shutil.rmtree(aside)
    for digest in set(copies.digests()) - used:
        copies.delete(digest)
    new = used - there
    return Copied(len(used), sum(map(copies.size, used)), len(new), sum(map(copies.size, new)))


def _copy_truth(
    state: Path, catalog: Path, blobs: FolderBlobs, copies: FolderBlobs, read: Read, attempts: int
) -> frozenset[Digest]:
    """Copy the catalog to *catalog*, and every archive it names: which those are."""
    used = _copy_catalog(state / "catalog.db", catalog)
    try:
        for digest in sorted(used.difference(copies.digests()), key=str):
            _copy_blob(digest, blobs, copies, read)
    except Damaged as error:
        # Or it was deleted since.
        if attempts == 1 or _in_use(state / "catalog.db", error.digest):
            raise
        return _copy_truth(state, catalog, blobs, copies, read, attempts - 1)
    return used


def _copy_catalog(path: Path, to: Path) -> frozenset[Digest]:
    """Copy the catalog as it is at one instant, and have the copy be of today's form; the archives that it names."""
    to.unlink(missing_ok=True)
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(to)) as target:
        # A writer in between has SQLite begin again with the pages that it changed.
        source.backup(target, pages=_PAGES_AT_A_TIME)
    to.chmod(0o600)
    with closing(SqlCatalog.open(f"sqlite:///{to}")) as catalog, catalog.reading() as transaction:
        return transaction.archives.all_in_use()


def _in_use(path: Path, digest: Digest) -> bool:
    with closing(SqlCatalog.look(f"sqlite:///{path}")) as catalog, catalog.reading() as transaction:
        return transaction.archives.in_use(digest)


def _copy_blob(digest: Digest, blobs: FolderBlobs, copies: FolderBlobs, read: Read) -> None:
    try:
        with blobs.view(digest, verify=True) as data:
            copies.put(data)
            read(len(data))
    except (BlobMissing, BlobDamaged) as error:
        raise Damaged(digest) from error


def _copy_logs(folder: Path, into: Path, read: Read) -> None:
    """Copy what of the logs is new: files only grow, until they go. Their order does not matter to who reads them."""
    theirs = {path.relative_to(folder) for path in _files(folder) if not _is_aside(path.relative_to(folder))}
    for path in theirs:
        _copy_file(folder / path, into / path, read)
    for path in [path.relative_to(into) for path in _files(into)]:
        if path not in theirs:
            (into / path).unlink()
    for path in sorted((path for path in into.rglob("*") if path.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()


def _is_aside(path: Path) -> bool:
    return any(part.startswith((".new-", ".doomed-")) for part in path.parts)


def _copy_companions(folder: Path, into: Path, read: Read, attempts: int = _ATTEMPTS) -> None:
    """Copy the journal as it is at one instant, and the bodies that its lines name."""
    try:
        journal = (folder / "journal").read_bytes()
    except FileNotFoundError:
        shutil.rmtree(into, ignore_errors=True)
        return
    # What a line without an end says was not acknowledged.
    journal = journal[: journal.rfind(b"\n") + 1]
    named = {line["sha256"] for line in map(json.loads, journal.splitlines()) if line.get("sha256")}
    for name in named:
        _copy_file(folder / "bodies" / name, into / "bodies" / name, read)
    missing = [name for name in named if not (into / "bodies" / name).exists()]
    if missing and attempts == 1:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(folder / "bodies" / missing[0]))
    if missing:
        # It was shortened since it was read.
        _copy_companions(folder, into, read, attempts - 1)
        return
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _written(into / "journal") as descriptor, open(descriptor, "wb", closefd=False) as target:
        target.write(journal)
    read(len(journal))
    for path in _files(into / "bodies"):
        if path.name not in named:
            path.unlink()


def _files(folder: Path) -> Iterator[Path]:
    return (Path(above, name) for above, _, names in os.walk(folder) for name in names)


def _copy_file(path: Path, to: Path, read: Read) -> None:
    """Have *to* hold what *path* does; nothing is copied if it has that many bytes already, nor if *path* has gone."""
    try:
        source = path.open("rb")
    except FileNotFoundError:
        return
    with source:
        found = os.fstat(source.fileno())
        if to.exists() and (to.stat().st_size, to.stat().st_mtime_ns) == (found.st_size, found.st_mtime_ns):
            return
        to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _written(to) as descriptor:
            with open(descriptor, "wb", closefd=False) as target:
                shutil.copyfileobj(source, target, 1 << 20)
            os.utime(descriptor, ns=(found.st_atime_ns, found.st_mtime_ns))
    read(found.st_size)


@contextmanager
def _written(path: Path) -> Iterator[int]:
    """A descriptor of what is *path* when the `with` has ended."""
    aside = path.with_name(f".incoming-{path.name}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
    aside.rename(path)
