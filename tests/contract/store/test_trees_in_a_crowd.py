"""Many callers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from lamina.names import Digest
from lamina.store import BlobMissing, Blobs, Trees
from tests.support.trees import LAYER, CountingBlobs
from tests.support.zips import of


def test_a_crowd_asking_for_one_tree_shares_one_extraction(trees: Trees, blobs: Blobs) -> None:
    digest = blobs.put(LAYER)
    counting = CountingBlobs(blobs)
    with ThreadPoolExecutor(20) as threads:
        asked = [threads.submit(trees.ensure, digest, counting) for _ in range(20)]
        assert counting.waiting.acquire(timeout=60)
        counting.go.set()
        found = {future.result(30) for future in asked}
    assert len(found) == 1
    assert counting.readers == 1


def test_different_trees_are_extracted_side_by_side(trees: Trees, blobs: Blobs) -> None:
    """Each waits until the other has begun: one after the other they would wait for ever."""
    counting = CountingBlobs(blobs)
    with ThreadPoolExecutor(2) as threads:
        asked = [threads.submit(trees.ensure, blobs.put(of({"a": data})), counting) for data in (b"1", b"2")]
        for _ in asked:
            assert counting.waiting.acquire(timeout=60)
        counting.go.set()
        assert len({future.result(30).path for future in asked}) == 2


def test_a_failure_reaches_everybody_waiting_and_the_next_caller_tries_again(trees: Trees, blobs: Blobs) -> None:
    digest = Digest.of(LAYER)
    counting = CountingBlobs(blobs)
    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(trees.ensure, digest, counting) for _ in range(4)]
        assert counting.waiting.acquire(timeout=60)
        counting.go.set()
        assert all(isinstance(future.exception(30), BlobMissing) for future in asked)
    blobs.put(LAYER)
    assert trees.ensure(digest, counting).path.is_dir()


def test_deleting_waits_for_an_extraction(trees: Trees, blobs: Blobs) -> None:
    digest = blobs.put(LAYER)
    counting = CountingBlobs(blobs)
    with ThreadPoolExecutor(2) as threads:
        asked = threads.submit(trees.ensure, digest, counting)
        assert counting.waiting.acquire(timeout=60)
        deleted = threads.submit(trees.delete, digest)
        counting.go.set()
        asked.result(30)
        deleted.result(30)
    assert list(trees.digests()) == []
