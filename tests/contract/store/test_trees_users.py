"""Who may read a tree, who may change it, and who can have trees at all."""

from __future__ import annotations

import os
import stat
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.names import Digest
from lamina.store import Blobs, Trees
from tests.support.trees import LAYER, OneBlob
from tests.support.zips import Item, archive, folder, of


def as_somebody(folder: Path, act: Callable[[], None]) -> int:
    """Do *act* as an ordinary user whose current folder is *folder*, in a process of its own; its exit code."""
    with warnings.catch_warnings():
        # The threads that forking leaves behind are nothing that *act* may need.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        try:
            os.chdir(folder)
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            act()
            os._exit(0)
        except BaseException:  # noqa: BLE001  # the parent sees the exit code
            traceback.print_exc()
        finally:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_somebody_else_reads_everything_and_changes_nothing(trees: Trees, blobs: Blobs) -> None:
    data = archive(
        Item("open/a", b"1", mode=stat.S_IFREG | 0o666),
        folder("owners/", 0o700),
        Item("owners/a", b"2", mode=stat.S_IFREG | 0o600),
        folder("shared/", 0o777),
    )
    tree = trees.ensure(blobs.put(data), blobs)

    def look() -> None:
        below = Path("v1") / tree.digest.hex
        assert (below / "open/a").read_bytes() == b"1"
        assert (below / "owners/a").read_bytes() == b"2"
        for forbidden in (
            lambda: (below / "open/a").write_bytes(b""),
            lambda: (below / "shared/new").write_bytes(b""),
            (below / "open/a").unlink,
            lambda: list(Path("v1/.files").iterdir()),
        ):
            with pytest.raises(PermissionError):
                forbidden()

    assert as_somebody(tree.path.parent.parent, look) == 0


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="an ordinary user runs every other test here as one")
def test_an_ordinary_user_has_trees_too(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)

    def use() -> None:
        trees = Trees.open(Path("trees"))
        tree = trees.ensure(Digest.of(LAYER), OneBlob(LAYER))
        other = of({"python/a.py": b"print()"})
        trees.ensure(Digest.of(other), OneBlob(other))
        assert (tree.path / "python/a.py").read_bytes() == b"print()"
        trees.delete(tree.digest)

    assert as_somebody(home, use) == 0
