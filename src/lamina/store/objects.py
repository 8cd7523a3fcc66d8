"""A store of objects by key, of those that obstore speaks to: memory for tests, later an S3 bucket.

Apart from the folder's, as a server that has its blobs in one does without obstore: 4 MB and a
twentieth of a second of its start.
"""

from __future__ import annotations

from collections.abc import Iterator

import obstore
from obstore.store import MemoryStore, ObjectStore


class Objects:
    """Objects come under their key at once, with all of their bytes. FileNotFoundError for a key that has none."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def in_memory(cls) -> Objects:
        return cls(MemoryStore())

    def put(self, key: str, data: memoryview) -> None:
        obstore.put(self._store, key, data)

    def get(self, key: str) -> memoryview:
        return memoryview(obstore.get(self._store, key).bytes())

    def stream(self, key: str, chunk_bytes: int) -> Iterator[bytes]:
        return (bytes(piece) for piece in obstore.get(self._store, key).stream(chunk_bytes))

    def size(self, key: str) -> int:
        return obstore.head(self._store, key)["size"]

    def delete(self, key: str) -> None:
        obstore.delete(self._store, key)

    def keys(self, prefix: str) -> Iterator[str]:
        for page in obstore.list(self._store, prefix):
            yield from (found["path"] for found in page)
