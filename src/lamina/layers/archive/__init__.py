"""Uploaded zip archives: what is in them, and whether they may be unpacked at all. Pure: a buffer in, a value out.

    archive = inspect(data)            # every rule that the directory and the links' targets can break
    verify(data, archive)              # every byte inflated, counted and compared with its checksum
    for chunk in chunks(data, entry):  # the same checks, for who wants the bytes

This is the only zip reader in Lamina, so there is no second one to disagree with about which of two directories
counts, what a name means or where an entry's bytes are. The standard library's `zipfile` is not used: it builds about
1 KB of objects per entry before anybody can say no, believes the sizes it reads, extracts duplicates over each other
and turns links into text files.

Where AWS's behaviour is known it is followed: names with backslashes keep them (archives of old Windows tools come out
flat there too), permissions are kept when the archive was made under Unix, `Uploaded file must be a non-empty zip`
answers an archive without entries. Where it is not known, an archive that does something no honest tool does is
refused; docs/formats/trees.md lists the rules.
"""

from __future__ import annotations

from lamina.layers.archive.entries import Archive, Entry, Kind
from lamina.layers.archive.errors import (
    ArchiveEmpty,
    ArchiveError,
    ArchiveTooLarge,
    ArchiveUnreadable,
    LinkLeadsOut,
)
from lamina.layers.archive.given import given_modes
from lamina.layers.archive.inflate import chunks, content, verify
from lamina.layers.archive.inspection import inspect

__all__ = [
    "Archive",
    "ArchiveEmpty",
    "ArchiveError",
    "ArchiveTooLarge",
    "ArchiveUnreadable",
    "Entry",
    "Kind",
    "LinkLeadsOut",
    "chunks",
    "content",
    "given_modes",
    "inspect",
    "verify",
]
