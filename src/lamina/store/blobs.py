"""Blobs: bytes that are named by their SHA-256, kept in a folder or in any other store that obstore speaks to.

obstore writes aside and renames, but on a folder it syncs nothing, so after a power cut a name could lead to an empty
file; and it takes a blob only when all of it is there. With a folder we therefore deal ourselves: a blob is written
aside under `incoming/` as the bytes come, then the file is synced, made read-only and renamed, and its folder synced.
Stores that are not folders are atomic and durable by themselves: there a blob is put under its name at once.
docs/formats/blobs.md has the layout.
"""

from __future__ import annotations

import mmap
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from lamina.names import Digest
from lamina.store.errors import BlobDamaged, BlobMissing
from lamina.store.incoming import IncomingBytes, IncomingFile, Received
from lamina.store.syncing import sync_path

if TYPE_CHECKING:
    from lamina.store.objects import Objects

_PREFIX = "sha256"
_INCOMING = "incoming"
STREAM_CHUNK_BYTES = 1 << 20
# They hash, which takes a processor, and wait for the disk; none is there before it is needed.
_HELPERS = 2


class Incoming(Protocol):
    """A blob that is on its way. What is not finished, and kept then, leaves nothing."""

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes; from one thread at a time."""

    def finish(self) -> Received:
        """All of them, once there are no more."""


class Blobs(Protocol):
    """Bytes by digest. Every method may be called from any thread, and waits."""

    def incoming(self) -> Incoming:
        """A place for bytes whose name is not known yet."""

    def keep(self, received: Received) -> Digest:
        """Have what came in a place of this store survive a power cut from now on, under its name, as `put` does."""

    def put(self, data: bytes | memoryview) -> Digest:
        """The name of *data*, which survives a power cut from now on. Putting it again changes nothing."""

    def read(self, digest: Digest, *, verify: bool = False) -> bytes:
        """All of a blob. BlobMissing; with *verify* BlobDamaged when its bytes are no longer those of its name."""

    def view(self, digest: Digest, *, verify: bool = False) -> AbstractContextManager[memoryview]:
        """As `read`, without a copy where the store has the bytes at hand. Not to be kept beyond the `with`."""

    def stream(self, digest: Digest) -> Iterator[bytes]:
        """A blob in pieces of about a megabyte, for a download. BlobMissing at once, not at the first piece."""

    def size(self, digest: Digest) -> int:
        """Bytes in a blob. BlobMissing."""

    def delete(self, digest: Digest) -> None:
        """Remove a blob, if it is there."""

    def digests(self) -> Iterator[Digest]:
        """Every blob's name, in no order."""


class ObstoreBlobs:
    """Blobs in *folder*; where there is none, in a *store* of objects."""

    def __init__(self, store: Objects | None, folder: Path | None = None) -> None:
        self._store = store
        self._folder = folder
        self._helpers = ThreadPoolExecutor(_HELPERS, "blobs")

    @classmethod
    def open(cls, root: Path) -> ObstoreBlobs:
        """The blobs in the folder *root*, made if it is not there, cleared of what a killed process left half written.

        One process at a time may have it open: nobody else's unfinished blobs would be told from leftovers.
        """
        _make_folder(root)
        if (root / _INCOMING).is_dir():
            shutil.rmtree(root / _INCOMING)
        _make_folder(root / _INCOMING)
        _make_folder(root / _PREFIX)
        # All of them now: made on demand, each would have to be synced before the first blob in it is acknowledged.
        for shard in range(256):
            (root / _PREFIX / f"{shard:02x}").mkdir(mode=0o700, exist_ok=True)
        sync_path(root / _PREFIX)
        return cls(None, root)

    @classmethod
    def at(cls, root: Path) -> ObstoreBlobs:
        """The blobs in the folder *root* as they are: nothing is made, nothing cleared. For looking at them only."""
        return cls(None, root)

    @classmethod
    def in_memory(cls) -> ObstoreBlobs:
        # A server that has a folder needs none of it.
        from lamina.store.objects import Objects  # noqa: PLC0415

        return cls(Objects.in_memory())

    def incoming(self) -> Incoming:
        return IncomingBytes() if self._folder is None else IncomingFile(self._folder / _INCOMING, self._helpers)

    def keep(self, received: Received) -> Digest:
        try:
            digest = received.digest
            if self._folder is None:
                self._objects.put(_key(digest), received.data)
                return digest
            if not self._is_whole(digest):
                received.sync()
                received.move_to(self._folder / _key(digest))
            # Also for a blob that was there: whoever renamed it may have been killed, or be about to do this itself.
            sync_path(self._folder / _PREFIX / digest.hex[:2])
            return digest
        finally:
            received.drop()

    def put(self, data: bytes | memoryview) -> Digest:
        incoming = self.incoming()
        incoming.write(data)
        return self.keep(incoming.finish())

    def read(self, digest: Digest, *, verify: bool = False) -> bytes:
        with self.view(digest, verify=verify) as data:
            return bytes(data)

    @contextmanager
    def view(self, digest: Digest, *, verify: bool = False) -> Iterator[memoryview]:
        data = self._bytes(digest) if self._folder is None else _mapped(self._folder / _key(digest), digest)
        if verify and (found := Digest.of(data)) != digest:
            raise BlobDamaged(digest, found)
        yield data

    def stream(self, digest: Digest) -> Iterator[bytes]:
        try:
            if self._folder is None:
                return self._objects.stream(_key(digest), STREAM_CHUNK_BYTES)
            return _pieces((self._folder / _key(digest)).open("rb", buffering=0))
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    def size(self, digest: Digest) -> int:
        try:
            if self._folder is None:
                return self._objects.size(_key(digest))
            return (self._folder / _key(digest)).stat().st_size
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    def delete(self, digest: Digest) -> None:
        try:
            if self._folder is None:
                self._objects.delete(_key(digest))
            else:
                (self._folder / _key(digest)).unlink()
        except FileNotFoundError:
            pass

    def digests(self) -> Iterator[Digest]:
        if self._folder is not None:
            shards = self._folder / _PREFIX
            for shard in os.listdir(shards) if shards.is_dir() else ():
                yield from (Digest.from_hex(shard + name) for name in os.listdir(shards / shard))
            return
        for key in self._objects.keys(_PREFIX):
            yield Digest.from_hex(key.removeprefix(_PREFIX).replace("/", ""))

    def held(self) -> tuple[int, int]:
        """How many there are, and their bytes."""
        sizes = []
        for digest in self.digests():
            # One that is deleted meanwhile is held no more.
            with suppress(BlobMissing):
                sizes.append(self.size(digest))
        return len(sizes), sum(sizes)

    def _is_whole(self, digest: Digest) -> bool:
        """Whether the blob is there and sound: one that the disk has damaged is worth writing again."""
        try:
            with self.view(digest, verify=True):
                return True
        except (BlobMissing, BlobDamaged):
            return False

    def _bytes(self, digest: Digest) -> memoryview:
        try:
            return self._objects.get(_key(digest))
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    @property
    def _objects(self) -> Objects:
        assert self._store is not None, "there is one where there is no folder"
        return self._store


def _make_folder(path: Path) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
        sync_path(path.parent)


def _key(digest: Digest) -> str:
    return f"{_PREFIX}/{digest.hex[:2]}/{digest.hex[2:]}"


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
