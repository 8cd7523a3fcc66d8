"""Byte-code of the Python sources in trees, in trees of its own that are laid over them.

An archive is kept as it was uploaded, so what an interpreter would compile at every cold start stands beside it: for
each interpreter a folder of `__pycache__` files, unchecked-hash ones, since a tree never changes. It is written aside
and renamed, so under its final name it is whole. Like trees it is a cache. docs/formats/trees.md has the layout.
"""

from __future__ import annotations

import os
import shutil
import stat
import threading
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from lamina.names import Digest
from lamina.store.syncing import sync_filesystem

FOLDER: Final = ".bytecode"
CACHE: Final = "__pycache__"
_INCOMING: Final = ".incoming"
# What nobody imports in a function is not worth the time: half of the sources of numpy and pandas.
_LEFT_OUT: Final = frozenset(("test", "tests"))
# Of a file of byte-code, PEP 552: the flags behind its magic number.
_UNCHECKED: Final = (1).to_bytes(4, "little")


@dataclass(frozen=True, slots=True)
class Source:
    """A file an interpreter may import: its path in the tree, its size in bytes, and whether it is to be compiled.

    What is not, is a link or a test; it gets an empty file, which interpreters skip: without it they would take the
    byte-code of a lower layer's file of the same path for its own.
    """

    path: str
    size: int
    compiled: bool

    def cached(self, tag: str) -> str:
        """The path of its byte-code for the interpreter *tag* ("cpython-312")."""
        folder, _, name = self.path.rpartition("/")
        return f"{folder}/{CACHE}/{_cached(name, tag)}".removeprefix("/")


class ByteCode:
    """The byte-code of the trees in *trees* ("…/trees/v1"), for all threads of the one process that has it open."""

    def __init__(self, trees: Path) -> None:
        self._trees = trees
        self._root = trees / FOLDER
        self._lock = threading.Lock()
        self._found: set[tuple[Digest, str]] = set()

    @classmethod
    def open(cls, trees: Path) -> ByteCode:
        """The byte-code that was made before; what was left unfinished is cleared away."""
        code = cls(trees)
        code._root.mkdir(mode=0o755, exist_ok=True)
        code._root.chmod(0o755)
        incoming = code._root / _INCOMING
        incoming.mkdir(mode=0o700, exist_ok=True)
        for leftover in incoming.iterdir():
            shutil.rmtree(leftover)
        return code

    def find(self, digest: Digest, tag: str) -> str | None:
        """The folder to lay over the tree, as a path below that of all trees; None while there is none.

        Looks at the disk only for what it has not seen yet.
        """
        if (digest, tag) not in self._found:
            if not self._folder(digest, tag).is_dir():
                return None
            self._found.add((digest, tag))
        return f"{FOLDER}/{digest.hex}/{tag}"

    def sources(self, digest: Digest, tag: str) -> list[Source]:
        """What the interpreter *tag* could import of the tree, in the order of its folders. Walks the tree."""
        return list(_sources(self._trees / digest.hex, tag))

    def reusable(self, digest: Digest, sources: Iterable[Source], like: Digest, tag: str) -> dict[str, Path]:
        """Which of *sources* are the very files of the tree *like*, by path, and where their byte-code for *tag* is.

        Trees share files that are equal. Nothing else is shared: whoever could make the compiler of one layer lie
        must not reach another's.
        """
        if self.find(like, tag) is None:
            return {}
        found = {}
        for source in sources:
            made = self._folder(like, tag) / source.cached(tag)
            if source.compiled and self._same(digest, like, source.path) and made.is_file():
                found[source.path] = made
        return found

    def begin(self, digest: Digest, tag: str) -> Writing:
        """A place to put the byte-code of the tree's sources."""
        return Writing(self, digest, tag, self._trees / digest.hex, self._root / _INCOMING / uuid.uuid4().hex)

    def delete(self, digest: Digest) -> None:
        """Remove all byte-code of the tree. Nobody may have it mounted."""
        doomed = self._root / _INCOMING / uuid.uuid4().hex
        with self._lock:
            self._found = {key for key in self._found if key[0] != digest}
            try:
                (self._root / digest.hex).rename(doomed)
            except FileNotFoundError:
                return
        shutil.rmtree(doomed)

    def digests(self) -> Iterator[Digest]:
        """The digests of all trees with byte-code, in no order."""
        return (Digest.from_hex(name) for name in os.listdir(self._root) if not name.startswith("."))

    def _folder(self, digest: Digest, tag: str) -> Path:
        return self._root / digest.hex / tag

    def _same(self, digest: Digest, like: Digest, path: str) -> bool:
        try:
            return os.path.samestat(os.lstat(self._trees / digest.hex / path), os.lstat(self._trees / like.hex / path))
        except OSError:
            return False

    def _finish(self, writing: Writing) -> None:
        folder = self._folder(writing.digest, writing.tag)
        with self._lock:
            folder.parent.mkdir(mode=0o755, exist_ok=True)
            folder.parent.chmod(0o755)
            try:
                writing.aside.rename(folder)
            except OSError:
                # Made by somebody else meanwhile, which is as good.
                if not folder.is_dir():
                    raise
                shutil.rmtree(writing.aside)


