"""What a power cut leaves of files that were synced, named, or neither."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from faults.disk import Disk

pytestmark = pytest.mark.anybody

Found = dict[str, bytes]


@pytest.fixture
def cut(tmp_path: Path) -> Iterator[Callable[..., Found]]:
    """Does the work in a folder with one old file, and tells what is there after the cut."""
    disks = []

    def cut(work: Callable[[Path, Disk], None], *, names: bool = False, written_once: Sequence[str] = ()) -> Found:
        root = tmp_path / "root"
        root.mkdir()
        (root / "old").write_bytes(b"old")
        disk = Disk(root, tmp_path / "room", names=names, written_once=written_once)
        disks.append(disk)
        work(root, disk)
        disk.write_to(tmp_path / "left")
        left = tmp_path / "left"
        return {str(path.relative_to(left)): path.read_bytes() for path in left.rglob("*") if path.is_file()}

    yield cut
    for disk in disks:
        disk.close()


def test_what_was_neither_synced_nor_named_is_gone(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "new").write_bytes(b"new")
        (root / "old").write_bytes(b"changed")

    assert cut(work) == {"old": b"old"}


def test_bytes_without_a_name_are_gone_and_a_name_without_bytes_is_empty(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "named").write_bytes(b"1")
        disk.synced("fsync", root)
        (root / "written").write_bytes(b"2")
        disk.synced("fsync", root / "written")

    assert cut(work) == {"old": b"old", "named": b""}


def test_a_rename_counts_once_its_folder_is_synced(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "aside").write_bytes(b"new")
        disk.synced("fsync", root / "aside")
        (root / "aside").rename(root / "old")
        disk.synced("fsync", root)

    assert cut(work) == {"old": b"new"}


def test_names_may_be_kept_before_bytes(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "aside").write_bytes(b"new")
        (root / "aside").rename(root / "old")

    assert cut(work, names=True) == {"old": b""}


def test_a_sync_of_the_file_system_keeps_everything(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "below").mkdir()
        (root / "below" / "new").write_bytes(b"new")
        disk.synced("syncfs", root)
        (root / "old").unlink()

    assert cut(work) == {"old": b"old", "below/new": b"new"}


def test_of_what_is_written_once_the_old_stays_and_the_new_is_lost_as_elsewhere(cut: Callable[..., Found]) -> None:
    def work(root: Path, disk: Disk) -> None:
        (root / "old").unlink()
        (root / "new").write_bytes(b"new")

    assert cut(work, written_once=["."]) == {"old": b"old"}
