"""`lamina fsck`: is what a state folder holds still what it was, who is concerned where not, and what can be mended.

Looking changes nothing, so it may happen beside a server at work: what that adds and removes meanwhile is looked at
again before anything is said. Mending needs the folder for itself.

What is truth is compared with itself: the catalog by SQLite, a blob with its name. What is derived is compared with
what it was derived from: a tree with its archive, a pooled file with its name, totals with rows. Derived things are
mended by removing them, or by counting again; a blob only by bytes that somebody else has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from sqlalchemy.exc import DatabaseError

from lamina.catalog.port import Catalog
from lamina.catalog.sql import CatalogTooNew, CatalogTooOld, SqlCatalog
from lamina.catalog.storage import Consisting
from lamina.layers.archive import ArchiveError, inspect
from lamina.names import Digest
from lamina.operations.reclaiming import Reclaimer
from lamina.state_folder import exclusive
from lamina.store.bytecode import ByteCode
from lamina.store.checking import Contents, pool_faults, tree_fault
from lamina.store.errors import BlobDamaged, BlobMissing
from lamina.store.folder_blobs import FolderBlobs
from lamina.store.trees import Trees

_CHUNK_BYTES = 1 << 20
_POOLED = "pooled file "


class Unusable(Exception):
    """There is no state in the folder, or not one of this Lamina's; the text says which."""


class Kind(StrEnum):
    """What is wrong."""

    CATALOG = "catalog"
    TOTALS = "totals"
    BLOB_MISSING = "blob-missing"
    BLOB_DAMAGED = "blob-damaged"
    BLOB_UNUSED = "blob-unused"
    TREE_DAMAGED = "tree-damaged"
    TREE_UNUSED = "tree-unused"
    POOL_DAMAGED = "pooled-file-damaged"


