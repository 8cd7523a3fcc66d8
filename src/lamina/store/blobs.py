"""Blobs: bytes that are named by their SHA-256, wherever they are kept."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from typing import Final, Protocol

from lamina.names import Digest
from lamina.store.errors import BlobMissing
from lamina.store.incoming import Received

PREFIX: Final = "sha256"
STREAM_CHUNK_BYTES: Final = 1 << 20


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
        incoming = self.incoming()
        incoming.write(data)
        return self.keep(incoming.finish())

    def read(self, digest: Digest, *, verify: bool = False) -> bytes:
        """All of a blob. BlobMissing; with *verify* BlobDamaged when its bytes are no longer those of its name."""
        with self.view(digest, verify=verify) as data:
            return bytes(data)

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

    def held(self) -> tuple[int, int]:
        """How many there are, and their bytes."""
        sizes = []
        for digest in self.digests():
            # One that is deleted meanwhile is held no more.
            with suppress(BlobMissing):
                sizes.append(self.size(digest))
        return len(sizes), sum(sizes)


def key(digest: Digest) -> str:
    """Where a blob is: 256 folders, or what stands for folders, share all of them."""
    return f"{PREFIX}/{digest.hex[:2]}/{digest.hex[2:]}"
