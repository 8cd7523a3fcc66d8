"""Archives, stores and looks at folders, for tests of trees."""

from __future__ import annotations

import os
import re
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lamina.names import Digest
from lamina.store import Blobs
from tests.support.zips import DOS, STORED, Item, archive, folder, link, timestamp

LAYER = archive(
    folder("python/", 0o700),
    Item("python/a.py", b"print()", mode=stat.S_IFREG | 0o644),
    Item("python/deep/er/b.py", b"b", mode=stat.S_IFREG | 0o400),
    Item("bin/tool", b"#!/bin/sh\n", mode=stat.S_IFREG | 0o4777, extra=timestamp(1_600_000_001)),
    Item("lib/libjq.so.1.0.4", os.urandom(5_000_000), method=STORED),
    link("lib/libjq.so.1", "libjq.so.1.0.4"),
    Item("dos.txt", b"d", system=DOS),
    Item("日本", b"n", flags=0x800),
    folder("empty"),
)


def listing(root: Path) -> dict[str, tuple[str, int, int]]:
    """Every path below *root*: type, permissions, time."""
    found = {}
    for path in root.rglob("*"):
        status = path.lstat()
        kind = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}[stat.S_IFMT(status.st_mode)]
        found[str(path.relative_to(root))] = kind, stat.S_IMODE(status.st_mode), int(status.st_mtime)
    return found


STANDING = re.compile(r"trees|trees/v1|trees/v1/\.(incoming|doomed|files)|trees/v1/\.files/[0-9a-f]{2}")


def leftovers(root: Path) -> list[str]:
    """All names below *root* but the folders that trees always have."""
    names = (str(path.relative_to(root)) for path in root.rglob("*"))
    return [name for name in names if not STANDING.fullmatch(name)]


class OneBlob:
    """A store of one blob, without obstore's threads, which a fork would leave behind."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @contextmanager
    def view(self, digest: Digest, *, verify: bool = False) -> Iterator[memoryview]:
        assert digest == Digest.of(self._data)
        yield memoryview(self._data)

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a tree needs no {name}")


class CountingBlobs:
    """Blobs that count their readers, and keep the first of each waiting until told."""

    def __init__(self, blobs: Blobs) -> None:
        self._blobs = blobs
        self.go = threading.Event()
        self.waiting = threading.Semaphore(0)
        self.readers = 0

    @contextmanager
    def view(self, digest: Digest, *, verify: bool = False) -> Iterator[memoryview]:
        self.readers += 1
        self.waiting.release()
        assert self.go.wait(30)
        with self._blobs.view(digest, verify=verify) as data:
            yield data

    def __getattr__(self, name: str) -> Any:
        return getattr(self._blobs, name)
