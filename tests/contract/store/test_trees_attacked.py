"""Kills at any moment, and archives that mean harm."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lamina.layers.archive import Archive, ArchiveError, Entry, Kind
from lamina.store import Blobs, FolderBlobs, Trees
from lamina.store.extraction import extract
from lamina.store.pool import Pool
from tests.support.trees import leftovers, listing
from tests.support.zips import NOON_UTC, Item, archive, folder, link

EXTRACT_FOREVER = """
    import sys
    from pathlib import Path
    from lamina.store import FolderBlobs, Trees

    blobs, trees = FolderBlobs.open(Path(sys.argv[1]) / "blobs"), Trees.open(Path(sys.argv[1]) / "trees")
    digests = sorted(blobs.digests())
    print("ready", flush=True)
    while True:
        for digest in digests:
            trees.ensure(digest, blobs)
        for digest in digests:
            trees.delete(digest)
"""


def test_whatever_the_moment_of_a_kill_a_tree_is_whole_or_not_there(tmp_path: Path) -> None:
    """Killed in the midst of extracting and deleting, again and again."""
    blobs = FolderBlobs.open(tmp_path / "blobs")
    expected = {}
    for version in range(3):
        contents = {f"p/{number}": b"%d" % (number * (1 if number % 3 else version + 1)) for number in range(150)}
        digest = blobs.put(archive(*(Item(name, data) for name, data in contents.items()), link("l", "p/1")))
        expected[digest] = contents
    rng = random.Random(11)
    seen = killed = 0
    # A slow machine has no tree whole as soon as another: there it is killed later, and more often.
    while killed < 15 or (seen == 0 and killed < 90):
        killed += 1
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(EXTRACT_FOREVER), str(tmp_path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        # The moment is the test's subject, not a condition that is waited for.
        time.sleep(rng.random() / 8 * (1 + killed // 15))
        process.send_signal(signal.SIGKILL)
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        for digest in Trees.open(tmp_path / "trees").digests():
            seen += 1
            tree = tmp_path / "trees/v1" / digest.hex
            found = listing(tree)
            assert set(found) == {"p", "l", *expected[digest]}
            assert {name: (tree / name).read_bytes() for name in expected[digest]} == expected[digest]
            assert {mtime for _, _, mtime in found.values()} == {NOON_UTC}
    assert seen > 0
    trees = Trees.open(tmp_path / "trees")
    for digest in expected:
        trees.delete(digest)
    trees.sweep()
    assert [name for name in leftovers(tmp_path) if not name.startswith("blobs")] == []


def hostile(*entries: Entry) -> Archive:
    return Archive(entries, 0)


ESCAPES: dict[str, Callable[[Path], Archive]] = {
    "through a link": lambda out: hostile(
        Entry("l", Kind.LINK, 0o777, 0, target=str(out)), Entry("l/x", Kind.FILE, 0o644, 0)
    ),
    "over a link": lambda out: hostile(
        Entry("l", Kind.LINK, 0o777, 0, target=str(out / "x")), Entry("l", Kind.FILE, 0o644, 0)
    ),
    "folder through a link": lambda out: hostile(
        Entry("d", Kind.FOLDER, 0o755, 0), Entry("d/l", Kind.LINK, 0o777, 0, target=str(out)),
        Entry("d/l/x", Kind.FILE, 0o644, 0),
    ),
    "absolute": lambda out: hostile(Entry(f"{out}/x", Kind.FILE, 0o644, 0)),
    "folder over a file": lambda _: hostile(Entry("a", Kind.FILE, 0o644, 0), Entry("a/b", Kind.FILE, 0o644, 0)),
    "twice": lambda _: hostile(Entry("a", Kind.FILE, 0o644, 0), Entry("a", Kind.FILE, 0o644, 0)),
}  # fmt: skip


@pytest.mark.parametrize("case", ESCAPES)
def test_were_the_rules_wrong_the_kernel_would_still_refuse(tmp_path: Path, case: str) -> None:
    """Archives that no inspection would let through, handed to the extraction itself."""
    outside = tmp_path / "outside"
    outside.mkdir()
    pool = Pool(tmp_path / "pool")
    pool.make_folders()
    with pytest.raises(OSError, match=r"Not a directory|symbolic link|File exists|No such file"):
        extract(memoryview(b""), ESCAPES[case](outside), tmp_path / "aside", pool)
    assert list(outside.iterdir()) == []


def test_hostile_bytes_from_anywhere_never_leave_their_folder(tmp_path: Path, blobs: Blobs) -> None:
    """A valid archive with bytes changed at random, 1,000 times: a tree, or a refusal and nothing at all."""
    rng = random.Random(3)
    valid = archive(folder("p/"), Item("p/a", b"a" * 50), link("l", "p/a"), Item("../p", b"x", flags=0))
    valid = valid.replace(b"../p", b"qq/p")
    trees = Trees.open(tmp_path / "trees")
    extracted = 0
    for _ in range(1000):
        data = bytearray(valid)
        for _ in range(rng.randrange(1, 4)):
            data[rng.randrange(len(data))] = rng.choice((0, 0x2F, 0x2E, 0xFF, rng.randrange(256)))
        try:
            trees.delete(trees.ensure(blobs.put(bytes(data)), blobs).digest)
            extracted += 1
        except ArchiveError:
            pass
    assert extracted > 20
    assert leftovers(tmp_path) == []
