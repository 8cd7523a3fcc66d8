"""Zip archives written byte by byte, so that each field can lie."""

from __future__ import annotations

import stat
import struct
import zlib
from dataclasses import dataclass, field

UNIX, DOS, MACOS = 3, 0, 19
STORED, DEFLATED = 0, 8
NOON = ((12 << 11), ((2024 - 1980) << 9) | (5 << 5) | 17)  # 2024-05-17 12:00:00
NOON_UTC = 1715947200


@dataclass(frozen=True)
class Item:
    """One entry; what is None is computed honestly from *content*.

    *local_sizes* are the local header's checksum, packed and unpacked size.
    """

    name: bytes | str
    content: bytes = b""
    method: int = DEFLATED
    mode: int = stat.S_IFREG | 0o644
    system: int = UNIX
    flags: int = 0
    size: int | None = None
    packed_size: int | None = None
    crc: int | None = None
    packed: bytes | None = None
    extra: bytes = b""
    local_extra: bytes = b""
    local_name: bytes | None = None
    local_flags: int | None = None
    local_method: int | None = None
    local_sizes: tuple[int, int, int] | None = None
    local_signature: bytes = b"PK\x03\x04"
    offset: int | None = None
    disk: int = 0
    time: tuple[int, int] = NOON
    descriptor: bool = False
    zip64: bool = False
    record_signature: bytes = b"PK\x01\x02"

    @property
    def raw_name(self) -> bytes:
        return self.name.encode() if isinstance(self.name, str) else self.name

    @property
    def packed_bytes(self) -> bytes:
        if self.packed is not None:
            return self.packed
        return deflate(self.content) if self.method == DEFLATED else self.content


def folder(name: str, mode: int = 0o755, **more: object) -> Item:
    return Item(name, method=STORED, mode=stat.S_IFDIR | mode, **more)  # type: ignore[arg-type]  # Item checks


def link(name: str, target: str | bytes, **more: object) -> Item:
    content = target.encode() if isinstance(target, str) else target
    return Item(name, content, method=STORED, mode=stat.S_IFLNK | 0o777, **more)  # type: ignore[arg-type]  # as above


def deflate(content: bytes) -> bytes:
    deflater = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    return deflater.compress(content) + deflater.flush()


@dataclass
class _Written:
    body: bytearray = field(default_factory=bytearray)
    records: list[bytes] = field(default_factory=list)


def archive(
    *items: Item,
    prefix: bytes = b"",
    comment: bytes = b"",
    count: int | None = None,
    disk: int = 0,
    directory_size: int | None = None,
    directory_offset: int | None = None,
    directory_tail: bytes = b"",
    zip64: bool = False,
    trailing: bytes = b"",
    reversed_directory: bool = False,
) -> bytes:
    """The archive of *items*; offsets do not know of *prefix*, as in a stub put before an archive."""
    written = _Written()
    for item in items:
        _write(written, item)
    directory = b"".join(reversed(written.records) if reversed_directory else written.records) + directory_tail
    offset = len(written.body) if directory_offset is None else directory_offset
    size = len(directory) if directory_size is None else directory_size
    entries = len(items) if count is None else count
    end = b""
    if zip64:
        where = len(written.body) + len(directory)
        end = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, disk, disk, entries, entries, size, offset)
        end += struct.pack("<4sLQL", b"PK\x06\x07", 0, where, 1)
        entries, size, offset = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    end += struct.pack("<4s4H2LH", b"PK\x05\x06", disk, disk, entries, entries, size, offset, len(comment))
    return prefix + bytes(written.body) + directory + end + comment + trailing


def _write(written: _Written, item: Item) -> None:
    packed = item.packed_bytes
    size = len(item.content) if item.size is None else item.size
    packed_size = len(packed) if item.packed_size is None else item.packed_size
    crc = zlib.crc32(item.content) if item.crc is None else item.crc
    offset = len(written.body) if item.offset is None else item.offset
    flags = item.flags | (8 if item.descriptor else 0)
    local_flags = flags if item.local_flags is None else item.local_flags
    local_name = item.raw_name if item.local_name is None else item.local_name
    sizes = (0, 0, 0) if item.descriptor else (crc, min(packed_size, 0xFFFFFFFF), min(size, 0xFFFFFFFF))
    sizes = sizes if item.local_sizes is None else item.local_sizes
    local_method = item.method if item.local_method is None else item.local_method
    written.body += struct.pack(
        "<4s5H3L2H", item.local_signature, 20, local_flags, local_method, *item.time, *sizes,
        len(local_name), len(item.local_extra),
    )  # fmt: skip
    written.body += local_name + item.local_extra + packed
    if item.descriptor:
        written.body += struct.pack("<4s3L", b"PK\x07\x08", crc, len(packed), len(item.content))
    extra, disk = item.extra, item.disk
    if item.zip64:
        extra += struct.pack("<2H3Q", 1, 24, size, packed_size, offset)
        size = packed_size = offset = 0xFFFFFFFF
    record = struct.pack(
        "<4s4B4HL2L5H2L", item.record_signature, 20, item.system, 20, 0, flags, item.method, *item.time, crc,
        packed_size, size, len(item.raw_name), len(extra), 0, disk, 0, item.mode << 16, offset,
    )  # fmt: skip
    written.records.append(record + item.raw_name + extra)


def unicode_path(raw: bytes, name: str) -> bytes:
    """Info-ZIP's extra field with the name in UTF-8."""
    value = b"\x01" + struct.pack("<L", zlib.crc32(raw)) + name.encode()
    return struct.pack("<2H", 0x7075, len(value)) + value


def timestamp(mtime: int) -> bytes:
    """The extended timestamp extra field, with the modification time alone."""
    return struct.pack("<2HBl", 0x5455, 5, 1, mtime)


def of(contents: dict[str, bytes]) -> bytes:
    """An ordinary archive of *contents*."""
    return archive(*(Item(name, content) for name, content in contents.items()))
