"""The central directory: where it is, and its records one after the other, read straight from the buffer.

Numbers that would cost memory or time are compared with what the buffer can hold before anything is built from them,
so a directory that promises millions of entries is refused by its first few bytes.
Field names and layouts are those of PKWARE's APPNOTE, sections 4.3.7 to 4.3.16 and 4.5.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from struct import Struct

from lamina.layers.archive.errors import ArchiveUnreadable, refused

# A quarter of a gigabyte in entries of 2 KB each: more than any layer that unzips within AWS's limit has been seen to
# hold, and about 50 MB of memory here.
ENTRIES_MAX = 131_072

_END = Struct("<4s4H2LH")
_END_SIGNATURE = b"PK\x05\x06"
_COMMENT_MAX = 0xFFFF
_LOCATOR64 = Struct("<4sLQL")
_LOCATOR64_SIGNATURE = b"PK\x06\x07"
_END64 = Struct("<4sQ2H2L4Q")
_END64_SIGNATURE = b"PK\x06\x06"
_RECORD = Struct("<4s4B4HL2L5H2L")
_RECORD_SIGNATURE = b"PK\x01\x02"
_LOCAL = Struct("<4s5H3L2H")
_LOCAL_SIGNATURE = b"PK\x03\x04"

_SATURATED16 = 0xFFFF
_SATURATED32 = 0xFFFFFFFF
# What the fields of the end record hold that stand in the one of zip64.
_SATURATED_END = (*(_SATURATED16,) * 4, *(_SATURATED32,) * 2)
_EXTRA_ZIP64 = 0x0001
# Archivers write a handful. Millions of empty ones would take seconds each time they are read.
_EXTRA_FIELDS_MAX = 32

FLAG_ENCRYPTED = 0x0001
_FLAG_DESCRIPTOR = 0x0008
_FLAGS_REFUSED = FLAG_ENCRYPTED | 0x0020 | 0x0040 | 0x2000  # encrypted, patched, strongly encrypted, masked
_METHODS = {0: False, 8: True}


@dataclass(frozen=True, slots=True)
class Directory:
    """Where the records are: *count* of them in data[start:end]; *shift* bytes stand before the archive proper."""

    start: int
    end: int
    count: int
    shift: int


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the central directory, offsets and sizes resolved, everything else as it stands."""

    raw_name: bytes
    extra: bytes
    flags: int
    system: int
    attributes: int
    dos_time: int
    dos_date: int
    crc: int
    size: int
    packed_size: int
    deflated: bool
    header_offset: int


def find_directory(data: memoryview) -> Directory:
    """The directory of the archive that ends closest to the end of *data*.

    A comment may follow it, and anything may precede it (a self-extracting stub): `zipfile`, Info-ZIP and Java accept
    both. ArchiveUnreadable when there is none, when it continues on another disk, and when it lies in the comment of
    another archive: Java counts comments to the end of the file and would read that one.
    """
    found: Directory | None = None
    found_at = 0
    for at in _ends(data):
        # The four bytes may also stand in a comment: only a record that leads to a directory counts.
        if found is None:
            found, found_at = _directory(data, at), at
        elif at + _END.size + _comment_size(data, at) > found_at and _directory(data, at) is not None:
            raise ArchiveUnreadable("one archive in the comment of another")
    if found is None:
        raise ArchiveUnreadable("no end of central directory record that leads to a directory")
    return found


def _ends(data: memoryview) -> Iterator[int]:
    """Where the end record may stand, from the last such place to the first."""
    window = max(0, len(data) - _END.size - _COMMENT_MAX)
    tail = bytes(data[window:])
    at = len(tail)
    while (at := tail.rfind(_END_SIGNATURE, 0, at + len(_END_SIGNATURE) - 1)) >= 0:
        if at + _END.size <= len(tail):
            yield window + at


def _comment_size(data: memoryview, at: int) -> int:
    size: int = _END.unpack_from(data, at)[-1]
    return size


def _directory(data: memoryview, at: int) -> Directory | None:
    _, disk, start_disk, count_here, count, size, offset, comment_size = _END.unpack_from(data, at)
    if at + _END.size + comment_size > len(data):
        return None
    end = at
    fields = disk, start_disk, count_here, count, size, offset
    found = _end64(data, at)
    if found is not None:
        end, *resolved = found
        # Some readers always take those of zip64, others only what had no room.
        if any(
            given not in {saturated, meant}
            for given, saturated, meant in zip(fields, _SATURATED_END, resolved, strict=True)
        ):
            raise ArchiveUnreadable("its two end records do not agree")
        disk, start_disk, count_here, count, size, offset = resolved
    start = end - size
    shift = start - offset
    if start < 0 or shift < 0 or size < count * _RECORD.size:
        return None
    if count and data[start : start + 4] != _RECORD_SIGNATURE:
        return None
    if disk or start_disk or count_here != count:
        raise ArchiveUnreadable("the archive spans several disks")
    if count > ENTRIES_MAX:
        raise ArchiveUnreadable(f"{count} entries are more than {ENTRIES_MAX}")
    return Directory(start, end, count, shift)


def _end64(data: memoryview, at: int) -> tuple[int, int, int, int, int, int, int] | None:
    """Position, disks, counts, size and offset from the zip64 record that belongs to the end record at *at*."""
    locator = at - _LOCATOR64.size
    if locator < _END64.size or data[locator : locator + 4] != _LOCATOR64_SIGNATURE:
        return None
    _, _, position, _ = _LOCATOR64.unpack_from(data, locator)
    # Bytes put before the archive make the written position too small; the record then stands right before its locator.
    candidates = [
        candidate
        for candidate in sorted({position, locator - _END64.size})
        if candidate + _END64.size <= locator and data[candidate : candidate + 4] == _END64_SIGNATURE
    ]
    if not candidates:
        return None
    if len(candidates) > 1:
        raise ArchiveUnreadable("two zip64 end records, and readers would take one or the other")
    _, _, _, _, disk, start_disk, count_here, count, size, offset = _END64.unpack_from(data, candidates[0])
    return candidates[0], disk, start_disk, count_here, count, size, offset


