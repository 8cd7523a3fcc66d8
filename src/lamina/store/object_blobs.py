"""Blobs in a store of objects, of those that obstore speaks to: memory for tests, later an S3 bucket.

Such stores are atomic and durable by themselves: a blob comes under its name at once, with all of its bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

import obstore
from obstore.store import MemoryStore, ObjectStore

from lamina.names import Digest
from lamina.store.blobs import PREFIX, STREAM_CHUNK_BYTES, Blobs, Incoming, key
from lamina.store.errors import BlobDamaged, BlobMissing
from lamina.store.incoming import IncomingBytes, Received


class ObjectBlobs(Blobs):
    """What *store* holds."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def in_memory(cls) -> ObjectBlobs:
        """None yet, and gone with this process."""
        return cls(MemoryStore())

    def incoming(self) -> Incoming:
        return IncomingBytes()

    def keep(self, received: Received) -> Digest:
        try:
            digest = received.digest
            obstore.put(self._store, key(digest), received.data)
            return digest
        finally:
            received.drop()

    @contextmanager
    def view(self, digest: Digest, *, verify: bool = False) -> Iterator[memoryview]:
        data = memoryview(self._found(digest).bytes())
        if verify and (found := Digest.of(data)) != digest:
            raise BlobDamaged(digest, found)
        yield data

    def stream(self, digest: Digest) -> Iterator[bytes]:
        return (bytes(piece) for piece in self._found(digest).stream(STREAM_CHUNK_BYTES))

    def size(self, digest: Digest) -> int:
        try:
            return obstore.head(self._store, key(digest))["size"]
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error

    def delete(self, digest: Digest) -> None:
        with suppress(FileNotFoundError):
            obstore.delete(self._store, key(digest))

    def digests(self) -> Iterator[Digest]:
        for page in obstore.list(self._store, PREFIX):
            for found in page:
                yield Digest.from_hex(found["path"].removeprefix(PREFIX).replace("/", ""))

    def _found(self, digest: Digest) -> obstore.GetResult:
        try:
            return obstore.get(self._store, key(digest))
        except FileNotFoundError as error:
            raise BlobMissing(digest) from error
