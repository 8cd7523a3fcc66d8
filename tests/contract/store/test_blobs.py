"""What every blob store does, in a folder and in memory."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from lamina.names import Digest
from lamina.store import BlobMissing, Blobs, FolderBlobs
from lamina.store.object_blobs import ObjectBlobs

HELLO = b"hello"
LARGE = bytes(range(256)) * 50_000


@pytest.fixture(params=["folder", "memory"])
def blobs(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    return FolderBlobs.open(tmp_path / "blobs") if request.param == "folder" else ObjectBlobs.in_memory()


@pytest.mark.parametrize("data", [b"", HELLO, LARGE], ids=["empty", "small", "large"])
def test_what_was_put_is_read_by_its_digest(blobs: Blobs, data: bytes) -> None:
    digest = blobs.put(data)
    assert digest == Digest.of(data)
    assert blobs.read(digest) == data
    assert blobs.size(digest) == len(data)
    assert b"".join(blobs.stream(digest)) == data
    with blobs.view(digest, verify=True) as view:
        assert bytes(view) == data


def test_a_memoryview_is_put_as_its_bytes(blobs: Blobs) -> None:
    assert blobs.read(blobs.put(memoryview(LARGE)[10:10_000_000])) == LARGE[10:10_000_000]


def test_putting_twice_is_putting_once(blobs: Blobs) -> None:
    assert blobs.put(HELLO) == blobs.put(HELLO)
    assert list(blobs.digests()) == [Digest.of(HELLO)]


def test_what_was_never_put_is_missing(blobs: Blobs) -> None:
    nothing = Digest.of(b"never put")
    for look in (blobs.read, blobs.size, blobs.stream):
        with pytest.raises(BlobMissing, match=nothing.hex[:12]):
            look(nothing)
    with pytest.raises(BlobMissing), blobs.view(nothing):
        pass


def test_a_deleted_blob_is_gone_and_deleting_it_again_is_no_error(blobs: Blobs) -> None:
    digest, other = blobs.put(HELLO), blobs.put(LARGE)
    blobs.delete(digest)
    blobs.delete(digest)
    assert list(blobs.digests()) == [other]
    with pytest.raises(BlobMissing):
        blobs.read(digest)
    assert blobs.read(blobs.put(HELLO)) == HELLO


def test_digests_lists_every_blob(blobs: Blobs) -> None:
    expected = {blobs.put(bytes([number])) for number in range(200)}
    assert set(blobs.digests()) == expected
    assert len(list(blobs.digests())) == 200


def test_what_comes_in_pieces_is_kept_as_their_whole(blobs: Blobs) -> None:
    several: list[bytes | memoryview] = [LARGE[:7], b"", LARGE[7:5_000_000], memoryview(LARGE)[5_000_000:]]
    for pieces in ([], [HELLO], several):
        incoming = blobs.incoming()
        for piece in pieces:
            incoming.write(piece)
        received = incoming.finish()
        whole = b"".join(pieces)
        assert (received.digest, len(received), bytes(received.data)) == (Digest.of(whole), len(whole), whole)
        assert received.digest not in blobs.digests()
        assert blobs.keep(received) == received.digest
        assert blobs.read(received.digest, verify=True) == whole


def test_what_is_there_already_can_come_again(blobs: Blobs) -> None:
    digest = blobs.put(HELLO)
    incoming = blobs.incoming()
    incoming.write(HELLO)
    assert blobs.keep(incoming.finish()) == digest
    assert list(blobs.digests()) == [digest]


def test_many_threads_put_the_same_and_different_blobs(blobs: Blobs) -> None:
    """Nobody reads half a blob, and nobody fails for another's having been faster."""
    failures: list[BaseException] = []

    def put_and_read(number: int) -> None:
        try:
            for data in (LARGE, b"%d" % number, b"%d" % (number % 3)):
                assert blobs.read(blobs.put(data), verify=True) == data
        except BaseException as error:  # noqa: BLE001  # reported below, where the test can fail
            failures.append(error)

    threads = [threading.Thread(target=put_and_read, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert len(list(blobs.digests())) == 13