def records(data: memoryview, directory: Directory) -> Iterator[Record]:
    """Every record in order, each checked by itself: signature, bounds, method, encryption, disk."""
    at = directory.start
    for _ in range(directory.count):
        if at + _RECORD.size > directory.end:
            raise ArchiveUnreadable("the central directory ends within a record")
        (
            signature, _, system, _, _, flags, method, dos_time, dos_date, crc, packed_size, size,
            name_size, extra_size, comment_size, disk, _, attributes, offset,
        ) = _RECORD.unpack_from(data, at)  # fmt: skip
        name_at = at + _RECORD.size
        extra_at = name_at + name_size
        at = extra_at + extra_size + comment_size
        if signature != _RECORD_SIGNATURE or at > directory.end:
            raise ArchiveUnreadable("the central directory has something else where a record should be")
        raw_name = bytes(data[name_at:extra_at])
        extra = bytes(data[extra_at : extra_at + extra_size])
        if flags & _FLAGS_REFUSED:
            raise refused(raw_name, "encrypted or patched")
        if method not in _METHODS:
            raise refused(raw_name, f"compression method {method} is neither stored nor deflated")
        if _SATURATED32 in {size, packed_size, offset} or disk == _SATURATED16:
            size, packed_size, offset, disk = _resolve64(raw_name, extra, size, packed_size, offset, disk)
        if disk:
            raise refused(raw_name, "stands on another disk")
        yield Record(
            raw_name, extra, flags, system, attributes >> 16, dos_time, dos_date, crc, size, packed_size,
            _METHODS[method], directory.shift + offset,
        )  # fmt: skip
    if at != directory.end:
        raise ArchiveUnreadable("the central directory is longer than its records")


def _resolve64(
    raw_name: bytes, extra: bytes, size: int, packed_size: int, offset: int, disk: int
) -> tuple[int, int, int, int]:
    """The fields that the record could not hold, from the zip64 extra field, which has only those, in this order."""
    field = extra_fields(extra).get(_EXTRA_ZIP64, b"")

    def resolve(value: int, saturated: int, width: int) -> int:
        nonlocal field
        if value != saturated:
            return value
        if len(field) < width:
            raise refused(raw_name, "its zip64 field is missing or too short")
        resolved, field = int.from_bytes(field[:width], "little"), field[width:]
        return resolved

    return (
        resolve(size, _SATURATED32, 8),
        resolve(packed_size, _SATURATED32, 8),
        resolve(offset, _SATURATED32, 8),
        resolve(disk, _SATURATED16, 4),
    )


def extra_fields(extra: bytes) -> dict[int, bytes]:
    """Extra fields by their id, the first of each; ArchiveUnreadable when they are very many.

    A torn end is dropped: aligners pad with zero bytes.
    """
    found: dict[int, bytes] = {}
    at = count = 0
    meant = len(extra.rstrip(b"\0"))
    while at < meant and at + 4 <= len(extra):
        count += 1
        if count > _EXTRA_FIELDS_MAX:
            raise ArchiveUnreadable(f"an entry with more than {_EXTRA_FIELDS_MAX} extra fields")
        identity = int.from_bytes(extra[at : at + 2], "little")
        end = at + 4 + int.from_bytes(extra[at + 2 : at + 4], "little")
        if end > len(extra):
            break
        found.setdefault(identity, extra[at + 4 : end])
        at = end
    return found


def data_offset(data: memoryview, directory: Directory, record: Record) -> int:
    """Where the bytes of *record* begin, which only its local header tells.

    A local header that says something else is refused, of the name, the method, the sizes or the checksum: tools that
    read archives front to back would see another archive. Writers that stream leave the numbers zero, or to a
    descriptor behind the bytes, and zip64 has them elsewhere. `chunks` holds the bytes themselves to what the central
    directory declares.
    """
    at = record.header_offset
    if at + _LOCAL.size > directory.start:
        raise refused(record.raw_name, "its local header is not before the central directory")
    local: tuple[bytes, int, int, int, int, int, int, int, int, int, int] = _LOCAL.unpack_from(data, at)
    signature, _, flags, method, _, _, crc, packed_size, size, name_size, extra_size = local
    name_at = at + _LOCAL.size
    start = name_at + name_size + extra_size
    if signature != _LOCAL_SIGNATURE:
        raise refused(record.raw_name, "there is no local header where the directory says")
    if data[name_at : name_at + name_size] != record.raw_name:
        raise refused(record.raw_name, "its local header has another name")
    if flags & FLAG_ENCRYPTED:
        raise refused(record.raw_name, "encrypted")
    if _METHODS.get(method) is not record.deflated:
        raise refused(record.raw_name, "its local header has another method")
    if (crc, packed_size, size) != (record.crc, record.packed_size, record.size):
        _check_stated(record, flags, (crc, packed_size, size))
    if start + record.packed_size > directory.start:
        raise refused(record.raw_name, "its bytes run into the central directory")
    return start


def _check_stated(record: Record, flags: int, stated: tuple[int, int, int]) -> None:
    """Refuse *stated*, a local header's checksum and sizes, unless a number that is not the directory's is left out."""
    if flags & _FLAG_DESCRIPTOR or not any(stated):
        return
    meant = record.crc, record.packed_size, record.size
    if any(number not in {_SATURATED32, right} for number, right in zip(stated, meant, strict=True)):
        raise refused(record.raw_name, "its local header has other sizes or another checksum")