class Writing:
    """Byte-code that is being put together; nothing of it is used before `finish`."""

    def __init__(self, store: ByteCode, digest: Digest, tag: str, tree: Path, aside: Path) -> None:
        self.digest, self.tag, self.aside = digest, tag, aside
        self._store = store
        self._tree = tree
        aside.mkdir(mode=0o755)
        aside.chmod(0o755)

    def put(self, source: Source, compiled: bytes) -> None:
        """Add the byte-code of *source*; empty where it cannot be compiled."""
        path = self._place(source)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(compiled)
            os.fchmod(descriptor, 0o644)

    def link(self, source: Source, made: Path) -> None:
        """Add byte-code that stands elsewhere in the store."""
        try:
            os.link(made, self._place(source))
        except OSError:
            self.put(source, made.read_bytes())

    def finish(self) -> None:
        """Have it used from now on. OSError when the disk is full."""
        # A file that a power cut shortens would fail every import of its module.
        sync_filesystem(self.aside)
        # Folders of both trees are merged, and what is on top says their modes and times.
        for folder, _, _ in os.walk(self.aside, topdown=False):
            below = self._tree / Path(folder).relative_to(self.aside)
            if below.is_dir():
                found = below.stat()
                os.chmod(folder, stat.S_IMODE(found.st_mode))
                os.utime(folder, ns=(found.st_atime_ns, found.st_mtime_ns))
            else:
                os.chmod(folder, 0o755)
        self._store._finish(self)  # noqa: SLF001 - the two are one

    def abandon(self) -> None:
        """Forget it."""
        shutil.rmtree(self.aside)

    def _place(self, source: Source) -> Path:
        path = self.aside / source.cached(self.tag)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _sources(tree: Path, tag: str) -> Iterator[Source]:
    # Links to folders are not followed: what is behind them is reached, and compiled, under its own path.
    for folder, folders, files in os.walk(tree):
        folders.sort()
        shipped = os.path.join(folder, CACHE)
        if CACHE in folders:
            folders.remove(CACHE)
        elif os.path.lexists(shipped):
            continue  # a file of that name, which is not ours to hide
        if os.path.islink(shipped):
            continue
        below = os.path.relpath(folder, tree)
        parts = [] if below == "." else below.split("/")
        for name in sorted(files):
            if name.endswith(".py") and not _brings_its_own(os.path.join(shipped, _cached(name, tag))):
                found = os.lstat(os.path.join(folder, name))
                compiled = stat.S_ISREG(found.st_mode) and _LEFT_OUT.isdisjoint(parts)
                yield Source("/".join([*parts, name]), found.st_size, compiled)


def _cached(name: str, tag: str) -> str:
    return f"{name.removesuffix('.py')}.{tag}.pyc"


def _brings_its_own(path: str) -> bool:
    """Whether the publisher's byte-code is used whatever the source says, so that it must be here, too."""
    try:
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
            return file.read(8)[4:] == _UNCHECKED
    except FileNotFoundError:
        return False
    except OSError:
        return True  # a folder, or a link: nothing that may be hidden
