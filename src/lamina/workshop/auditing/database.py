"""Auditing by a file of advisories: needs no network, and knows what it knew when it was fetched."""

from __future__ import annotations

import json
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from lamina.workshop.auditing.advisories import Advisory, Audited, merged
from lamina.workshop.auditing.osv import ECOSYSTEMS, advisory, ecosystems, may_concern, plain_names
from lamina.workshop.auditing.versions import why_unknown
from lamina.workshop.errors import WorkshopError
from lamina.workshop.inventory.components import Component

_BY = "database"


class DatabaseUnreadable(WorkshopError):
    """The file holds no records that anybody could read."""

    def __init__(self, path: Path, why: object) -> None:
        super().__init__(
            f"{path} is no database of advisories: {why}",
            "It is a zip of records in the OSV format, as osv.dev offers for each ecosystem, or has one in each line.",
            WorkshopError.USAGE,
        )


def audit(
    components: Sequence[Component], databases: Sequence[Path], told: Callable[[str], object]
) -> tuple[Audited, ...]:
    """What the records in *databases* say of *components*, in their order. *told* hears what is being read.

    Raises DatabaseUnreadable. Of an ecosystem without a record in any of them nothing is known: there is a database
    for each.
    """
    found: list[list[Advisory]] = [[] for _ in components]
    reasons = [why_unknown(component.ecosystem, component.version) for component in components]
    names = plain_names(component for component, reason in zip(components, reasons, strict=True) if not reason)
    covered: set[str] = set()
    for path in databases:
        told(f"reading {path.name}")
        for record in _concerning(path, names, covered):
            for number, component in enumerate(components):
                said = None if reasons[number] else advisory(record, component)
                if said is not None:
                    found[number].append(said)
    audited = []
    for component, reason, advisories in zip(components, reasons, found, strict=True):
        why = reason or _uncovered(component, covered)
        audited.append(Audited(component, reason=why) if why else Audited(component, merged(advisories), _BY))
    return tuple(audited)


def _uncovered(component: Component, covered: set[str]) -> str:
    ecosystem = ECOSYSTEMS[component.ecosystem]
    return "" if ecosystem in covered else f"the database has no advisory at all on packages of {ecosystem}"


def _concerning(path: Path, names: frozenset[str], covered: set[str]) -> Iterator[dict[str, Any]]:
    """The records that may be about *names*; the ecosystems of all of them are added to *covered*."""
    records = 0
    try:
        for raw in _raw(path):
            records += 1
            covered |= ecosystems(raw)
            # The first is always looked at: it tells whether these are such records at all.
            if records > 1 and not may_concern(raw, names):
                continue
            record = json.loads(raw)
            if not isinstance(record, dict) or "id" not in record or not isinstance(record.get("affected", []), list):
                raise DatabaseUnreadable(path, f"its record {records} is none of that format")
            yield record
    except (OSError, ValueError, RecursionError, zipfile.BadZipFile, zlib.error, NotImplementedError) as error:
        raise DatabaseUnreadable(path, error) from error
    if not records:
        raise DatabaseUnreadable(path, "it has no record")


def _raw(path: Path) -> Iterator[bytes]:
    """The records in the file, as JSON."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name.endswith(".json"):
                    yield archive.read(name)
        return
    with path.open("rb") as lines:
        yield from (line for line in lines if line.strip())
