"""Archives: what `inspect` lets through must be safe to unpack, and mean what other readers think it means.

The first byte says whether the rest is an archive as it stands or what one is written from, field by field: of random
bytes the parser would never see more than the end of central directory.
"""

from __future__ import annotations

import io
import stat
import warnings
import zipfile

from fuzz.source import Source
from lamina.layers import archive
from lamina.layers.archive import Archive, ArchiveError, Entry, Kind
from tests.support import zips
from tests.support.zips import Item

_ALLOWED_BYTES = 1 << 20
_NAMES = (
    *(b"a", b"a/b", b"a/b/c", b"A", b"a/", b"./a", b"a//b", b"../a", b"/a", b"a/../b", b"a\\b", b"python/x.py"),
    *("\u00e9".encode(), "e\u0301".encode(), b"\xff\xfe", b"\x82", b"c:/a", b"a\0b", b"", b".", b"..", b"a" * 256),
)
_TARGETS = (b"b", b"../a", b"../../a", b"/opt/a", b"/var/task/a", b"/etc/passwd", b"/opt/../etc", b"a/../..", b"", b".")
_MODES = tuple(
    kind | mode
    for kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR, stat.S_IFSOCK, 0)
    for mode in (0o644, 0o7777, 0)
)


def seeds() -> list[bytes]:
    """An honest archive as it stands, and descriptions of some."""
    honest = zips.archive(
        zips.folder("python/"), Item("python/a.py", b"A = 1\n" * 50), zips.link("python/b.py", "a.py"), zip64=False
    )
    large = zips.archive(Item("lib/c.so", b"c" * 3000, zip64=True, descriptor=True), zip64=True, comment=b"c")
    leading_out = zips.archive(zips.link("a/b", "../../c"))
    lying = zips.archive(Item("a", b"a" * 9, size=20))
    return [
        *(b"\0" + written for written in (honest, large, leading_out, lying)),
        b"\1" + bytes(range(64)),
        b"\1" + b"\x03\x01\x02" * 40,
    ]


def check(data: bytes) -> None:
    """Raises AssertionError, or what should not have been raised."""
    source = Source(data)
    written = source.rest() if source.number(1) % 2 == 0 else _written(source)
    try:
        found = archive.inspect(written, allowed_bytes=_ALLOWED_BYTES)
    except ArchiveError:
        return
    _is_safe(found)
    try:
        archive.verify(written, found)
    except ArchiveError:
        return
    view = memoryview(written)
    contents = {entry.path: b"".join(bytes(chunk) for chunk in archive.chunks(view, entry)) for entry in found.files}
    for entry in found.files:
        assert len(contents[entry.path]) == entry.size
    _means_the_same(written, contents)


def _is_safe(found: Archive) -> None:
    kinds: dict[str, Kind] = {}
    size = 0
    for entry in found.entries:
        components = entry.path.split("/")
        assert entry.path, "the root is not an entry"
        assert not {"", ".", ".."} & set(components), entry
        assert "\0" not in entry.path, entry
        assert entry.path not in kinds, f"{entry.path} is there twice"
        assert 0 <= entry.mode <= 0o777, entry
        parent = entry.path.rpartition("/")[0]
        assert not parent or kinds.get(parent) is Kind.FOLDER, f"{entry.path} lies in no folder"
        kinds[entry.path] = entry.kind
        size += entry.size
    assert size <= _ALLOWED_BYTES
    for link in found.links:
        _stays_inside(link)


def _stays_inside(link: Entry) -> None:
    """Followed component by component from where it lies, it never climbs above the root of the tree."""
    target = link.target
    assert target, link
    depth = link.path.count("/")
    if target.startswith("/"):
        inside = [part for part in target.split("/") if part not in ("", ".")]
        place = 1 if inside[:1] == ["opt"] else 2
        assert inside[:place] in (["opt"], ["var", "task"]), link
        depth, target = 0, "/".join(inside[place:])
    for component in target.split("/"):
        depth += {"..": -1, ".": 0, "": 0}.get(component, 1)
        assert depth >= 0, link


def _means_the_same(written: bytes, contents: dict[str, bytes]) -> None:
    """Where Python's own reader takes the archive as well, a file of one name has the same bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with zipfile.ZipFile(io.BytesIO(written)) as theirs:
                names = [info for info in theirs.infolist() if info.filename in contents]
                read = {info.filename: theirs.read(info) for info in names if info.file_size <= _ALLOWED_BYTES}
        except Exception:  # noqa: BLE001  # It raises whatever its parsing runs into.
            return
    for name, content in read.items():
        assert contents[name] == content, f"{name} has other bytes for zipfile"


def _written(source: Source) -> bytes:
    items = [_item(source) for _ in range(source.number(1) % 5)]
    lies = _lies(source, count=2, directory_size=4, directory_offset=4, disk=2)
    return zips.archive(
        *items,
        prefix=source.some() if source.chance(8) else b"",
        comment=source.some() if source.chance(8) else b"",
        trailing=source.some() if source.chance(16) else b"",
        directory_tail=source.some() if source.chance(16) else b"",
        zip64=source.chance(8),
        reversed_directory=source.chance(8),
        **lies,
    )


def _item(source: Source) -> Item:
    mode = source.choose(_MODES)
    name = source.choose(_NAMES) if source.chance(2) else source.some()
    is_target = stat.S_ISLNK(mode) and source.chance(2)
    content = source.choose(_TARGETS) if is_target else source.some() * source.choose((1, 9))
    lies = _lies(source, size=4, packed_size=4, crc=4, offset=4, flags=2, local_flags=2, disk=2)
    return Item(
        name,
        content,
        method=source.choose((zips.DEFLATED, zips.STORED, zips.DEFLATED, source.number(1))),
        mode=mode,
        system=source.choose((zips.UNIX, zips.DOS, zips.MACOS, source.number(1))),
        packed=source.some() if source.chance(16) else None,
        extra=source.some() if source.chance(8) else b"",
        local_extra=source.some() if source.chance(8) else b"",
        local_name=source.some() if source.chance(16) else None,
        descriptor=source.chance(8),
        zip64=source.chance(8),
        **lies,  # type: ignore[arg-type]  # numbers
    )


def _lies(source: Source, **sizes: int) -> dict[str, int]:
    """Fields that are not what they should be, each now and then: small numbers more often than others."""
    return {
        name: source.number(1) if source.chance(2) else source.number(size)
        for name, size in sizes.items()
        if source.chance(16)
    }
