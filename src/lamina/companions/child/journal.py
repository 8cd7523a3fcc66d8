"""The questions that changed something, in their order, on disk: docs/formats/companions-v1.md."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from lamina.companions.messages import Question
from lamina.companions.shortening import needless

# A body up to here stands in its line; a longer one is a file, named by its digest, however often it was sent.
_INLINE_BYTES_MAX: Final = 8 * 1024
_INCOMING: Final = ".incoming-"
# Fewer that could be left out are not worth writing all others again.
_WORTH_LINES: Final = 64
# Says who asked, and nothing that anybody needs again.
_SECRET: Final = frozenset(("x-amz-security-token",))


@dataclass(frozen=True, slots=True)
class Entry:
    """One question, when it was asked, and the seed of what was drawn for it."""

    at: float
    seed: str
    question: Question


class Journal:
    """In *folder*, which it makes, for one process at a time: another one waits until this one has ended."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bodies = folder / "bodies"
        self._bodies.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = _opened(folder / "lock")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        for begun in self._bodies.glob(f"{_INCOMING}*"):
            begun.unlink()
        self._path = folder / "journal"
        self._file = _opened(self._path)
        _sync(folder)

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._file)
        os.close(self._lock)

    def entries(self) -> Iterator[Entry]:
        """Everything that was appended, and synced; what a crash left of a last line is cut off."""
        whole = 0
        for line in self._lines():
            whole += len(line)
            yield self._read(json.loads(line))
        if whole < os.fstat(self._file).st_size:
            os.ftruncate(self._file, whole)
            os.fsync(self._file)

    def shorten(self, at_least: int = _WORTH_LINES) -> None:
        """Leave out what later questions undid, if that is *at_least* so many lines, and every body nobody names."""
        gone = needless(_without_body(json.loads(line)) for line in self._lines())
        if len(gone) < at_least:
            return
        aside = self._folder / f"{_INCOMING}journal"
        named = set()
        with aside.open("wb") as file:
            for place, line in enumerate(self._lines()):
                if place not in gone:
                    file.write(line)
                    named.add(json.loads(line)["sha256"])
            file.flush()
            os.fchmod(file.fileno(), 0o600)
            os.fsync(file.fileno())
        aside.rename(self._path)
        _sync(self._folder)
        os.close(self._file)
        self._file = _opened(self._path)
        for body in self._bodies.iterdir():
            if body.name not in named:
                body.unlink()

    def _lines(self) -> Iterator[bytes]:
        """Those that are whole."""
        with self._path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    return
                yield line

    def append(self, entry: Entry) -> None:
        """Keep *entry*; it is on the disk when this returns."""
        question = entry.question
        body = b"".join(question.body)
        inline = len(body) <= _INLINE_BYTES_MAX
        line = {
            "at": entry.at,
            "seed": entry.seed,
            "method": question.method,
            "target": question.target,
            "headers": [[name, value] for name, value in question.headers if name not in _SECRET],
            "body": base64.b64encode(body).decode() if inline else None,
            "sha256": None if inline else self._keep(body),
        }
        data = (json.dumps(line) + "\n").encode()
        end = os.fstat(self._file).st_size
        try:
            written = os.write(self._file, data)
            if written != len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written to {self._path}")
            os.fsync(self._file)
        except OSError:
            # Half a line before the next one would make that one unreadable as well.
            os.ftruncate(self._file, end)
            raise

    def _keep(self, body: bytes) -> str:
        digest = hashlib.sha256(body).hexdigest()
        path = self._bodies / digest
        if not path.exists():
            with tempfile.NamedTemporaryFile(dir=self._bodies, prefix=_INCOMING, delete=False) as file:
                file.write(body)
                file.flush()
                os.fsync(file.fileno())
            os.rename(file.name, path)
            _sync(self._bodies)
        return digest

    def _read(self, line: dict[str, Any]) -> Entry:
        digest = line["sha256"]
        body = base64.b64decode(line["body"]) if digest is None else (self._bodies / digest).read_bytes()
        headers = [(name, value) for name, value in line["headers"]]
        return Entry(line["at"], line["seed"], Question(line["method"], line["target"], headers, (body,)))


def _without_body(line: dict[str, Any]) -> Question:
    """The question of *line*, of whose body only a short one is read: no long one says what a question is about."""
    body = base64.b64decode(line["body"] or "")
    return Question(line["method"], line["target"], [(name, value) for name, value in line["headers"]], (body,))


def _opened(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
