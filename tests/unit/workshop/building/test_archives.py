"""Archives whose every byte follows from what is in them."""

from __future__ import annotations

import hashlib
import io
import os
import zipfile

import pytest

from lamina.layers.archive import Kind, content, inspect, verify
from lamina.workshop.building.archives import overhead_bytes, pack, write
from lamina.workshop.building.pieces import Package, Piece
from lamina.workshop.errors import WorkshopError

REQUESTS = Package("requests", "2.34.2")
PIECES = [
    Piece("python/requests/api.py", REQUESTS, data=b"def get(): ...\n" * 40),
    Piece("python/empty.py", REQUESTS, data=b""),
    Piece("bin/tool", Package("tool"), data=b"\x7fELF", executable=True),
    Piece("python/größe.txt", REQUESTS, data=b"x"),
    Piece("lib/libz.so", Package("zlib"), target="libz.so.1"),
]


def _archive(pieces: list[Piece]) -> bytes:
    file = io.BytesIO()
    write(pack(pieces), file)
    return file.getvalue()


def test_the_order_of_what_is_given_does_not_matter() -> None:
    assert _archive(PIECES) == _archive(PIECES[::-1])


def test_the_bytes_are_those_they_always_were() -> None:
    # Fails when the deflating library writes something else: docs/decisions/0016 says what that means for users.
    assert hashlib.sha256(_archive(PIECES)).hexdigest() == (
        "b5ca686bfe0b379d1085e7774c1ea4f92f7c2d674d845a5493cf8327741bd3f7"
    )


def test_the_servers_reader_finds_what_was_put_in() -> None:
    data = memoryview(_archive(PIECES))
    found = inspect(data)
    verify(data, found)
    entries = {entry.path: entry for entry in found.entries if entry.kind is not Kind.FOLDER}
    assert {path: entry.mode for path, entry in entries.items() if entry.kind is Kind.FILE} == {
        "python/requests/api.py": 0o644,
        "python/empty.py": 0o644,
        "bin/tool": 0o755,
        "python/größe.txt": 0o644,
    }
    assert entries["lib/libz.so"].target == "libz.so.1"
    assert content(data, entries["python/requests/api.py"]) == b"def get(): ...\n" * 40
    assert {entry.mtime for entry in entries.values()} == {315532800}


def test_others_readers_find_nothing_wrong() -> None:
    with zipfile.ZipFile(io.BytesIO(_archive(PIECES))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist(), key=str.encode)
        assert archive.read("python/größe.txt") == b"x"


def test_what_cannot_be_made_smaller_is_stored() -> None:
    noise = os.urandom(4096)
    with zipfile.ZipFile(io.BytesIO(_archive([Piece("noise", REQUESTS, data=noise)]))) as archive:
        assert archive.infolist()[0].compress_type == zipfile.ZIP_STORED
        assert archive.read("noise") == noise


def test_sizes_are_told_before_anything_is_written() -> None:
    packed = pack(PIECES)
    assert sum(item.zipped_bytes for item in packed) + overhead_bytes(len(packed)) == len(_archive(PIECES))


def test_more_files_than_the_old_format_counts() -> None:
    pieces = [Piece(f"nodejs/{number}", REQUESTS, data=b"") for number in range(70_000)]
    data = _archive(pieces)
    packed = pack(pieces)
    assert len(data) == sum(item.zipped_bytes for item in packed) + overhead_bytes(70_000)
    assert len([*inspect(memoryview(data)).files]) == 70_000


def test_two_files_of_one_path_are_refused_with_the_names_of_both_packages() -> None:
    other = Piece("bin/tool", Package("other", "1"), data=b"")
    with pytest.raises(WorkshopError, match=r"bin/tool: of tool and of other 1"):
        pack([*PIECES, other])
