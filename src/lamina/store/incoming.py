"""Bytes on their way into the store: written down and hashed piece by piece as they come, named when they are whole."""

from __future__ import annotations

import hashlib
import mmap
import os
import uuid
from pathlib import Path

from lamina.names import Digest
from lamina.store.syncing import begin_to_sync, sync_path

# The disk is told to begin with what has come, so that in the end there is little left to wait for.
_AHEAD_BYTES = 4 << 20
# Less than this is not worth a word to it.
_AHEAD_BYTES_MIN = 128 << 10


class Received:
    """Bytes that have come and are nobody's yet: `Blobs.keep` gives them their name, else they go with this object."""

    def __init__(self, digest: Digest, data: memoryview, path: Path | None = None) -> None:
        self.digest = digest
        self.data = data
        self._path = path
        self._synced = path is None

    def __len__(self) -> int:
        return len(self.data)

    def __del__(self) -> None:
        self.drop()

    def sync(self) -> None:
        """Wait until the bytes, not their name, would survive a power cut."""
        if not self._synced and self._path is not None:
            sync_path(self._path)
            self._synced = True

    def move_to(self, path: Path) -> None:
        """Have the synced bytes under *path*, on the same file system, whatever was there."""
        assert self._synced, "a name must not be more durable than its bytes"
        assert self._path is not None, "what is in memory is not moved"
        os.chmod(self._path, 0o400)
        os.rename(self._path, path)
        self._path = None

    def drop(self) -> None:
        """Take away what was not kept."""
        path, self._path = self._path, None
        if path is not None:
            path.unlink(missing_ok=True)


class IncomingFile:
    """A file of *folder* that grows. Used by one thread at a time; what is not finished goes with this object."""

    def __init__(self, folder: Path) -> None:
        self._path: Path | None = None
        self._descriptor = -1
        path = folder / uuid.uuid4().hex
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        self._path = path
        self._sha256 = hashlib.sha256()
        self._size = self._begun = 0

    def __del__(self) -> None:
        self._close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes. Raises OSError."""
        rest = memoryview(data)
        self._size += len(rest)
        # Not on a thread of its own: to hand pieces over to one takes half as much again as to hash them.
        self._sha256.update(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        if self._size - self._begun >= _AHEAD_BYTES:
            self._begin_to_sync()

    def finish(self) -> Received:
        """All of it. Nothing more is written."""
        assert self._path is not None, "finished before"
        if self._size - self._begun >= _AHEAD_BYTES_MIN:
            # While it is being looked at.
            self._begin_to_sync()
        # An empty file cannot be mapped.
        data = memoryview(mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) if self._size else b"")
        self._close()
        path, self._path = self._path, None
        return Received(Digest(self._sha256.hexdigest()), data, path)

    def _begin_to_sync(self) -> None:
        begin_to_sync(self._descriptor, self._begun, self._size - self._begun)
        self._begun = self._size

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)


class IncomingBytes:
    """The same in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        self._data += data

    def finish(self) -> Received:
        return Received(Digest.of(self._data), memoryview(self._data).toreadonly())
