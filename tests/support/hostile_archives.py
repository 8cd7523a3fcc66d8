"""Archives that mean harm or are damaged, each with a pattern of the reason that is given. AWS answers each alike."""

from __future__ import annotations

import stat
import struct
import zlib

from tests.support.zips import STORED, Item, archive, deflate, folder, link, of, unicode_path

UTF8 = 0x0800
CRC_OF_X = zlib.crc32(b"x")
FILE = Item("a", b"hello")
# The local header and the bytes of an entry.
QUOTED = archive(Item("b", b"x"))[: 31 + len(deflate(b"x"))]

_END_BYTES, _LOCATOR64_BYTES, _END64_BYTES = 22, 20, 56


def with_end(*items: Item, **lies: int) -> bytes:
    """Archive with zip64 records, and with an end record that leaves nothing to them: true but for *lies*."""
    written = archive(*items, zip64=True)
    at = len(written) - _END_BYTES - _LOCATOR64_BYTES - _END64_BYTES
    *_, count, size, offset = struct.unpack("<4sQ2H2L4Q", written[at : at + _END64_BYTES])
    told = {"count": count, "size": size, "offset": offset} | lies
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, told["count"], told["count"], told["size"], told["offset"], 0)
    return written[:-_END_BYTES] + end


def _with_second_end64(*items: Item) -> bytes:
    """Archive whose zip64 end record is there again, where readers look who do not ask the locator."""
    written = archive(*items, zip64=True)
    at = len(written) - _END_BYTES - _LOCATOR64_BYTES - _END64_BYTES
    return written[: at + _END64_BYTES] + written[at:]


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
    "links of five megabytes": (
        archive(*(Item(f"l{number}", b"a/" * 2000, mode=stat.S_IFLNK | 0o777) for number in range(1250))),
        "targets of its links",
    ),
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
    "two entries, one content": (archive(FILE, Item("a", b"hello", offset=0)), "twice"),
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
    # Told twice, and differently: what is in such an archive depends on who reads it.
    "other method in the local header": (archive(Item("a", b"x", local_method=STORED)), "another method"),
    "unknown method in the local header": (archive(Item("a", b"x", local_method=99)), "another method"),
    "other size in the local header": (archive(Item("a", b"x", local_sizes=(CRC_OF_X, 3, 2))), "other sizes"),
    "other packed size in the local header": (archive(Item("a", b"x", local_sizes=(CRC_OF_X, 2, 1))), "other sizes"),
    "other checksum in the local header": (archive(Item("a", b"x", local_sizes=(7, 3, 1))), "another checksum"),
    "no size in the local header, but a checksum": (archive(Item("a", b"x", local_sizes=(CRC_OF_X, 0, 0))), "sizes"),
    "archive in the comment of another": (archive(FILE, comment=archive(Item("b"))), "comment of another"),
    "archive and more in the comment of another": (archive(FILE, comment=archive(Item("b")) + b"c"), "comment of"),
    "archive in the comment, the same directory": (archive(FILE, comment=archive(FILE)), "comment of another"),
    "fewer entries without zip64": (with_end(FILE, Item("b"), count=1), "do not agree"),
    "more entries without zip64": (with_end(FILE, count=2), "do not agree"),
    "another directory without zip64": (with_end(FILE, offset=0), "do not agree"),
    "another size of the directory without zip64": (with_end(FILE, size=0), "do not agree"),
    "two zip64 end records": (_with_second_end64(FILE), "two zip64 end records"),
    "name for the directory, another for the Unicode field": (
        archive(Item(b"a\x82", extra=unicode_path(b"a\x82", "/etc/passwd"))),
        "absolute",
    ),
    "NUL from the Unicode field": (archive(Item(b"\x82", extra=unicode_path(b"\x82", "a\0b"))), "NUL"),
    "twice by the Unicode field": (archive(Item("é", b"1"), Item(b"\x82", extra=unicode_path(b"\x82", "é"))), "twice"),
    "twice by code page and UTF-8": (archive(Item("é", b"1"), Item(b"\x82")), "twice"),
    "overlong dots": (archive(Item(b"\xc0\xae\xc0\xae/a", flags=UTF8)), "marked as UTF-8"),
    "name of 65,535 bytes": (archive(Item("a/" * 32767 + "b")), "deeper than 128"),
    "name of 65,535 bytes in one": (archive(Item("a" * 65535)), "longer than"),
    "link that inflates to more": (
        archive(Item("l", packed=deflate(b"a" * 100_000), size=10, mode=stat.S_IFLNK | 0o777)),
        "not the 10 bytes",
    ),
    "one entry in the extra field of another": (
        archive(Item("a", local_extra=struct.pack("<2H", 0xBEEF, len(QUOTED)) + QUOTED), Item("b", b"x", offset=35)),
        "overlaps",
    ),
    "one content under a thousand names": (
        archive(Item("0", bytes(9000)), *(Item(str(number), bytes(9000), offset=0) for number in range(1, 1000))),
        "another name",
    ),
    "one content a thousand times": (archive(*(Item("a/", offset=0) for _ in range(1000))), "overlaps"),
    "thousands of extra fields": (archive(Item("a", extra=struct.pack("<2H", 1, 0) * 9000)), "32 extra fields"),
    "ten million entries": (archive(FILE, zip64=True, count=10_000_000), "leads to a directory"),
    "no entries, though there are some": (archive(FILE, count=0), "longer than its records"),
    "no directory, though there are entries": (archive(FILE, directory_size=0), "leads to a directory"),
}
