"""What a folder of blobs promises beyond the port: read-only files, damage noticed, nothing half written."""

from __future__ import annotations

import errno
import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lamina.names import Digest
from lamina.store import BlobDamaged, FolderBlobs
from lamina.store.incoming import IncomingFile


def path_of(root: Path, digest: Digest) -> Path:
    return root / "sha256" / digest.hex[:2] / digest.hex[2:]


def overwrite(path: Path, data: bytes) -> None:
    path.unlink()
    path.write_bytes(data)


def test_a_blob_is_a_read_only_file_that_only_its_owner_reads(tmp_path: Path) -> None:
    digest = FolderBlobs.open(tmp_path).put(b"hello")
    path = path_of(tmp_path, digest)
    assert path.read_bytes() == b"hello"
    assert stat.S_IMODE(path.stat().st_mode) == 0o400
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_a_large_blob_streams_in_pieces(tmp_path: Path) -> None:
    """A download holds a few megabytes at a time, however large the archive."""
    blobs = FolderBlobs.open(tmp_path)
    pieces = [len(piece) for piece in blobs.stream(blobs.put(bytes(20_000_000)))]
    assert sum(pieces) == 20_000_000
    assert max(pieces) < 4_000_000


def test_damage_is_noticed_when_asked_for_and_mended_by_putting_again(tmp_path: Path) -> None:
    blobs = FolderBlobs.open(tmp_path)
    digest = blobs.put(b"hello")
    overwrite(path_of(tmp_path, digest), b"jello")
    assert blobs.read(digest) == b"jello"
    with pytest.raises(BlobDamaged, match=f"{digest.hex[:12]} reads back as {Digest.of(b'jello').hex[:12]}"):
        blobs.read(digest, verify=True)
    blobs.put(b"hello")
    assert blobs.read(digest, verify=True) == b"hello"


def test_a_blob_that_a_power_cut_emptied_is_written_again(tmp_path: Path) -> None:
    blobs = FolderBlobs.open(tmp_path)
    digest = blobs.put(b"hello")
    overwrite(path_of(tmp_path, digest), b"")
    blobs.put(b"hello")
    assert blobs.read(digest, verify=True) == b"hello"


def test_opening_clears_what_a_killed_process_left_half_written(tmp_path: Path) -> None:
    digest = FolderBlobs.open(tmp_path).put(b"hello")
    (tmp_path / "incoming" / "abandoned").write_bytes(b"hel")
    (tmp_path / "incoming" / "abandoned#1").write_bytes(b"h")
    blobs = FolderBlobs.open(tmp_path)
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list(blobs.digests()) == [digest]


def test_a_failed_put_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FolderBlobs.open(tmp_path)

    def full(_path: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("lamina.store.incoming.sync_path", full)
    with pytest.raises(OSError, match="No space left"):
        blobs.put(b"hello")
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list(blobs.digests()) == []


def test_what_is_not_kept_leaves_nothing(tmp_path: Path) -> None:
    """Whether it was refused when it was whole, or its sender went away in the midst of it."""
    blobs = FolderBlobs.open(tmp_path)
    broken_off, refused = blobs.incoming(), blobs.incoming()
    for incoming in (broken_off, refused):
        incoming.write(bytes(3_000_000))
    received = refused.finish()
    assert len(list((tmp_path / "incoming").iterdir())) == 2
    del incoming, refused, broken_off
    assert len(list((tmp_path / "incoming").iterdir())) == 1
    received.drop()
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list(blobs.digests()) == []
    assert received.data[-1] == 0


def test_bytes_and_names_are_synced_in_that_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before it gets its name, the folder after: what a power cut must not part."""
    blobs = FolderBlobs.open(tmp_path)
    seen = []
    final = path_of(tmp_path, Digest.of(b"hello"))

    def sync(path: Path) -> None:
        seen.append((path.relative_to(tmp_path).parts[0], final.exists()))

    for module in ("folder_blobs", "incoming"):
        monkeypatch.setattr(f"lamina.store.{module}.sync_path", sync)
    blobs.put(b"hello")
    assert seen == [("incoming", False), ("sha256", True)]
    blobs.put(b"hello")
    assert seen[2:] == [("sha256", True)]


def test_what_a_helper_settles_is_synced_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blobs = FolderBlobs.open(tmp_path)
    data = bytes(300_000)
    final, seen = path_of(tmp_path, Digest.of(data)), []
    fsync = os.fsync

    def sync(descriptor: int) -> None:
        seen.append((Path(f"/proc/self/fd/{descriptor}").readlink().parent.name, final.exists()))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", sync)
    assert blobs.put(data) == Digest.of(data)
    assert seen == [("incoming", False), ("sha256", True)]


def test_who_waits_settles_what_no_helper_has_begun(tmp_path: Path) -> None:
    """So a server full of uploads waits for nobody but the disk."""
    blobs, busy = FolderBlobs.open(tmp_path), threading.Event()
    helpers = ThreadPoolExecutor(1)
    held = helpers.submit(busy.wait)
    try:
        for data in (bytes(300_000), bytes(3_000_000)):
            incoming = IncomingFile(tmp_path / "incoming", helpers)
            incoming.write(data)
            assert blobs.keep(incoming.finish()) == Digest.of(data)
            assert blobs.read(Digest.of(data), verify=True) == data
        assert not held.done()
    finally:
        busy.set()
        helpers.shutdown()


def test_what_a_helper_could_not_sync_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = FolderBlobs.open(tmp_path)

    def broken(descriptor: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        blobs.put(bytes(300_000))
    assert list((tmp_path / "incoming").iterdir()) == []
    assert list(blobs.digests()) == []


PUT_FOREVER = """
    import random, sys
    from pathlib import Path
    from lamina.store import FolderBlobs

    blobs = FolderBlobs.open(Path(sys.argv[1]))
    random.seed(sys.argv[2])
    while True:
        digest = blobs.put(random.randbytes(random.choice((0, 10, 70_000, 300_000, 6_000_000))))
        print(digest.hex, flush=True)
"""


def test_whatever_the_moment_of_a_kill_a_name_leads_to_its_bytes(tmp_path: Path) -> None:
    """Killed in the midst of putting, again and again: acknowledged blobs are there, and no blob is half there."""
    acknowledged: set[str] = set()
    rng = random.Random(7)
    for run in range(15):
        writer = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(PUT_FOREVER), str(tmp_path), str(run)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
        assert writer.stdout is not None
        acknowledged.add(writer.stdout.readline().decode().strip())
        # The moment is the test's subject, not a condition that is waited for.
        time.sleep(rng.random() / 20)
        writer.send_signal(signal.SIGKILL)
        acknowledged.update(line.decode().strip() for line in writer.stdout if line.endswith(b"\n"))
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        blobs = FolderBlobs.open(tmp_path)
        found = list(blobs.digests())
        for digest in found:
            blobs.read(digest, verify=True)
        assert acknowledged <= {digest.hex for digest in found}
