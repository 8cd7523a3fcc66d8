"""Permissions as an archive states them, for tools that tell what unpacking would make of them."""

from __future__ import annotations

import stat
from typing import TYPE_CHECKING

from lamina.layers.archive.attributes import SYSTEMS_WITH_MODES
from lamina.layers.archive.directory import find_directory, records
from lamina.layers.archive.names import decode_name, parse_name

if TYPE_CHECKING:
    import mmap


def given_modes(data: bytes | bytearray | memoryview | mmap.mmap) -> dict[str, int]:
    """The twelve mode bits of every path in the directory of *data* that states any; an ArchiveError as by `inspect`.

    Folders that only names imply, and all entries of an archive that was not made under Unix or macOS, state none.
    """
    view = memoryview(data)
    return {
        parse_name(decode_name(record.raw_name, record.flags, record.extra))[0]: stat.S_IMODE(record.attributes)
        for record in records(view, find_directory(view))
        if record.system in SYSTEMS_WITH_MODES
    }
