"""Modes and times of entries: what of them counts, and what stands in where the archive says nothing."""

from __future__ import annotations

import calendar
import stat

from lamina.layers.archive.directory import Record, extra_fields
from lamina.layers.archive.entries import Kind
from lamina.layers.archive.errors import refused

FOLDER_MODE = 0o755
_FILE_MODE = 0o644
_LINK_MODE = 0o777
# Only archives made under Unix and macOS carry permissions; AWS takes no others, so a script from Windows is not
# executable there either.
SYSTEMS_WITH_MODES = frozenset({3, 19})
_KINDS = {0: Kind.FILE, stat.S_IFREG: Kind.FILE, stat.S_IFDIR: Kind.FOLDER, stat.S_IFLNK: Kind.LINK}
_EXTRA_TIMESTAMP = 0x5455
_TIMESTAMP_HAS_MTIME = 1


def kind_and_mode(record: Record, *, spelled_as_folder: bool) -> tuple[Kind, int]:
    """What the entry is, and its permissions on disk.

    As the archive has them, but for this: what its owner may read or execute, everybody may. On AWS a file of mode 0600
    is unreadable to the function; here the function of an ordinary user's server runs as the files' owner, who can
    read it, and one archive must not work for root and fail for others, or the other way round. Set-user-id,
    set-group-id and sticky bits are dropped, and write permission for anyone but the owner, since trees are shared and
    nobody may change them. The owner can always read, and enter folders, or nothing could be removed again.
    """
    if record.system not in SYSTEMS_WITH_MODES:
        return (Kind.FOLDER, FOLDER_MODE) if spelled_as_folder else (Kind.FILE, _FILE_MODE)
    kind = _KINDS.get(stat.S_IFMT(record.attributes))
    if kind is None:
        raise refused(record.raw_name, "it is a device, a pipe or a socket")
    if kind is Kind.LINK:
        if spelled_as_folder:
            raise refused(record.raw_name, "it is a link with the name of a folder")
        return kind, _LINK_MODE
    if spelled_as_folder or kind is Kind.FOLDER:
        return Kind.FOLDER, _for_everybody(record.attributes & 0o755 | 0o700)
    return kind, _for_everybody(record.attributes & 0o755 | 0o400)


def _for_everybody(mode: int) -> int:
    owner = mode >> 6 & 0o5
    return mode | owner << 3 | owner


def modified_at(record: Record) -> int:
    """Seconds since 1970. The extended timestamp when there is one: the format's own time has no zone (read as UTC
    here, so that an archive gives the same tree on every machine) and is even.
    """
    if record.extra:
        field = extra_fields(record.extra).get(_EXTRA_TIMESTAMP, b"")
        if len(field) >= 5 and field[0] & _TIMESTAMP_HAS_MTIME:
            return int.from_bytes(field[1:5], "little", signed=True)
    date, time = record.dos_date, record.dos_time
    # Deterministic builders write zeros, which is month 0 and day 0: the first of January.
    year, month, day = 1980 + (date >> 9), min(max(date >> 5 & 15, 1), 12), max(date & 31, 1)
    return calendar.timegm((year, month, day, time >> 11, time >> 5 & 63, (time & 31) * 2))
