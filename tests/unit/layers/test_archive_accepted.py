"""Archives that look odd and are honest, and what each is read as."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.layers.archive import Archive, ArchiveError, ArchiveUnreadable, Kind, chunks, content, inspect, verify
from tests.support.hostile_archives import with_end
from tests.support.zips import (
    DOS,
    MACOS,
    NOON_UTC,
    STORED,
    Item,
    archive,
    deflate,
    folder,
    link,
    of,
    timestamp,
    unicode_path,
)

Shape = Sequence[tuple[str, Kind, int]]

A = ("a", Kind.FILE, 0o644)
B = ("b", Kind.FILE, 0o644)


def shape(found: Archive) -> Shape:
    return [(entry.path, entry.kind, entry.mode) for entry in found.entries]


def contents(data: bytes) -> dict[str, bytes]:
    return {entry.path: content(memoryview(data), entry) for entry in inspect(data).files}


LONG = ("a" * 200 + "/") * 20 + "b" * 65


def above(path: str) -> Shape:
    parents = [path[:at] for at, letter in enumerate(path) if letter == "/"]
    return [*((parent, Kind.FOLDER, 0o755) for parent in parents), (path, Kind.FILE, 0o644)]


ACCEPTED: dict[str, tuple[bytes, Shape]] = {
    # Names.
    "dot in front": (archive(Item("./a/b")), [("a", Kind.FOLDER, 0o755), ("a/b", Kind.FILE, 0o644)]),
    "two slashes": (archive(Item("a//b")), [("a", Kind.FOLDER, 0o755), ("a/b", Kind.FILE, 0o644)]),
    "the root itself": (archive(folder("./", 0o700), Item("a")), [A]),
    "dots that are names": (
        archive(Item("..."), Item("..a"), Item(".b"), Item("c..")),
        [("...", Kind.FILE, 0o644), ("..a", Kind.FILE, 0o644), (".b", Kind.FILE, 0o644), ("c..", Kind.FILE, 0o644)],
    ),
    "backslashes stay, as on AWS": (archive(Item("a\\..\\b")), [("a\\..\\b", Kind.FILE, 0o644)]),
    "a drive letter is a name": (
        archive(Item("C:/a")),
        [("C:", Kind.FOLDER, 0o755), ("C:/a", Kind.FILE, 0o644)],
    ),
    "case tells files apart": (
        archive(Item("a"), Item("A/b")),
        [A, ("A", Kind.FOLDER, 0o755), ("A/b", Kind.FILE, 0o644)],
    ),
    "composed and decomposed letters tell files apart": (
        archive(Item("\u00e9", flags=0x800), Item("e\u0301", flags=0x800)),
        [("\u00e9", Kind.FILE, 0o644), ("e\u0301", Kind.FILE, 0o644)],
    ),
    "UTF-8, marked": (archive(Item("日本.py", flags=0x800)), [("日本.py", Kind.FILE, 0o644)]),
    "UTF-8, unmarked, as macOS writes it": (archive(Item("日本.py", system=MACOS)), [("日本.py", Kind.FILE, 0o644)]),
    "code page 437": (archive(Item(b"\x82t\x82.py")), [("été.py", Kind.FILE, 0o644)]),
    "Unicode extra field": (archive(Item(b"?\xff", extra=unicode_path(b"?\xff", "ñ"))), [("ñ", Kind.FILE, 0o644)]),
    "Unicode extra field of another name": (
        archive(Item(b"\x82", extra=unicode_path(b"x", "ñ"))),
        [("é", Kind.FILE, 0o644)],
    ),
    "component of 255 bytes": (archive(Item("a" * 255)), [("a" * 255, Kind.FILE, 0o644)]),
    "path of 4,085 bytes": (archive(folder("x/"), Item(LONG)), [("x", Kind.FOLDER, 0o755), *above(LONG)]),
    "newline in a name": (archive(Item("a\nb")), [("a\nb", Kind.FILE, 0o644)]),
    # Modes.
    "executable": (archive(Item("bootstrap", mode=stat.S_IFREG | 0o755)), [("bootstrap", Kind.FILE, 0o755)]),
    "readable by its owner only": (archive(Item("a", mode=stat.S_IFREG | 0o600)), [("a", Kind.FILE, 0o644)]),
    "no permission at all": (archive(Item("a", mode=0)), [("a", Kind.FILE, 0o444)]),
    "permissions without a type": (archive(Item("a", mode=0o755)), [("a", Kind.FILE, 0o755)]),
    "set-user-id, sticky, writable by all": (archive(Item("a", mode=stat.S_IFREG | 0o7777)), [("a", Kind.FILE, 0o755)]),
    "made under DOS": (
        archive(Item("a/", method=STORED, system=DOS), Item("a/b", system=DOS, mode=0)),
        [("a", Kind.FOLDER, 0o755), ("a/b", Kind.FILE, 0o644)],
    ),
    "made under macOS": (archive(Item("a", system=MACOS, mode=stat.S_IFREG | 0o744)), [("a", Kind.FILE, 0o755)]),
    # Folders.
    "folder that its owner could not enter": (archive(folder("a", 0o055)), [("a", Kind.FOLDER, 0o755)]),
    "folder for its owner only": (archive(folder("a/", 0o700)), [("a", Kind.FOLDER, 0o755)]),
    "folder named by its mode alone": (archive(folder("a")), [("a", Kind.FOLDER, 0o755)]),
    "folder deflated to two bytes": (archive(Item("a/", mode=stat.S_IFDIR | 0o755)), [("a", Kind.FOLDER, 0o755)]),
    "folder after what is in it": (
        archive(Item("a/b"), folder("a/", 0o711)),
        [("a", Kind.FOLDER, 0o755), ("a/b", Kind.FILE, 0o644)],
    ),
    "folder twice": (archive(folder("a/", 0o700), folder("a/", 0o711)), [("a", Kind.FOLDER, 0o755)]),
    "folders that only a name implies": (
        archive(Item("a/b/c")),
        [("a", Kind.FOLDER, 0o755), ("a/b", Kind.FOLDER, 0o755), ("a/b/c", Kind.FILE, 0o644)],
    ),
    # Links.
    "link beside it": (
        archive(link("lib/libjq.so.1", "libjq.so.1.0.4"), Item("lib/libjq.so.1.0.4")),
        [("lib", Kind.FOLDER, 0o755), ("lib/libjq.so.1", Kind.LINK, 0o777), ("lib/libjq.so.1.0.4", Kind.FILE, 0o644)],
    ),
    "link up and down": (
        archive(link("bin/tsc", "../lib/tsc")),
        [("bin", Kind.FOLDER, 0o755), ("bin/tsc", Kind.LINK, 0o777)],
    ),
    "links in a chain": (
        archive(link("a", "b"), link("b", "c"), Item("c")),
        [("a", Kind.LINK, 0o777), ("b", Kind.LINK, 0o777), ("c", Kind.FILE, 0o644)],
    ),
    "link through a real folder and up": (
        archive(folder("d/"), link("l", "d/../c")),
        [("d", Kind.FOLDER, 0o755), ("l", Kind.LINK, 0o777)],
    ),
    "link to the top": (archive(link("a/l", "..")), [("a", Kind.FOLDER, 0o755), ("a/l", Kind.LINK, 0o777)]),
    "link to itself": (archive(link("l", "l")), [("l", Kind.LINK, 0o777)]),
    "link to nothing": (archive(link("l", "gone/away")), [("l", Kind.LINK, 0o777)]),
    "link into the merged /opt": (archive(link("l", "/opt/lib//x")), [("l", Kind.LINK, 0o777)]),
    "link to /opt": (archive(link("l", "/opt")), [("l", Kind.LINK, 0o777)]),
    "link into /var/task": (archive(link("l", "/var/task/x")), [("l", Kind.LINK, 0o777)]),
    # Containers.
    "stub in front": (archive(Item("a"), prefix=b"#!/bin/sh\nexit\n"), [A]),
    "comment": (archive(Item("a"), comment=b"built by me"), [A]),
    "comment with the mark of an end": (archive(Item("a"), comment=b"x" * 30 + b"PK\x05\x06" + b"y" * 30), [A]),
    "longest comment": (archive(Item("a"), comment=b"c" * 0xFFFF), [A]),
    "newline behind the end": (archive(Item("a"), trailing=b"\n"), [A]),
    "zip64": (archive(Item("a", zip64=True), zip64=True), [A]),
    "zip64 with a stub in front": (archive(Item("a", zip64=True), zip64=True, prefix=b"stub"), [A]),
    "zip64 end record that nothing needs": (with_end(Item("a")), [A]),
    "sizes left out of the local header": (archive(Item("a", b"x", local_sizes=(0, 0, 0))), [A]),
    "sizes in a zip64 field of the local header": (
        archive(Item("a", b"x", local_sizes=(crc32(b"x"), 0xFFFFFFFF, 0xFFFFFFFF))),
        [A],
    ),
    "an archive with a comment inside": (archive(Item("a", archive(Item("x"), comment=b"c"), method=STORED)), [A]),
    "data descriptor": (archive(Item("a", b"x", descriptor=True), Item("b", b"y")), [A, B]),
    "extra field padded with zeros": (archive(Item("a", extra=b"\0\0\0", local_extra=b"\0" * 7)), [A]),
    "extra field padded with thousands of zeros": (archive(Item("a", extra=timestamp(1) + bytes(9000))), [A]),
    "extra field that is torn": (archive(Item("a", extra=b"\x55\x54\xff\xff\x01")), [A]),
    "directory in another order than the bytes": (
        archive(Item("a"), Item("b"), reversed_directory=True),
        [B, A],
    ),
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_an_honest_archive_is_read_as_its_maker_meant(case: str) -> None:
    data, expected = ACCEPTED[case]
    found = inspect(data)
    verify(data, found)
    assert shape(found) == expected


def test_link_targets_are_read() -> None:
    found = inspect(archive(link("l", "a/b"), link("m", b"\xff")))
    assert [entry.target for entry in found.links] == ["a/b", "\udcff"]


def test_times_are_read_as_utc_or_from_the_extended_field() -> None:
    data = archive(
        Item("plain"),
        Item("extended", extra=timestamp(1_700_000_001)),
        Item("old", extra=timestamp(-1)),
        Item("none", time=(0, 0)),
        Item("absurd", time=(0xFFFF, 0xFFFF)),
    )
    times = [entry.mtime for entry in inspect(data).entries]
    assert times[:4] == [NOON_UTC, 1_700_000_001, -1, 315532800]
    assert times[4] > NOON_UTC


def test_an_implied_folder_has_the_time_of_what_implied_it() -> None:
    assert [entry.mtime for entry in inspect(archive(Item("a/b"))).entries] == [NOON_UTC, NOON_UTC]


def test_sizes_are_added_up_as_declared() -> None:
    assert inspect(archive(Item("a", b"12345"), folder("b/"), link("l", "a"))).unzipped_bytes == 6


def test_a_long_entry_comes_in_pieces() -> None:
    """Memory for an entry is bounded by a few pieces, compressible or not, stored or not."""
    long = bytes(range(256)) * 20_000
    for method in (0, 8):
        data = archive(Item("a", long, method=method))
        found = list(chunks(memoryview(data), inspect(data).entries[0]))
        assert b"".join(found) == long
        assert len(found) >= 5
        assert max(map(len, found)) <= 1 << 20


class Refusing(Executor):
    """An executor whose threads are all busy."""

    def submit(self, *_args: Any, **_kwargs: Any) -> Future[Any]:
        return Future()


def test_verifying_shares_the_work_and_needs_no_help() -> None:
    items = [Item(f"f{n}", bytes(900_000)) for n in range(8)]
    good, bad = archive(*items), archive(*items[:-1], Item("bad", bytes(900_000), crc=1))
    with ThreadPoolExecutor(1) as threads:
        for executor in (None, threads, Refusing()):
            verify(good, inspect(good), executor)
            with pytest.raises(ArchiveUnreadable, match="'bad'"):
                verify(bad, inspect(bad), executor)


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40).filter(
    lambda name: name not in {".", ".."}
)
paths = st.lists(names, min_size=1, max_size=4).map("/".join)
trees = st.dictionaries(paths, st.binary(max_size=400), min_size=1, max_size=8).filter(
    lambda tree: not any(other.startswith(path + "/") for path in tree for other in tree)
)


def zipped(tree: dict[str, bytes], method: int) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        for path, data in tree.items():
            file.writestr(path, data)
    return buffer.getvalue()


@given(tree=trees, method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]))
def test_whatever_zipfile_writes_is_read_back(tree: dict[str, bytes], method: int) -> None:
    assert contents(zipped(tree, method)) == tree


VALID = archive(
    folder("python/"),
    Item("python/a.py", b"print()" * 9),
    Item("b", b"stored", method=STORED),
    link("l", "b"),
    Item("é", b"x", flags=0x800, extra=timestamp(1)),
    Item("big", b"y" * 70_000, zip64=True),
    comment=b"bye",
    zip64=True,
)


@settings(max_examples=600)
@given(
    st.lists(st.tuples(st.integers(0, len(VALID) - 1), st.integers(0, 255)), min_size=1, max_size=12),
    st.none() | st.integers(0, len(VALID)),
)
def test_damaged_archives_raise_nothing_but_refusals(changes: list[tuple[int, int]], cut: int | None) -> None:
    data = bytearray(VALID)
    for at, value in changes:
        data[at] = value
    damaged = bytes(data[:cut])
    try:
        found = inspect(damaged)
        verify(damaged, found)
    except ArchiveError:
        return
    assert all(".." not in entry.path.split("/") and entry.path[0] != "/" for entry in found.entries)


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_random_bytes_before_an_end_record_raise_nothing_but_refusals(body: bytes, count: int) -> None:
    try:
        verify(body, inspect(archive(prefix=body, count=count, directory_size=min(46 * count, len(body)))))
    except ArchiveError:
        pass


def test_ordinary_archives_read_alike_here_and_in_zipfile() -> None:
    data = of({"a": b"1", "b/c": b"2" * 5000})
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert contents(data) == {name: file.read(name) for name in file.namelist()}
    assert len(deflate(b"")) == 2
