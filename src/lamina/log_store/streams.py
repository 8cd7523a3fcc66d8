"""The streams of a group that were created or deleted by name: one file, a line for each (docs/formats/logs.md)."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from lamina.log_store import layout
from lamina.log_store.whole import write_all

CREATED_MAX: Final = 50_000
# A colon, which no stream has in its name, says that the line is whole.
_LINE: Final = re.compile(r"\+(\d{1,15}) (.+):|-(\d{1,15}) (\d{1,15}):(\d{1,15}) (.+):")
# Lines beyond twice those that meant something at the last look, before the file is written anew.
_STALE_MAX: Final = 1000

# Segment and offset in it.
Place = tuple[int, int]


class Streams:
    """One group's. Safe to use from any thread; raises FileNotFoundError where the group is gone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / layout.STREAMS
        self._lock = threading.Lock()
        self._lines = 0
        self._lines_max = _STALE_MAX
        self._created: dict[str, int] = {}
        self._deleted: dict[str, tuple[int, Place]] = {}
        self._load()

    @property
    def created(self) -> Mapping[str, int]:
        """Name -> when it was created, in milliseconds since 1970."""
        with self._lock:
            return dict(self._created)

    @property
    def deleted(self) -> Mapping[str, Place]:
        """Name -> where the events begin that count again, if there are any."""
        with self._lock:
            return {name: place for name, (_, place) in self._deleted.items()}

    def create(self, name: str, ms: int) -> None:
        with self._lock:
            self._append(f"+{ms} {name}:")
            self._created[name] = ms

    def delete(self, name: str, ms: int, end: Place) -> None:
        """Forget *name* and its events before *end*."""
        with self._lock:
            self._append(f"-{ms} {end[0]}:{end[1]} {name}:")
            self._created.pop(name, None)
            self._deleted[name] = (ms, end)

    def _load(self) -> None:
        try:
            # Not as text: a carriage return may be part of a name.
            text = self._file.read_bytes().decode(errors="replace")
        except FileNotFoundError:
            return
        for line in text.split("\n"):
            match = _LINE.fullmatch(line)
            if match is None:
                continue
            self._lines += 1
            created_ms, created, deleted_ms, number, offset, deleted = match.groups()
            if created is not None:
                self._created[created] = int(created_ms)
            else:
                self._created.pop(deleted, None)
                self._deleted[deleted] = (int(deleted_ms), (int(number), int(offset)))

    def _append(self, line: str) -> None:
        if self._lines > self._lines_max:
            self._rewrite()
        _write(self._file, os.O_APPEND, f"\n{line}\n")
        self._lines += 1

    def _rewrite(self) -> None:
        oldest = min(layout.segment_numbers(self._folder), default=0)
        self._deleted = {name: held for name, held in self._deleted.items() if held[1][0] >= oldest}
        lines = [f"\n-{ms} {place[0]}:{place[1]} {name}:\n" for name, (ms, place) in self._deleted.items()]
        lines += [f"\n+{ms} {name}:\n" for name, ms in self._created.items()]
        aside = self._file.with_suffix(".new")
        _write(aside, os.O_TRUNC, "".join(lines))
        aside.rename(self._file)
        self._lines, self._lines_max = len(lines), 2 * len(lines) + _STALE_MAX


def _write(file: Path, how: int, text: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    try:
        write_all(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
