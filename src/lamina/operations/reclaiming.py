"""Taking back the bytes of archives that nothing consists of any more.

An archive's blob and tree may go when no row of the catalog names its digest and nobody holds it. Two kinds of holders
know a digest that the catalog does not name, or not any more: an upload between storing the blob and committing the
row, and an execution environment that still runs what was deleted. Both take a hold first. A hold and a removal
exclude each other, and one process owns a state folder, so this is all it takes:

* whoever holds before a removal looks is seen by it, and the removal is put off until the hold ends;
* whoever holds after a removal stores the bytes anew.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, Protocol

from lamina.catalog.port import Catalog
from lamina.names import Digest

_TOGETHER: Final = 500
_log = logging.getLogger(__name__)


class Store(Protocol):
    """A place where something lies under the digest of an archive: blobs, trees."""

    def delete(self, digest: Digest) -> None: ...

    def digests(self) -> Iterable[Digest]: ...


class Reclaimer:
    """Removes archives from *stores*, in their order, once nothing needs them. Usable from any thread."""

    def __init__(self, catalog: Catalog, stores: Sequence[Store]) -> None:
        self._catalog = catalog
        self._stores = stores
        self._changed = threading.Condition()
        self._holds: Counter[Digest] = Counter()
        self._put_off: set[Digest] = set()
        # Outside the lock: removing a tree of thousands of files takes a while, which is nobody else's business.
        self._removing: set[Digest] = set()

    def hold(self, digests: Iterable[Digest]) -> None:
        """Keep what *digests* name until as many `release`s."""
        wanted = tuple(digests)
        with self._changed:
            self._changed.wait_for(lambda: self._removing.isdisjoint(wanted))
            self._holds.update(wanted)

    def hold_nowait(self, digests: Sequence[Digest]) -> bool:
        """The same where nobody has to be waited for; else False, and nothing is kept."""
        with self._changed:
            if not self._removing.isdisjoint(digests):
                return False
            self._holds.update(digests)
        return True

    def release_nowait(self, digests: Sequence[Digest]) -> bool:
        """End a hold where nothing has to be removed then; else False, and the hold goes on."""
        with self._changed:
            if not self._put_off.isdisjoint(digests):
                return False
            self._let_go(digests)
        return True

    def release(self, digests: Iterable[Digest]) -> None:
        """End a hold; what was to be removed meanwhile is looked at again."""
        with self._changed:
            again = self._put_off.intersection(self._let_go(digests))
            self._put_off -= again
        self.reclaim(again)

    def _let_go(self, digests: Iterable[Digest]) -> list[Digest]:
        """End a hold, under the lock; what nobody holds any more."""
        ended = []
        for digest in digests:
            self._holds[digest] -= 1
            assert self._holds[digest] >= 0, f"{digest} is released more often than held"
            if self._holds[digest] == 0:
                del self._holds[digest]
                ended.append(digest)
        return ended

    @contextmanager
    def holding(self, *digests: Digest) -> Iterator[None]:
        """Keep what *digests* name for the time of the `with`."""
        self.hold(digests)
        try:
            yield
        finally:
            self.release(digests)

    def reclaim(self, digests: Iterable[Digest]) -> None:
        """Remove those of *digests* that nothing needs. What the disk refuses is logged, and tried again at a start."""
        for digest in set(digests):
            self._reclaim(digest)

    def sweep(self) -> None:
        """Remove whatever a killed server left over. May run while requests are served.

        However many archives there are, a few hundred are looked at together.
        """
        for store in self._stores:
            digests = iter(store.digests())
            while some := list(islice(digests, _TOGETHER)):
                with self._catalog.reading() as transaction:
                    used = transaction.archives.in_use_among(some)
                self.reclaim(digest for digest in some if digest not in used)

    def _reclaim(self, digest: Digest) -> None:
        with self._changed:
            # Whoever is at it may have looked before the caller's row went.
            self._changed.wait_for(lambda: digest not in self._removing)
            if self._holds[digest] > 0:
                self._put_off.add(digest)
                return
            self._removing.add(digest)
        try:
            self._remove_unused(digest)
        finally:
            with self._changed:
                self._removing.discard(digest)
                self._changed.notify_all()

    def _remove_unused(self, digest: Digest) -> None:
        if not self._catalog.settle():
            # Its row may come back with the next start, which sweeps; what nothing names then, goes then.
            _log.warning("archive %s stays until the catalog can be written again", digest)
            return
        with self._catalog.reading() as transaction:
            if transaction.archives.in_use(digest):
                return
        for store in self._stores:
            try:
                store.delete(digest)
            except OSError:
                _log.exception("cannot remove archive %s from %s", digest, type(store).__name__)
