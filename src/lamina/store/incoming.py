"""Bytes on their way into the store: written down and hashed piece by piece as they come, named when they are whole."""

from __future__ import annotations

import hashlib
import mmap
import os
import uuid
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

from lamina.names import Digest
from lamina.store.syncing import begin_to_sync, sync_path

if TYPE_CHECKING:
    from hashlib import _Hash

# The disk is told to begin with what has come, so that in the end there is little left to wait for.
_AHEAD_BYTES: Final = 4 << 20
# Of more than this the digest is made while it comes; of less in the end, beside what else is done with it then.
_HASHED_LAST_BYTES_MAX: Final = 2 << 20
# Less than this is hashed and synced sooner than a helper has begun to.
_SETTLED_ALONE_BYTES_MAX: Final = 128 << 10


class Settling:
    """Bytes on their way to their digest and to the disk: by *helpers* or, where none has begun, by whoever waits."""

    def __init__(self, helpers: Executor, settle: Callable[[], Digest]) -> None:
        self._settle = settle
        self._helped = helpers.submit(settle)

    def wait(self) -> Digest:
        """The digest of what would survive a power cut now. Asked for once. Raises OSError."""
        return self._settle() if self._helped.cancel() else self._helped.result()


class Received:
    """Bytes that have come and are nobody's yet: `Blobs.keep` gives them their name, else they go with this object."""

    def __init__(self, digest: Digest | Settling, data: memoryview, path: Path | None = None) -> None:
        self._digest = digest
        self.data = data
        self._path = path
        self._synced = path is None

    def __len__(self) -> int:
        return len(self.data)

    def __del__(self) -> None:
        self.drop()

    @property
    def digest(self) -> Digest:
        """The bytes' name; may wait until they are synced. Raises OSError."""
        return self._settled()

    def sync(self) -> None:
        """Wait until the bytes, not their name, would survive a power cut."""
        self._settled()
        if not self._synced and self._path is not None:
            sync_path(self._path)
            self._synced = True

    def move_to(self, path: Path) -> None:
        """Have the synced bytes under *path*, on the same file system, whatever was there."""
        assert self._synced, "a name must not be more durable than its bytes"
        assert self._path is not None, "what is in memory is not moved"
        os.rename(self._path, path)
        self._path = None

    def drop(self) -> None:
        """Take away what was not kept."""
        path, self._path = self._path, None
        if path is not None:
            path.unlink(missing_ok=True)

    def _settled(self) -> Digest:
        if isinstance(self._digest, Settling):
            self._digest = self._digest.wait()
            self._synced = True
        return self._digest


class IncomingFile:
    """A file of *folder* that grows. Used by one thread at a time; what is not finished goes with this object."""

    def __init__(self, folder: Path, helpers: Executor) -> None:
        self._path: Path | None = None
        self._descriptor = -1
        self._helpers = helpers
        path = folder / uuid.uuid4().hex
        # Nobody who opens it later may write to it.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o400)
        self._path = path
        self._sha256 = hashlib.sha256()
        self._size = self._hashed = self._begun = 0

    def __del__(self) -> None:
        self._close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def write(self, data: bytes | memoryview) -> None:
        """The next bytes. Raises OSError."""
        rest = memoryview(data)
        self._size += len(rest)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        if self._size > _HASHED_LAST_BYTES_MAX:
            # Not on a thread of its own: to hand pieces over to one takes half as much again as to hash them.
            self._sha256.update(data if self._hashed else self._mapped())
            self._hashed = self._size
        if self._size - self._begun >= _AHEAD_BYTES:
            begin_to_sync(self._descriptor, self._begun, self._size - self._begun)
            self._begun = self._size

    def finish(self) -> Received:
        """All of it. Nothing more is written."""
        assert self._path is not None, "finished before"
        data = self._mapped()
        self._close()
        path, self._path = self._path, None
        if self._size <= _SETTLED_ALONE_BYTES_MAX:
            return Received(Digest.of(data), data, path)
        settle = partial(_settle, path, self._sha256, data[self._hashed :])
        return Received(Settling(self._helpers, settle), data, path)

    def _mapped(self) -> memoryview:
        """What was written so far."""
        # An empty file cannot be mapped.
        return memoryview(mmap.mmap(self._descriptor, 0, access=mmap.ACCESS_READ) if self._size else b"")

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor != -1:
            os.close(descriptor)


def _settle(path: Path, sha256: _Hash, rest: memoryview) -> Digest:
    """The digest of a file that is synced then, once the *rest* of its bytes is in it."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        # The disk works while the processor does.
        begin_to_sync(descriptor, 0, 0)
        sha256.update(rest)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return Digest(sha256.hexdigest())


class IncomingBytes:
    """The same in memory."""

    def __init__(self) -> None:
        self._data = bytearray()

    def write(self, data: bytes | memoryview) -> None:
        self._data += data

    def finish(self) -> Received:
        return Received(Digest.of(self._data), memoryview(self._data).toreadonly())
