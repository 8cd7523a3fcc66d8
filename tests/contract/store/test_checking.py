"""What `fsck` sees of a tree and of the pool: everything that is not as it was extracted, and nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.layers.archive import inspect
from lamina.names import Digest
from lamina.store.checking import Contents, pool_faults, tree_fault
from lamina.store.object_blobs import ObjectBlobs
from lamina.store.trees import Trees
from tests.support import zips
from tests.support.zips import Item

ARCHIVE = zips.archive(
    zips.folder("python/", 0o755), Item("python/a.py", b"A = 1\n"), zips.link("python/b.py", "a.py"), Item("c/d", b"")
)


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees.open(tmp_path / "trees")


@pytest.fixture
def tree(trees: Trees) -> Path:
    blobs = ObjectBlobs.in_memory()
    return trees.ensure(blobs.put(ARCHIVE), blobs).path


def _fault(tree: Path) -> str | None:
    return tree_fault(tree, inspect(ARCHIVE), Contents())


def test_what_was_extracted_is_sound(tree: Path, trees: Trees) -> None:
    assert _fault(tree) is None
    assert list(pool_faults(trees.folder / ".files", Contents())) == []


def _other_byte(tree: Path) -> None:
    path = tree / "python/a.py"
    times = path.stat()
    path.write_bytes(b"A = 2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def _link_elsewhere(tree: Path) -> None:
    path = tree / "python/b.py"
    times = path.lstat()
    path.unlink()
    path.symlink_to("../c/d")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns), follow_symlinks=False)


def _file_for_link(tree: Path) -> None:
    (tree / "python/b.py").unlink()
    (tree / "python/b.py").write_bytes(b"")


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (_other_byte, "python/a.py has other bytes"),
        (lambda tree: (tree / "python/a.py").unlink(), "python/a.py is missing"),
        (lambda tree: (tree / "more").mkdir(), "more is not in the archive"),
        (lambda tree: (tree / "python/a.py").chmod(0o600), "python/a.py has other permissions"),
        (lambda tree: (tree / "c").chmod(0o700), "c has other permissions"),
        (lambda tree: tree.chmod(0o700), "its top has other permissions"),
        (lambda tree: os.utime(tree / "c/d", (1, 1)), "c/d has another time"),
        (lambda tree: os.truncate(tree / "python/a.py", 3), "python/a.py has another time"),
        (_link_elsewhere, "python/b.py leads elsewhere"),
        (_file_for_link, "python/b.py is no link"),
    ],
)
def test_what_has_changed_is_named(tree: Path, damage: Callable[[Path], object], says: str) -> None:
    damage(tree)
    assert _fault(tree) == says


def test_a_pooled_file_that_the_disk_has_changed_is_named(tree: Path, trees: Trees) -> None:
    _other_byte(tree)
    (faulty,) = pool_faults(trees.folder / ".files", Contents())
    assert faulty.samefile(tree / "python/a.py")


def test_a_file_of_many_trees_is_read_once(trees: Trees) -> None:
    blobs = ObjectBlobs.in_memory()
    archives = [zips.of({"python/same.py": b"x" * 1000, f"{name}.py": b""}) for name in "abc"]
    sizes: list[int] = []
    contents = Contents(sizes.append)
    for archive in archives:
        found = trees.ensure(blobs.put(archive), blobs)
        assert found.digest == Digest.of(archive)
        assert tree_fault(found.path, inspect(archive), contents) is None
    assert sizes.count(1000) == 1
