"""Zip archives of which every byte follows from what is in them.

Entries are sorted by name, all of one time, with one of two modes (0644, 0755) or as a link, and nothing is said of who
made them or where. They are deflated by a library of fixed version and not by the zlib that the machine happens to
have, whose output differs from one distribution to the next (docs/decisions/0016-the-bytes-of-a-built-layer.md).
"""

from __future__ import annotations

import stat
import struct
import zlib
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO, Final

from deflate import deflate_compress

from lamina.workshop.building.pieces import Piece
from lamina.workshop.errors import WorkshopError

# Above it takes twice the time for one part in two hundred.
_LEVEL: Final = 8
# The format's first moment: 1980-01-01 00:00:00.
_TIME: Final = 0
_DATE: Final = 1 << 5 | 1
_STORED, _DEFLATED = 0, 8
_UNIX: Final = 3
_NAMES_ARE_UTF8: Final = 1 << 11
_VERSION: Final = 20
_LOCAL_HEADER: Final = struct.Struct("<4s5H3L2H")
_DIRECTORY_RECORD: Final = struct.Struct("<4s4B4H3L5H2L")
_END: Final = struct.Struct("<4s4H2LH")
_ZIP64_END: Final = struct.Struct("<4sQ2H2L4Q")
_ZIP64_LOCATOR: Final = struct.Struct("<4sLQL")
_COUNT_MAX: Final = 0xFFFF
# Files are given to threads in runs of so many: most are small, and handing one over costs more than deflating it.
_RUN: Final = 64
_BYTES_MAX: Final = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Packed:
    """A piece as an archive holds it. `size` is that of its content, in bytes."""

    piece: Piece
    size: int
    crc: int
    method: int
    data: bytes

    @property
    def zipped_bytes(self) -> int:
        """What the archive grows by: the data, and the two headers with the name."""
        name_bytes = len(self.piece.path.encode("utf-8", "surrogateescape"))
        return len(self.data) + _LOCAL_HEADER.size + _DIRECTORY_RECORD.size + 2 * name_bytes


def pack(pieces: Iterable[Piece], threads: int = 2) -> list[Packed]:
    """*pieces* deflated, in the order of an archive. Raises WorkshopError for two of one path."""
    ordered = sorted(pieces, key=lambda piece: piece.path.encode("utf-8", "surrogateescape"))
    for one, other in pairwise(ordered):
        if one.path == other.path:
            raise WorkshopError(f"two files want to be {one.path}: of {one.package} and of {other.package}")
    runs = [ordered[start : start + _RUN] for start in range(0, len(ordered), _RUN)]
    with ThreadPoolExecutor(threads) as pool:
        return [item for run in pool.map(lambda run: [_pack(piece) for piece in run], runs) for item in run]


def write(packed: Sequence[Packed], file: BinaryIO) -> None:
    """Write the archive of *packed*, which `pack` gave, or some of it in the same order."""
    records = bytearray()
    offset = 0
    for item in packed:
        name = item.piece.path.encode("utf-8", "surrogateescape")
        flags = 0 if name.isascii() else _NAMES_ARE_UTF8
        common = (flags, item.method, _TIME, _DATE, item.crc, len(item.data), item.size, len(name), 0)
        if offset + len(item.data) > _BYTES_MAX:
            raise WorkshopError("an archive of more than 4 GiB is no layer")
        file.write(_LOCAL_HEADER.pack(b"PK\x03\x04", _VERSION, *common) + name)
        file.write(item.data)
        made_by = (_VERSION, _UNIX, _VERSION, 0)
        records += _DIRECTORY_RECORD.pack(b"PK\x01\x02", *made_by, *common, 0, 0, 0, _mode(item.piece) << 16, offset)
        records += name
        offset += _LOCAL_HEADER.size + len(name) + len(item.data)
    file.write(records)
    count = len(packed)
    if count >= _COUNT_MAX:
        file.write(_ZIP64_END.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(records), offset))
        file.write(_ZIP64_LOCATOR.pack(b"PK\x06\x07", 0, offset + len(records), 1))
        count = _COUNT_MAX
    file.write(_END.pack(b"PK\x05\x06", 0, 0, count, count, len(records), offset, 0))


def overhead_bytes(count: int) -> int:
    """What an archive of *count* entries has beside them."""
    return _END.size + (_ZIP64_END.size + _ZIP64_LOCATOR.size if count >= _COUNT_MAX else 0)


def _pack(piece: Piece) -> Packed:
    content = piece.read()
    deflated = deflate_compress(content, _LEVEL) if content and piece.target is None else content
    smaller = len(deflated) < len(content)
    data, method = (bytes(deflated), _DEFLATED) if smaller else (content, _STORED)
    return Packed(piece, len(content), zlib.crc32(content), method, data)


def _mode(piece: Piece) -> int:
    if piece.target is not None:
        return stat.S_IFLNK | 0o777
    return stat.S_IFREG | (0o755 if piece.executable else 0o644)
