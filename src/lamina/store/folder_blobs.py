"""Blobs in a folder, each under its name from the moment on at which all of it is on the disk.

A blob is written aside under `incoming/` as the bytes come; then the file is synced and renamed, and its folder synced,
so that after a power cut no name leads to half a file. docs/formats/blobs.md has the layout.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import Final

from lamina.names import Digest
from lamina.store.blobs import PREFIX, STREAM_CHUNK_BYTES, Blobs, Incoming, key
from lamina.store.errors import BlobDamaged, BlobMissing
from lamina.store.incoming import IncomingFile, Received
from lamina.store.syncing import sync_path

_INCOMING: Final = "incoming"
# They hash, which takes a processor, and wait for the disk; none is there before it is needed.
_HELPERS: Final = 2


class FolderBlobs(Blobs):
    """What the folder *root* holds."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._helpers = ThreadPoolExecutor(_HELPERS, "blobs")

    @classmethod
    def open(cls, root: Path) -> FolderBlobs:
        """The blobs in the folder *root*, made if it is not there, cleared of what a killed process left half written.

        One process at a time may have it open: nobody else's unfinished blobs would be told from leftovers.
        """
        _make_folder(root)
        if (root / _INCOMING).is_dir():
            shutil.rmtree(root / _INCOMING)
        _make_folder(root / _INCOMING)
        _make_folder(root / PREFIX)
        # All of them now: made on demand, each would have to be synced before the first blob in it is acknowledged.
        for shard in range(256):
            (root / PREFIX / f"{shard:02x}").mkdir(mode=0o700, exist_ok=True)
        sync_path(root / PREFIX)
        return cls(root)

    @classmethod
    def at(cls, root: Path) -> FolderBlobs:
        """The blobs in the folder *root* as they are: nothing is made, nothing cleared. For looking at them only."""
        return cls(root)

    def incoming(self) -> Incoming:
        return IncomingFile(self._root / _INCOMING, self._helpers)

    def keep(self, received: Received) -> Digest:
        try:
            digest = received.digest
            if not self._is_whole(digest):
                received.sync()
                received.move_to(self._root / key(digest))
            # Also for a blob that was there: whoever renamed it may have been killed, or be about to do this itself.
            sync_path(self._root / PREFIX / digest.hex[:2])
            return digest
        finally:
            received.drop()

    @contextmanager
    def view(self, digest: Digest, *, verify: bool = False) -> Iterator[memoryview]:
        data = _mapped(self._root / key(digest), digest)
        if verify and (found := Digest.of(data)) != digest:
            raise BlobDamaged(digest, found)
        yield data

    def stream(self, digest: Digest) -> Iterator[bytes]:
        try:
            return _pieces((self._root / key(digest)).open("rb", buffering=0))
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    def size(self, digest: Digest) -> int:
        try:
            return (self._root / key(digest)).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    def delete(self, digest: Digest) -> None:
        with suppress(FileNotFoundError):
            (self._root / key(digest)).unlink()

    def digests(self) -> Iterator[Digest]:
        shards = self._root / PREFIX
        for shard in os.listdir(shards) if shards.is_dir() else ():
            yield from (Digest.from_hex(shard + name) for name in os.listdir(shards / shard))

    def _is_whole(self, digest: Digest) -> bool:
        """Whether the blob is there and sound: one that the disk has damaged is worth writing again."""
        try:
            with self.view(digest, verify=True):
                return True
        except (BlobMissing, BlobDamaged):
            return False


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
        sync_path(path.parent)


def _pieces(file: FileIO) -> Iterator[bytes]:
    with file:
        while piece := file.read(STREAM_CHUNK_BYTES):
            yield piece


def _mapped(path: Path, digest: Digest) -> memoryview:
    """The file's bytes without reading them; the mapping goes when the last view of it does."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError as error:
        raise BlobMissing(digest) from error
    try:
        # An empty file cannot be mapped.
        if os.fstat(descriptor).st_size == 0:
            return memoryview(b"")
        return memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ))
    finally:
        os.close(descriptor)
