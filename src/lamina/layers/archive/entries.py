"""What an archive holds, as values: the same for every reader, whatever made the archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What an entry becomes on disk. Nothing else is ever created."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file, folder or symbolic link, as it is to be created.

    *path* is relative, its components joined by single slashes, none of them empty, `.` or `..`.
    *mode* is nine permission bits. *mtime* is in seconds since 1970. *size* is in bytes, as declared: `chunks` and
    `content` hold the archive to it. The bytes stand at *data_offset*, *packed_size* of them.
    *target* is what a link points to, None for the rest.
    """

    path: str
    kind: Kind
    mode: int
    mtime: int
    size: int = 0
    packed_size: int = 0
    crc: int = 0
    deflated: bool = False
    data_offset: int = 0
    target: str | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """A whole archive. *entries* has every folder, also those that only names imply, and each before what is in it."""

    entries: tuple[Entry, ...]
    unzipped_bytes: int

    @property
    def folders(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind is Kind.FOLDER)

    @property
    def files(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind is Kind.FILE)

    @property
    def links(self) -> Iterator[Entry]:
        return (entry for entry in self.entries if entry.kind is Kind.LINK)
