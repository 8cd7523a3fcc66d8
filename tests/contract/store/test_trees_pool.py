"""Equal files are one inode, for as long as a tree has them."""

from __future__ import annotations

import errno
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lamina.store import Blobs, Trees
from tests.support.trees import leftovers
from tests.support.zips import Item, archive, of, timestamp


def test_equal_files_are_one_inode_across_trees(trees: Trees, blobs: Blobs) -> None:
    """Equal in content, mode and time; what differs in one of them stands alone."""
    big = os.urandom(5_000_000)
    one = trees.ensure(blobs.put(archive(Item("a", b"same"), Item("big", big), Item("b", b"1"))), blobs).path
    two = trees.ensure(
        blobs.put(
            archive(
                Item("a", b"same"),
                Item("elsewhere/a", b"same"),
                Item("big", big),
                Item("b", b"2"),
                Item("mode", b"same", mode=stat.S_IFREG | 0o755),
                Item("time", b"same", extra=timestamp(5)),
            )
        ),
        blobs,
    ).path
    inode = (one / "a").stat().st_ino
    assert {(two / name).stat().st_ino for name in ("a", "elsewhere/a")} == {inode}
    assert (two / "big").samefile(one / "big")
    assert inode not in {(two / name).stat().st_ino for name in ("b", "mode", "time")}


def test_equal_files_of_trees_extracted_at_the_same_time_end_as_one_inode(trees: Trees, blobs: Blobs) -> None:
    digests = [
        blobs.put(archive(*(Item(f"{n}.py", b"%d" % n) for n in range(100)), Item("x", b"%d" % v))) for v in range(8)
    ]
    with ThreadPoolExecutor(8) as threads:
        paths = [tree.path for tree in threads.map(lambda digest: trees.ensure(digest, blobs), digests)]
    for number in range(100):
        assert len({(path / f"{number}.py").stat().st_ino for path in paths}) == 1
        assert (paths[0] / f"{number}.py").read_bytes() == b"%d" % number


def test_a_pooled_file_with_all_the_names_it_can_have_is_succeeded(
    tmp_path: Path, trees: Trees, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ext4 stops at 65,000 names; here, for the test, at three: two trees and the pool."""
    real = os.link

    def limited(source: Any, target: Any, **more: Any) -> None:
        if os.stat(source, dir_fd=more.get("src_dir_fd"), follow_symlinks=False).st_nlink >= 3:
            raise OSError(errno.EMLINK, "Too many links")
        real(source, target, **more)

    monkeypatch.setattr(os, "link", limited)
    found = [trees.ensure(blobs.put(of({"a": b"same", "v": b"%d" % v})), blobs).path / "a" for v in range(4)]
    inodes = [path.stat().st_ino for path in found]
    assert inodes[0] == inodes[1] != inodes[2] == inodes[3]
    assert [path.read_bytes() for path in found] == [b"same"] * 4
    assert list((tmp_path / "trees/v1/.incoming").iterdir()) == []


def test_a_pooled_file_that_the_disk_has_changed_is_not_linked_again(
    tmp_path: Path, trees: Trees, blobs: Blobs
) -> None:
    first = trees.ensure(blobs.put(of({"a": b"same"})), blobs).path / "a"
    first.write_bytes(b"")
    second = trees.ensure(blobs.put(of({"a": b"same", "b": b""})), blobs).path / "a"
    third = trees.ensure(blobs.put(of({"a": b"same", "c": b""})), blobs).path / "a"
    assert second.read_bytes() == b"same"
    assert third.samefile(second)


def test_deleting_gives_back_what_only_that_tree_had(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    one = trees.ensure(blobs.put(of({"a": b"same", "b": b"1"})), blobs)
    two = trees.ensure(blobs.put(of({"a": b"same", "c": b"2"})), blobs)
    pooled = tmp_path / "trees/v1/.files"
    assert len([path for path in pooled.rglob("*") if path.is_file()]) == 3
    trees.delete(one.digest)
    assert not one.path.exists()
    assert list(trees.digests()) == [two.digest]
    assert len([path for path in pooled.rglob("*") if path.is_file()]) == 2
    assert (two.path / "a").read_bytes() == b"same"
    trees.delete(two.digest)
    trees.delete(two.digest)
    assert leftovers(tmp_path) == []
    assert trees.ensure(one.digest, blobs).path.is_dir()


def test_sweeping_forgets_pooled_files_without_a_tree(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    trees.ensure(blobs.put(of({"a": b"kept"})), blobs)
    lost = tmp_path / "trees/v1/.files/00" / "lost"
    lost.write_bytes(b"x")
    assert trees.sweep() == 1
    assert not lost.exists()
    assert trees.sweep() == 0


def test_bytes_are_on_the_disk_before_any_lasting_name_leads_to_them(
    tmp_path: Path, trees: Trees, blobs: Blobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the one sync neither the pool nor the final name knows the files; what a power cut must not part."""
    seen = []

    def look(aside: Path) -> None:
        assert aside.parent == tmp_path / "trees/v1/.incoming"
        seen.append((list(trees.digests()), list((tmp_path / "trees/v1/.files").glob("*/*"))))

    monkeypatch.setattr("lamina.store.extraction.sync_filesystem", look)
    trees.ensure(blobs.put(of({"a": b"1", "b": b"2"})), blobs)
    assert seen == [([], [])]
