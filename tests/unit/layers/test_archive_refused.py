"""Archives that are refused, each with the reason. The hostile ones first, the damaged ones after."""

from __future__ import annotations

import stat
import struct
import tracemalloc
import zlib

import pytest

from lamina.layers.archive import ArchiveEmpty, ArchiveError, ArchiveTooLarge, ArchiveUnreadable, inspect, verify
from tests.support.zips import DEFLATED, DOS, STORED, Item, archive, deflate, folder, link, of, unicode_path

UTF8 = 0x0800
HUGE = 262_144_001
FILE = Item("a", b"hello")


def read(data: bytes) -> None:
    verify(data, inspect(data))


HOSTILE = {
    # Names that lead out.
    "parent": (archive(Item("../a")), "component '..'"),
    "parent in the middle": (archive(Item("a/../../b")), "component '..'"),
    "parent that stays inside": (archive(Item("a/../b")), "component '..'"),
    "parent alone": (archive(Item("..")), "component '..'"),
    "parent as a folder": (archive(folder("../")), "component '..'"),
    "parent after a dot": (archive(Item("./../a")), "component '..'"),
    "parent from the Unicode field": (
        archive(Item(b"a\x82", extra=unicode_path(b"a\x82", "../é"))),
        "component '..'",
    ),
    "absolute": (archive(Item("/etc/passwd")), "absolute"),
    "absolute, two slashes": (archive(Item("//a")), "absolute"),
    "absolute folder": (archive(folder("/")), "absolute"),
    "NUL in a name": (archive(Item("a\0.py")), "NUL"),
    "no name": (archive(Item("")), "no name"),
    # Names that nobody could open.
    "component of 256 bytes": (archive(Item("a" * 256)), "component of its name is longer than 255"),
    "component of 256 bytes in UTF-8": (archive(Item("é" * 128, flags=UTF8)), "longer than 255"),
    "component in the middle": (archive(Item("a/" + "b" * 300 + "/c")), "longer than 255"),
    "path of 4,086 bytes": (archive(Item(("a" * 200 + "/") * 20 + "b" * 66)), "longer than 4085"),
    "129 folders deep": (archive(Item("a/" * 129 + "b")), "deeper than 128"),
    "2,000 folders deep": (archive(folder("a/" * 2000)), "deeper than 128"),
    "not UTF-8, though marked": (archive(Item(b"\xff\xfe", flags=UTF8)), "marked as UTF-8"),
    "surrogate in UTF-8": (archive(Item(b"\xed\xa0\x80", flags=UTF8)), "marked as UTF-8"),
    "Unicode field that is not UTF-8": (
        archive(Item(b"\x82", extra=struct.pack("<2HBL", 0x7075, 6, 1, zlib.crc32(b"\x82")) + b"\xff")),
        "Unicode name is not UTF-8",
    ),
    # Two entries in one place.
    "same file twice": (archive(FILE, FILE), "twice"),
    "same file twice, once with a dot": (archive(FILE, Item("./a")), "twice"),
    "same file twice, once with two slashes": (archive(Item("a/b"), Item("a//b")), "twice"),
    "same link twice": (archive(link("l", "a"), link("l", "b")), "twice"),
    "file and link": (archive(FILE, link("a", "b")), "a file and a link"),
    "link and file: writing through it": (archive(link("a", "b"), Item("a", b"x")), "a link and a file"),
    "file used as a folder": (archive(Item("a"), Item("a/b")), "which is a file"),
    "file used as a folder, child first": (archive(Item("a/b"), Item("a")), "a folder and a file"),
    "file used as a folder, deep": (archive(Item("a"), Item("a/b/c/d")), "which is a file"),
    "file and folder": (archive(Item("a"), folder("a/")), "a file and a folder"),
    "folder and file": (archive(folder("a/"), Item("a")), "a folder and a file"),
    "link used as a folder": (archive(link("a", "b"), Item("a/b")), "which is a link"),
    "link used as a folder, child first": (archive(Item("a/b"), link("a", "c")), "a folder and a link"),
    "link and folder": (archive(link("a", "b"), folder("a/")), "a link and a folder"),
    # Links.
    "link to a host file": (archive(link("l", "/etc/passwd")), "leads out"),
    "link to the root": (archive(link("l", "/")), "leads out"),
    "link to the parent": (archive(link("l", "..")), "leads out"),
    "link up once too often": (archive(link("a/b/l", "../../../x")), "leads out"),
    "link down and up": (archive(folder("a/"), link("l", "a/../../x")), "leads out"),
    "link through another link": (archive(folder("d/"), link("d/l", ".."), link("m", "d/l/../x")), "leads out"),
    "link through nothing": (archive(link("m", "not/here/../../x")), "leads out"),
    "link through a file": (archive(FILE, link("m", "a/../x")), "leads out"),
    "link out of /opt": (archive(link("l", "/opt/../etc/passwd")), "leads out"),
    "link beside /opt": (archive(link("l", "/optional/x")), "leads out"),
    "link to /var": (archive(link("l", "/var")), "leads out"),
    "link to nothing": (archive(link("l", "")), "link to nothing"),
    "link with NUL": (archive(link("l", "a\0b")), "NUL"),
    "link of 4,096 bytes": (archive(link("l", "a" * 4096)), "longer than 4095"),
    "link with a folder's name": (archive(link("l/", "a")), "name of a folder"),
    "link with a wrong checksum": (archive(link("l", "a", crc=1)), "checksum"),
    # What is neither file, folder nor link.
    "character device": (archive(Item("d", mode=stat.S_IFCHR | 0o666)), "device"),
    "block device": (archive(Item("d", mode=stat.S_IFBLK | 0o666)), "device"),
    "pipe": (archive(Item("d", mode=stat.S_IFIFO | 0o666)), "pipe"),
    "socket": (archive(Item("d", mode=stat.S_IFSOCK | 0o666)), "socket"),
    "unknown type": (archive(Item("d", mode=0o170000)), "device"),
    "folder with content": (archive(Item("a/", b"hidden")), "folder with content"),
    "folder by its mode, with content": (archive(Item("a", b"x", mode=stat.S_IFDIR | 0o755)), "folder with content"),
    # Sizes that lie.
    "larger than declared": (archive(Item("a", b"x" * 9000, size=10)), "not the 10 bytes"),
    "much larger than declared": (archive(Item("a", bytes(9_000_000), size=2_000_000)), "larger than the 2000000"),
    "smaller than declared": (archive(Item("a", b"x", size=10)), "not the 10 bytes"),
    "smaller than declared, large": (archive(Item("a", b"x", size=10_000_000)), "not the 10000000 bytes"),
    "stored, sizes differ": (archive(Item("a", b"xy", method=STORED, size=1)), "two sizes differ"),
    "wrong checksum": (archive(Item("a", b"x", crc=0)), "checksum"),
    "wrong checksum, large": (archive(Item("a", bytes(2_000_000), crc=7)), "checksum"),
    "wrong checksum, stored": (archive(Item("a", b"x", method=STORED, crc=0)), "checksum"),
    "nothing deflated": (archive(Item("a", b"", packed=b"")), "end too early"),
    "deflated, cut off": (archive(Item("a", b"x" * 99, packed=deflate(b"x" * 99)[:-1])), "end too early"),
    "deflated, cut off, large": (
        archive(Item("a", bytes(3_000_000), packed=deflate(bytes(3_000_000))[:-2])),
        "end too early",
    ),
    "deflated, more behind it": (archive(Item("a", b"x", packed=deflate(b"x") + b"more")), "more bytes follow"),
    "deflated, nonsense": (archive(Item("a", b"x", packed=b"\xff\xff\xff")), "do not inflate"),
    "deflated, nonsense, large": (archive(Item("a", bytes(2_000_000), packed=b"\xff" * 99)), "do not inflate"),
    # Bytes quoted more than once.
    "two entries, one content": (archive(FILE, Item("a", offset=0, local_name=b"a")), "overlap|twice"),
    "quoted local header": (
        # The first entry's bytes hold the second's local header and content.
        archive(
            Item(
                "a", packed=(inner := archive(Item("b", b"x"))[: 31 + len(deflate(b"x"))]), content=inner, method=STORED
            ),
            Item("b", b"x", offset=31),
        ),
        "overlaps",
    ),
    # Directories that lie.
    "encrypted": (archive(Item("a", flags=1)), "encrypted"),
    "strongly encrypted": (archive(Item("a", flags=0x41)), "encrypted"),
    "encrypted according to the local header": (archive(Item("a", local_flags=1)), "encrypted"),
    "masked": (archive(Item("a", flags=0x2000)), "encrypted"),
    "patch": (archive(Item("a", flags=0x20)), "patched"),
    "bzip2": (archive(Item("a", method=12)), "method 12"),
    "deflate64": (archive(Item("a", method=9)), "method 9"),
    "zstd": (archive(Item("a", method=93)), "method 93"),
    "other name in the local header": (archive(Item("a", local_name=b"b")), "another name"),
    "longer name in the local header": (archive(Item("a", local_name=b"ab")), "another name"),
    "no local header": (archive(Item("a", local_signature=b"PK\x03\x05")), "no local header"),
    "local header beyond the end": (archive(Item("a", offset=10_000)), "not before the central directory"),
    "local header in the directory": (archive(FILE, Item("b", offset=80)), "not before|no local header"),
    "content runs into the directory": (archive(Item("a", b"x", packed_size=200)), "run into"),
    "another disk": (archive(Item("a", disk=1)), "another disk"),
    "several disks": (archive(FILE, disk=1), "several disks"),
    "too many entries": (archive(FILE, count=2), "leads to a directory"),
    "too few entries": (archive(FILE, Item("b"), count=1), "longer than its records"),
    "wrong signature in the directory": (archive(FILE, Item("b", record_signature=b"PK\x01\x03")), "something else"),
    "bytes after the last record": (archive(FILE, directory_tail=b"more"), "longer than its records"),
    "directory before the start": (archive(FILE, directory_size=60_000), "leads to a directory"),
    "directory at a wrong place": (archive(FILE, directory_offset=60_000), "leads to a directory"),
    "zip64 field missing": (archive(Item("a", b"x", size=0xFFFFFFFF)), "zip64"),
    "zip64 disk": (archive(FILE, zip64=True, disk=1), "several disks"),
    "deep folders by the hundred thousand": (
        archive(*(Item(f"{index}/" + "a/" * 120 + "b") for index in range(1100))),
        "too many folders",
    ),
    # No archive at all.
    "nothing": (b"", "no end of central directory"),
    "text": (b"def handler(event, context): return event\n" * 9, "no end of central directory"),
    "gzip": (zlib.compress(b"x" * 999), "no end of central directory"),
    "cut off": (of({"a": b"x" * 99})[:-1], "no end of central directory"),
    "end record alone, wrong": (b"PK\x05\x06" + b"\xff" * 18, "no end of central directory"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_or_damaged_archive_is_refused_for_its_reason(case: str) -> None:
    data, reason = HOSTILE[case]
    with pytest.raises(ArchiveUnreadable, match=reason) as caught:
        read(data)
    assert caught.value.api_error.message == (
        "Could not unzip uploaded file. Please check your file, then try to upload again."
    )


TOO_LARGE = {
    "one forged size": archive(Item("a", b"x", size=HUGE)),
    "many sizes together": archive(*(Item(f"a{n}", b"", size=HUGE // 100 + 1) for n in range(100))),
    "zip64 size": archive(Item("a", b"x", size=1 << 40, zip64=True)),
    "folder": archive(Item("a/", b"", size=HUGE)),
    "link": archive(link("l", "x"), Item("a", size=HUGE - 1)),
    "bomb, truly that large": archive(Item("a", bytes(HUGE))),
}


@pytest.mark.parametrize("case", TOO_LARGE)
def test_an_archive_that_would_unzip_beyond_the_limit_is_refused_before_anything_is_inflated(case: str) -> None:
    with pytest.raises(ArchiveTooLarge) as caught:
        inspect(TOO_LARGE[case])
    assert caught.value.api_error.message == "Unzipped size must be smaller than 262144000 bytes"


def test_the_limit_shrinks_by_what_layers_take() -> None:
    data = archive(Item("a", b"x" * 100), Item("b", b"y" * 100))
    assert inspect(data, allowed_bytes=200).unzipped_bytes == 200
    with pytest.raises(ArchiveTooLarge) as caught:
        inspect(data, allowed_bytes=199)
    assert caught.value.api_error.message == "Unzipped size must be smaller than 199 bytes"


@pytest.mark.parametrize(
    "data", [archive(), archive(comment=b"hello"), archive(zip64=True)], ids=["22 bytes", "comment", "zip64"]
)
def test_an_archive_without_entries_is_refused_in_words_of_its_own(data: bytes) -> None:
    with pytest.raises(ArchiveEmpty) as caught:
        inspect(data)
    assert caught.value.api_error.message == "Uploaded file must be a non-empty zip"


def test_a_directory_of_millions_is_refused_before_memory_is_spent() -> None:
    """A million records, all of them there: their number alone must suffice."""
    record = archive(Item("a"))[31 + len(deflate(b"")) : -22]
    count = 1_000_000
    data = bytes(64) + record * count
    data += struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, len(record) * count, 64)
    data += struct.pack("<4sLQL", b"PK\x06\x07", 0, 64 + len(record) * count, 1)
    data += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveUnreadable, match="1000000 entries"):
            inspect(data)
        assert tracemalloc.get_traced_memory()[1] < 1_000_000
    finally:
        tracemalloc.stop()


def test_inflating_a_bomb_stops_at_the_declared_size() -> None:
    """60 MB behind a declared 3 MB: memory stays at a few chunks."""
    data = archive(Item("a", b"", packed=deflate(bytes(60_000_000)), size=3_000_000))
    archive_ = inspect(data)
    tracemalloc.start()
    try:
        with pytest.raises(ArchiveUnreadable, match="larger than"):
            verify(data, archive_)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000
    finally:
        tracemalloc.stop()


def test_windows_archives_cannot_smuggle_a_device_or_link_by_mode_bits() -> None:
    """Mode bits count only when the archive says that Unix or macOS made it."""
    data = archive(
        Item("d", b"x", system=DOS, mode=stat.S_IFCHR | 0o666), Item("l", b"/etc", DEFLATED, stat.S_IFLNK, DOS)
    )
    assert {(entry.path, entry.kind.value, entry.mode) for entry in inspect(data).entries} == {
        ("d", "file", 0o644),
        ("l", "file", 0o644),
    }


def test_a_reason_never_prints_a_hostile_name_raw() -> None:
    with pytest.raises(ArchiveError) as caught:
        inspect(archive(Item("../\x1b[2J\n" + "x" * 5000)))
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 600
