"""Archives that are refused, each with the reason, and what it costs to refuse them."""

from __future__ import annotations

import stat
import struct
import tracemalloc

import pytest

from lamina.layers.archive import ArchiveEmpty, ArchiveError, ArchiveTooLarge, ArchiveUnreadable, inspect, verify
from tests.support.hostile_archives import HOSTILE
from tests.support.zips import DEFLATED, DOS, Item, archive, deflate, link

HUGE = 262_144_001


def read(data: bytes) -> None:
    verify(data, inspect(data))


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
