"""Reading an archive's directory under every rule, without inflating its files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from lamina.layers.archive.attributes import kind_and_mode, modified_at
from lamina.layers.archive.directory import Record, data_offset, find_directory, records
from lamina.layers.archive.entries import Archive, Entry, Kind
from lamina.layers.archive.errors import ArchiveEmpty, ArchiveTooLarge, ArchiveUnreadable, refused
from lamina.layers.archive.inflate import content
from lamina.layers.archive.layout import Layout
from lamina.layers.archive.links import TARGET_BYTES_MAX, TARGETS_BYTES_MAX, check_target
from lamina.layers.archive.names import decode_name, parse_name
from lamina.layers.sizes import UNZIPPED_BYTES_MAX

if TYPE_CHECKING:
    import mmap


def inspect(data: bytes | bytearray | memoryview | mmap.mmap, *, allowed_bytes: int = UNZIPPED_BYTES_MAX) -> Archive:
    """What the archive *data* holds; an ArchiveError when it may not be unpacked.

    The sum of the sizes that the directory declares must not pass *allowed_bytes* (`layers.sizes`). Of the bytes
    themselves only the targets of links are inflated: `verify` and `chunks` hold the rest to what is declared.
    """
    view = memoryview(data)
    directory = find_directory(view)
    layout = Layout()
    spans: list[tuple[int, int, bytes]] = []
    unzipped_bytes = 0
    for record in records(view, directory):
        offset = data_offset(view, directory, record)
        spans.append((record.header_offset, offset + record.packed_size, record.raw_name))
        unzipped_bytes += record.size
        if unzipped_bytes > allowed_bytes:
            raise ArchiveTooLarge(allowed_bytes)
        entry = _entry(record, offset)
        if entry is not None:
            layout.add(entry)
    if not directory.count:
        raise ArchiveEmpty
    _check_apart(spans)
    laid_out = layout.entries
    if sum(entry.size for entry in laid_out if entry.kind is Kind.LINK) > TARGETS_BYTES_MAX:
        raise ArchiveUnreadable(f"the targets of its links are longer than {TARGETS_BYTES_MAX} bytes together")
    # Only now that no bytes are shared is reading them bounded by the size of the archive.
    entries = tuple(_with_target(view, entry) if entry.kind is Kind.LINK else entry for entry in laid_out)
    for entry in entries:
        if entry.kind is Kind.LINK:
            check_target(entry, layout.is_folder)
    return Archive(entries, unzipped_bytes)


def _entry(record: Record, offset: int) -> Entry | None:
    """The entry as it will be created; None for the root itself, whose mode is not the archive's to choose."""
    name = decode_name(record.raw_name, record.flags, record.extra)
    path, spelled_as_folder = parse_name(name)
    kind, mode = kind_and_mode(record, spelled_as_folder=spelled_as_folder)
    if kind is Kind.FOLDER and record.size:
        raise refused(name, "it is a folder with content")
    if kind is Kind.LINK and record.size > TARGET_BYTES_MAX:
        raise refused(name, f"it is a link whose target is longer than {TARGET_BYTES_MAX} bytes")
    if not record.deflated and record.packed_size != record.size:
        raise refused(name, "it is stored, and its two sizes differ")
    if not path:
        return None
    return Entry(
        path, kind, mode, modified_at(record), record.size, record.packed_size, record.crc, record.deflated, offset
    )


def _check_apart(spans: Sequence[tuple[int, int, bytes]]) -> None:
    """Refuse entries that share bytes: the same megabyte quoted a thousand times is a bomb that needs no nesting."""
    end = 0
    for start, following, raw_name in sorted(spans):
        if start < end:
            raise refused(raw_name, "it overlaps another entry")
        end = following


def _with_target(data: memoryview, link: Entry) -> Entry:
    # The kernel takes any bytes as a target; what is not UTF-8 passes through the file system's own escapes.
    return replace(link, target=content(data, link).decode("utf-8", "surrogateescape"))