# What costs room and nothing else.
_HARMLESS = frozenset({Kind.BLOB_UNUSED, Kind.TREE_UNUSED})


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    `concerns` are the ARNs of what depends on it, `digest` is that of the archive it is about, if it is about one.
    `mended` says what was done about it, or is None.
    """

    kind: Kind
    where: str
    says: str
    concerns: tuple[str, ...] = ()
    digest: Digest | None = None
    mended: str | None = None

    @property
    def harmless(self) -> bool:
        """Whether it costs room and nothing else."""
        return self.kind in _HARMLESS


@dataclass(frozen=True, slots=True)
class Report:
    """What was looked at, and what is wrong with it."""

    layer_and_function_versions: int
    blobs: int
    trees: int
    bytes_read: int
    findings: tuple[Finding, ...]

    @property
    def is_sound(self) -> bool:
        """Whether nothing that matters is left unmended."""
        return all(finding.harmless or finding.mended for finding in self.findings)


def check(state: Path, read: Callable[[int], object] = lambda _: None) -> Report:
    """Look at everything in the folder *state* and change nothing. *read* is told of bytes as they are read.

    Raises Unusable.
    """
    return _looked_at(state, read, mend=None)


def repair(state: Path, archives: Iterable[Path] = (), read: Callable[[int], object] = lambda _: None) -> Report:
    """Look, and mend what can be. *archives* are zips, or folders of them, that may be those that are missing.

    Raises StateInUse while a server has *state*, and Unusable.
    """
    _catalog_of(state)
    with exclusive(state):
        return _looked_at(state, read, mend=_zips(archives))


def _looked_at(state: Path, read: Callable[[int], object], mend: Iterable[Path] | None) -> Report:
    path = _catalog_of(state)
    try:
        catalog = SqlCatalog.look(f"sqlite:///{path}")
        with closing(catalog):
            check = _Check(state, catalog, read)
            findings = check.findings()
            if mend is not None:
                findings = _Repair(state, catalog, mend).mended(findings)
            return check.report(findings)
    except (CatalogTooNew, CatalogTooOld) as error:
        raise Unusable(str(error)) from error
    except DatabaseError as error:
        # It is so damaged that SQLite does not even look for what is damaged.
        return Report(0, 0, 0, 0, (Finding(Kind.CATALOG, path.name, str(error.orig)),))


def _catalog_of(state: Path) -> Path:
    path = state / "catalog.db"
    if not path.is_file():
        raise Unusable(f"{state} is no state folder of Lamina: there is no catalog.db in it")
    return path


class _Check:
    def __init__(self, state: Path, catalog: Catalog, read: Callable[[int], object]) -> None:
        self._catalog = catalog
        # Not opened, which clears away what somebody else may be writing.
        self._blobs = FolderBlobs.at(state / "blobs")
        self._trees = Trees(state / "trees")
        self._bytes_read = 0
        self._told = read
        self._contents = Contents(self._read)
        self._seen = {"versions": 0, "blobs": 0, "trees": 0}

    def findings(self) -> list[Finding]:
        with self._catalog.reading() as transaction:
            faults = transaction.checking.faults()
            if faults:
                # What it names cannot be relied on.
                return [Finding(Kind.CATALOG, "catalog.db", fault) for fault in faults]
            totals = transaction.checking.wrong_totals()
            used = transaction.checking.archives()
        self._seen["versions"] = len({arn for consisting in used.values() for arn in consisting.arns})
        found = [
            Finding(Kind.TOTALS, f"{scope.account} in {scope.region}", "its totals are not what it has")
            for scope in totals
        ]
        found += self._pool()
        unsound: set[Digest] = set()
        for digest, consisting in used.items():
            if (finding := self._blob(digest, consisting)) is not None:
                unsound.add(digest)
                found.append(finding)
        found += self._derived(used, unsound)
        return self._still(found)

    def report(self, findings: list[Finding]) -> Report:
        seen = self._seen
        return Report(seen["versions"], seen["blobs"], seen["trees"], self._bytes_read, tuple(findings))

    def _blob(self, digest: Digest, consisting: Consisting) -> Finding | None:
        self._seen["blobs"] += 1
        try:
            with self._blobs.view(digest, verify=True) as data:
                self._read(len(data))
                if len(data) == consisting.zipped_bytes:
                    return None
                kind, says = Kind.CATALOG, f"it has {len(data)} bytes, and is recorded with {consisting.zipped_bytes}"
        except BlobMissing:
            kind, says = Kind.BLOB_MISSING, "it is not there"
        except BlobDamaged:
            kind, says = Kind.BLOB_DAMAGED, "its bytes are not those it is named by"
        except OSError as error:
            kind, says = Kind.BLOB_DAMAGED, f"it cannot be read: {error.strerror}"
        return Finding(kind, f"blob {digest.hex}", says, consisting.concerned, digest)

    def _derived(self, used: Mapping[Digest, Consisting], unsound: set[Digest]) -> Iterator[Finding]:
        for digest in self._blobs.digests():
            if digest not in used:
                yield Finding(Kind.BLOB_UNUSED, f"blob {digest.hex}", "nothing consists of it", (), digest)
        # A restored backup has no trees yet.
        for digest in self._trees.digests() if self._trees.folder.is_dir() else ():
            self._seen["trees"] += 1
            where = f"tree {digest.hex}"
            if digest not in used:
                yield Finding(Kind.TREE_UNUSED, where, "nothing consists of its archive", (), digest)
            elif digest not in unsound and (fault := self._tree(digest)) is not None:
                yield Finding(Kind.TREE_DAMAGED, where, fault, used[digest].concerned, digest)

    def _tree(self, digest: Digest) -> str | None:
        try:
            with self._blobs.view(digest) as data:
                return tree_fault(self._trees.folder / digest.hex, inspect(data), self._contents)
        except ArchiveError as error:
            return f"its archive would not be taken today: {error}"
        except FileNotFoundError:
            return None  # A server at work has just removed it.

    def _pool(self) -> Iterator[Finding]:
        pool = self._trees.folder / ".files"
        for path in pool_faults(pool, self._contents) if pool.is_dir() else ():
            yield Finding(
                Kind.POOL_DAMAGED, f"{_POOLED}{path.relative_to(pool)}", "its bytes are not those it is named by"
            )

    def _still(self, found: list[Finding]) -> list[Finding]:
        """*found* without what only looked so because something was published or deleted meanwhile."""
        with self._catalog.reading() as transaction:
            used = transaction.archives.all_in_use()
        return [each for each in found if each.digest is None or (each.digest in used) != each.harmless]

    def _read(self, size: int) -> None:
        self._bytes_read += size
        self._told(size)


class _Repair:
    def __init__(self, state: Path, catalog: Catalog, zips: Iterable[Path]) -> None:
        self._catalog = catalog
        self._blobs = FolderBlobs.open(state / "blobs")
        self._trees = Trees.open(state / "trees")
        self._byte_code = ByteCode.open(self._trees.folder)
        self._reclaimer = Reclaimer(catalog, [self._byte_code, self._trees, self._blobs])
        self._zips = list(zips)

    def mended(self, findings: list[Finding]) -> list[Finding]:
        wanted = {each.digest for each in findings if each.kind in (Kind.BLOB_MISSING, Kind.BLOB_DAMAGED)}
        copies = ((_digest_of(path), path) for path in self._zips) if wanted else ()
        brought = {digest: path for digest, path in copies if digest is not None and digest in wanted}
        return [replace(finding, mended=self._mend(finding, brought)) for finding in findings]

    def _mend(self, finding: Finding, brought: Mapping[Digest, Path]) -> str | None:
        digest = finding.digest
        if finding.kind is Kind.TOTALS:
            with self._catalog.writing() as transaction:
                transaction.checking.count_again()
            return "counted again"
        if finding.kind is Kind.POOL_DAMAGED:
            # The name alone, so that no further tree links to it: the trees that have the bytes are findings, too.
            (self._trees.folder / ".files" / finding.where.removeprefix(_POOLED)).unlink(missing_ok=True)
            return "removed"
        if digest is None:
            return None
        if finding.harmless:
            self._reclaimer.reclaim([digest])
            return "removed"
        if finding.kind is Kind.TREE_DAMAGED:
            self._byte_code.delete(digest)
            self._trees.delete(digest)
            return "removed; it is extracted anew when it is needed"
        if digest in brought:
            self._bring(digest, brought[digest])
            return f"taken from {brought[digest]}"
        return None

    def _bring(self, digest: Digest, path: Path) -> None:
        incoming = self._blobs.incoming()
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK_BYTES):
                incoming.write(chunk)
        self._blobs.keep(incoming.finish())
        # Whatever was extracted of the damaged one.
        self._trees.delete(digest)


def _zips(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir():
            yield from (Path(folder, name) for folder, _, names in os.walk(place) for name in sorted(names))
        else:
            yield place


def _digest_of(path: Path) -> Digest | None:
    try:
        with path.open("rb") as file:
            return Digest(hashlib.file_digest(file, "sha256").hexdigest())
    except OSError:
        return None
