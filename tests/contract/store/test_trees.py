"""What an extracted tree is, and what a failed extraction leaves: nothing."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamina.layers.archive import ArchiveUnreadable, inspect
from lamina.names import Digest
from lamina.store import BlobDamaged, BlobMissing, Blobs, FolderBlobs, Trees
from lamina.store.object_blobs import ObjectBlobs
from tests.support.trees import LAYER, leftovers, listing
from tests.support.zips import NOON_UTC, Item, archive, link, of


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_a_tree_is_what_its_archive_says_whatever_the_umask(tmp_path: Path, blobs: Blobs, mask: int) -> None:
    if mask == 0o777 and os.geteuid() != 0:
        pytest.skip("an ordinary user locks himself out with this one, before any chmod of ours")
    with umask(mask):
        tree = Trees.open(tmp_path / "trees").ensure(blobs.put(LAYER), blobs)
    assert listing(tree.path) == {
        "python": ("folder", 0o755, NOON_UTC),
        "python/a.py": ("file", 0o644, NOON_UTC),
        "python/deep": ("folder", 0o755, NOON_UTC),
        "python/deep/er": ("folder", 0o755, NOON_UTC),
        "python/deep/er/b.py": ("file", 0o444, NOON_UTC),
        "bin": ("folder", 0o755, 1_600_000_001),
        "bin/tool": ("file", 0o755, 1_600_000_001),
        "lib": ("folder", 0o755, NOON_UTC),
        "lib/libjq.so.1.0.4": ("file", 0o644, NOON_UTC),
        "lib/libjq.so.1": ("link", 0o777, NOON_UTC),
        "dos.txt": ("file", 0o644, NOON_UTC),
        "日本": ("file", 0o644, NOON_UTC),
        "empty": ("folder", 0o755, NOON_UTC),
    }
    for path in (tmp_path / "trees", tmp_path / "trees/v1", tree.path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o755
    assert (tree.path / "lib/libjq.so.1").readlink() == Path("libjq.so.1.0.4")


def test_a_tree_has_the_bytes_of_its_archive(trees: Trees, blobs: Blobs) -> None:
    tree = trees.ensure(blobs.put(LAYER), blobs)
    with zipfile.ZipFile(io.BytesIO(LAYER)) as file:
        for info in file.infolist():
            path = tree.path / info.filename
            if path.is_file() and not path.is_symlink():
                assert path.read_bytes() == file.read(info)
    assert tree.unzipped_bytes == inspect(LAYER).unzipped_bytes


def test_a_tree_is_ready_once_it_was_had_and_until_it_is_deleted(trees: Trees, blobs: Blobs) -> None:
    digest = blobs.put(LAYER)
    assert not trees.is_ready(digest)
    trees.ensure(digest, blobs)
    assert trees.is_ready(digest)
    trees.delete(digest)
    assert not trees.is_ready(digest)


def test_a_second_start_finds_the_trees_of_the_first(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    tree = trees.ensure(blobs.put(LAYER), blobs)
    again = Trees.open(tmp_path / "trees")
    assert list(again.digests()) == [tree.digest]
    assert again.ensure(tree.digest, ObjectBlobs.in_memory()) == tree


def test_what_is_not_in_the_blobs_cannot_be_had(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    with pytest.raises(BlobMissing):
        trees.ensure(Digest.of(b"never"), blobs)
    assert leftovers(tmp_path) == []


def test_a_blob_that_is_no_archive_leaves_nothing(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    for data in (b"text", archive(Item("a", b"x" * 6_000_000, crc=1)), archive(*map(Item, "abc"), Item("d", crc=1))):
        with pytest.raises(ArchiveUnreadable):
            trees.ensure(blobs.put(data), blobs)
    assert leftovers(tmp_path) == []
    assert list(trees.digests()) == []


def test_a_damaged_blob_is_refused_and_a_mended_one_extracted(tmp_path: Path, trees: Trees) -> None:
    blobs = FolderBlobs.open(tmp_path / "blobs")
    digest = blobs.put(LAYER)
    path = tmp_path / "blobs/sha256" / digest.hex[:2] / digest.hex[2:]
    path.unlink()
    path.write_bytes(of({"other": b"content"}))
    with pytest.raises(BlobDamaged):
        trees.ensure(digest, blobs)
    blobs.put(LAYER)
    assert (trees.ensure(digest, blobs).path / "python/a.py").read_bytes() == b"print()"


def test_deleting_removes_links_not_what_they_lead_to(trees: Trees, blobs: Blobs) -> None:
    data = archive(Item("a/b", b"x"), link("l", "a"), link("m", "a/b"), link("n", "nowhere"))
    tree = trees.ensure(blobs.put(data), blobs)
    trees.delete(tree.digest)
    assert not tree.path.exists()


def test_opening_clears_what_a_killed_process_left(tmp_path: Path, trees: Trees, blobs: Blobs) -> None:
    tree = trees.ensure(blobs.put(LAYER), blobs)
    inner = tmp_path / "trees/v1/.incoming/dead/tree/python"
    inner.mkdir(parents=True)
    (inner / "half.py").write_bytes(b"ha")
    tree.path.rename(tmp_path / "trees/v1/.doomed/dead")
    again = Trees.open(tmp_path / "trees")
    assert list(again.digests()) == []
    assert leftovers(tmp_path) == []


names = st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=30).filter(
    lambda name: name not in {".", ".."}
)
contents = st.dictionaries(st.lists(names, min_size=1, max_size=3).map("/".join), st.binary(max_size=300), min_size=1)


@settings(max_examples=60, deadline=None)
@given(contents.filter(lambda tree: not any(other.startswith(f"{path}/") for path in tree for other in tree)))
def test_whatever_zipfile_writes_is_extracted_as_it_was(tree: dict[str, bytes]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for path, data in tree.items():
            file.writestr(path, data)
    blobs = ObjectBlobs.in_memory()
    with tempfile.TemporaryDirectory() as folder:
        root = Trees.open(Path(folder)).ensure(blobs.put(buffer.getvalue()), blobs).path
        found = {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}
    assert found == tree
