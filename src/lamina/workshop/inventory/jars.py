"""What a jar says of itself: Maven's coordinates of all that was put into it, else its manifest, else its name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from lamina.layers.archive import ArchiveError, content, inspect
from lamina.workshop.inventory import poms
from lamina.workshop.inventory.licences import Licence, named

_UNZIPPED_BYTES_MAX: Final = 4 << 30
_RECORD_BYTES_MAX: Final = 1 << 20
_MANIFEST: Final = "META-INF/MANIFEST.MF"
_POM: Final = re.compile(r"META-INF/maven/([^/]+)/([^/]+)/pom\.properties")
_NAME: Final = re.compile(r"(.+?)-(\d[^/]*)\.jar")


@dataclass(frozen=True, slots=True)
class Coordinates:
    """A Java library. `group` is "" where only Maven would know it; `requires` are "group:artifact".

    `record` is where in the jar it says so, "" for the jar's own name.
    """

    group: str
    name: str
    version: str
    record: str
    licences: tuple[Licence, ...] = ()
    requires: tuple[str, ...] = ()


def inside(file_name: str, data: bytes) -> tuple[Coordinates, ...]:
    """All that the jar *file_name* with the bytes *data* holds; by its name alone if it is no archive."""
    view = memoryview(data)
    try:
        found = {entry.path: entry for entry in inspect(view, allowed_bytes=_UNZIPPED_BYTES_MAX).files}
        wanted = {path: entry for path, entry in found.items() if entry.size <= _RECORD_BYTES_MAX}
        libraries = tuple(mavens(wanted, lambda path: content(view, wanted[path])))
        main = _headers(content(view, wanted[_MANIFEST])) if _MANIFEST in wanted else {}
    except ArchiveError:
        libraries, main = (), {}
    if not libraries:
        return (_by_manifest(file_name, main),)
    if len(libraries) == 1 and not libraries[0].licences:
        # A pom leaves its licence to its parent, which is no part of the jar; the manifest has what came of that.
        return (replace(libraries[0], licences=_licences(main)),)
    return libraries


def mavens(paths: Iterable[str], read: Callable[[str], bytes]) -> Iterator[Coordinates]:
    """What Maven wrote down in an archive that has *paths*: of itself, and of what was shaded into it."""
    there = set(paths)
    for path in sorted(there):
        named_so = _POM.fullmatch(path)
        if named_so is None:
            continue
        said = _properties(read(path))
        beside = path.removesuffix("properties") + "xml"
        pom = poms.read(read(beside)) if beside in there else poms.Pom()
        group, artifact = said.get("groupId", named_so[1]), said.get("artifactId", named_so[2])
        requires = tuple(required.replace("${project.groupId}", group) for required in pom.requires)
        yield Coordinates(group, artifact, said.get("version", ""), path, named(pom.licences), requires)


def _by_manifest(file_name: str, main: Mapping[str, str]) -> Coordinates:
    by_name = _NAME.fullmatch(file_name)
    name, version = (by_name[1], by_name[2]) if by_name else (file_name.removesuffix(".jar"), "")
    version = main.get("Implementation-Version") or main.get("Bundle-Version") or version
    # Many write their group there; a vendor's name has blanks or no dot.
    vendor = main.get("Implementation-Vendor-Id", "")
    group = vendor if re.fullmatch(r"[\w-]+(?:\.[\w-]+)+", vendor) else ""
    return Coordinates(group, name, version, _MANIFEST if main else "", _licences(main))


def _licences(main: Mapping[str, str]) -> tuple[Licence, ...]:
    # OSGi: parameters after semicolons. Names of licences have commas, too, so that only addresses are told apart.
    clauses = re.split(r",\s*(?=https?:)", main.get("Bundle-License", ""))
    return named(clause.partition(";")[0] for clause in clauses)


def _properties(data: bytes) -> dict[str, str]:
    lines = (line.partition("=") for line in data.decode("latin-1").splitlines() if not line.startswith(("#", "!")))
    return {name.strip(): value.strip() for name, separator, value in lines if separator}


def _headers(data: bytes) -> dict[str, str]:
    """The main section of a manifest, whose long lines go on after a line break and a blank."""
    text = data.decode("utf-8", "replace").replace("\r\n", "\n").replace("\n ", "")
    lines = (line.partition(":") for line in text.partition("\n\n")[0].splitlines())
    return {name: value.strip() for name, separator, value in lines if separator}
