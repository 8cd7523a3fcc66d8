"""What is kept of log groups besides their events: their settings, and the streams created and deleted by name."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lamina.log_store import layout
from lamina.log_store.streams import Streams
from lamina.log_store.whole import write_all
from lamina.logs.names import LogGroupArn
from lamina.names import Scope

_CACHED_MAX = 16_384


class GroupExists(Exception):
    """There is a group of this name already."""


class GroupMissing(Exception):
    """There is no group of this name."""


@dataclass(frozen=True, slots=True)
class LogGroup:
    """A group's settings. Times are milliseconds since 1970; without `retention_days` events do not expire."""

    name: str
    created_ms: int
    retention_days: int | None = None
    group_class: str = "STANDARD"
    deletion_protected: bool = False
    tags: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> bytes:
        return json.dumps(
            {
                "name": self.name,
                "creationTime": self.created_ms,
                "retentionInDays": self.retention_days,
                "logGroupClass": self.group_class,
                "tags": dict(self.tags),
                "deletionProtected": self.deletion_protected,
            }
        ).encode()

    @classmethod
    def from_json(cls, text: bytes) -> LogGroup:
        kept: dict[str, Any] = json.loads(text)
        return cls(
            kept["name"],
            kept["creationTime"],
            kept["retentionInDays"],
            kept["logGroupClass"],
            kept["deletionProtected"],
            kept["tags"],
        )


class LogGroups:
    """The groups below *root*. Safe to use from any thread; one process at a time has the folder."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._lock = threading.Lock()
        self._known: dict[Path, tuple[tuple[int, int], LogGroup]] = {}
        self._streams: dict[Path, Streams] = {}

    def sweep(self) -> None:
        """Clear away what a server that was killed left half made or half deleted."""
        for region in filter(Path.is_dir, self._root.glob("*/*")):
            # Names alone: there may be tens of thousands, and the server is waited for.
            for name in os.listdir(region):
                if name.startswith(layout.ASIDE):
                    shutil.rmtree(region / name, ignore_errors=True)

    def folder(self, group: LogGroupArn) -> Path:
        return layout.group_folder(self._root, group)

    def create(self, arn: LogGroupArn, group: LogGroup, *, sync: bool = True) -> None:
        """Keep *group*; raises GroupExists. Without *sync* it may be lost with the machine's power."""
        folder = self.folder(arn)
        aside = folder.parent / f"{layout.ASIDE[0]}{secrets.token_hex(8)}"
        aside.mkdir(parents=True, mode=0o700)
        try:
            _write(aside / layout.RECORD, group.to_json(), sync=sync)
            # Never empty, so that no rename replaces it.
            aside.rename(folder)
        except OSError as error:
            shutil.rmtree(aside, ignore_errors=True)
            if folder.exists():
                raise GroupExists(arn.name) from error
            raise
        if sync:
            _sync(folder.parent)

    def find(self, arn: LogGroupArn) -> LogGroup:
        """The group; raises GroupMissing."""
        found = self._load(self.folder(arn))
        if found is None:
            raise GroupMissing(arn.name)
        return found

    def all(self, scope: Scope) -> list[LogGroup]:
        """Every group of *scope*, by name."""
        found = (self._load(folder) for folder in self._folders(self._root / scope.account / scope.region))
        return sorted((group for group in found if group is not None), key=lambda group: group.name)

    def everywhere(self) -> Iterator[tuple[Path, LogGroup]]:
        """Every group of every account and region, with its folder. None of them is remembered."""
        for region in self._root.glob("*/*"):
            for folder in self._folders(region):
                try:
                    yield folder, LogGroup.from_json((folder / layout.RECORD).read_bytes())
                except (FileNotFoundError, NotADirectoryError):
                    continue

    def change(self, arn: LogGroupArn, how: Callable[[LogGroup], LogGroup]) -> None:
        """Keep what *how* makes of the group; raises GroupMissing, and whatever *how* raises."""
        with self._lock:
            folder = self.folder(arn)
            aside = folder / f"{layout.RECORD}.new"
            changed = how(self.find(arn))
            _write(aside, changed.to_json(), sync=True)
            aside.rename(folder / layout.RECORD)
            _sync(folder)

    def delete(self, arn: LogGroupArn) -> None:
        """Remove the group with all its events; raises GroupMissing."""
        folder = self.folder(arn)
        aside = folder.parent / f"{layout.ASIDE[1]}{secrets.token_hex(8)}"
        with self._lock:
            self._known.pop(folder, None)
            self._streams.pop(folder, None)
            try:
                folder.rename(aside)
            except FileNotFoundError:
                raise GroupMissing(arn.name) from None
        _sync(folder.parent)
        shutil.rmtree(aside, ignore_errors=True)

    def streams(self, arn: LogGroupArn) -> Streams:
        """The group's streams that were created or deleted by name."""
        folder = self.folder(arn)
        with self._lock:
            held = self._streams.get(folder)
            if held is None:
                if len(self._streams) >= 256:
                    self._streams.clear()
                held = self._streams[folder] = Streams(folder)
            return held

    def _folders(self, region: Path) -> list[Path]:
        try:
            return [path for path in region.iterdir() if not path.name.startswith(".")]
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _load(self, folder: Path) -> LogGroup | None:
        record = folder / layout.RECORD
        try:
            status = record.stat()
            stamp = (status.st_ino, status.st_mtime_ns)
            known = self._known.get(folder)
            if known is not None and known[0] == stamp:
                return known[1]
            group = LogGroup.from_json(record.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        if len(self._known) >= _CACHED_MAX:
            self._known.clear()
        self._known[folder] = (stamp, group)
        return group


def new_group(name: str) -> LogGroup:
    """A group as it comes into being by itself, when something is first written to it."""
    return LogGroup(name, time.time_ns() // 1_000_000)


def _write(path: Path, data: bytes, *, sync: bool) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        write_all(descriptor, data)
        if sync:
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
