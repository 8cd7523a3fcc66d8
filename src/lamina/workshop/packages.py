"""The packages that an artifact holds, found where each language's tools left their records of them."""

from __future__ import annotations

import csv
import json
import re
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from email.parser import BytesHeaderParser
from enum import StrEnum
from typing import Any, Final

from packaging.utils import canonicalize_name

from lamina.workshop.artifacts import Artifact, Entry, Kind, Role


class Ecosystem(StrEnum):
    """Whose package manager knows it."""

    PYTHON = "python"
    NODE = "node"
    JAVA = "java"
    RUBY = "ruby"


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package. `name` is as its record spells it, `version` is "" where the record has none.

    `record` is the file that told of it, `root` the folder that imports look into. `files` are the paths that belong to
    it, `size_bytes` what they take. `requires` is as written: requirements (Python), names (Node.js). `tags` are those
    of the wheel it came in.
    """

    ecosystem: Ecosystem
    name: str
    version: str
    record: str
    root: str
    files: frozenset[str]
    size_bytes: int
    requires: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        """Equal for what is the same package however it is spelled."""
        return canonicalize_name(self.name) if self.ecosystem is Ecosystem.PYTHON else self.name


_SITE: Final = re.compile(r"(python/lib/python3\.\d+/site-packages)/")
_DIST: Final = re.compile(r"[^/]+\.(?:dist-info/METADATA|egg-info/PKG-INFO|egg-info)")
_BYTE_CODE: Final = re.compile(r"((?:.*/)?)__pycache__/([^/]+?)\.[^/]+\.pyc")
_NODE: Final = re.compile(r"((?:.*/)?node_modules)/((?:@[^/]+/)?[^/@.][^/]*)/package\.json")
_JAR: Final = re.compile(r"(.+?)-(\d[^/]*)\.jar")
_GEM: Final = re.compile(r"(ruby/gems/[^/]+)/specifications/(?:default/)?([^/]+)-(\d[^/]*)\.gemspec")


def python_roots(artifact: Artifact) -> tuple[str, ...]:
    """The folders that some Python looks for modules in, "" for the artifact itself, in the order of sys.path."""
    if artifact.role is Role.FUNCTION:
        return ("",)
    sites = {found[1] for entry in artifact.entries if (found := _SITE.match(entry.path))}
    return (*sorted(sites), "python")


def packages(artifact: Artifact) -> tuple[Package, ...]:
    """Every package that *artifact* says it has, by ecosystem and name."""
    files = {entry.path: entry for entry in artifact.files}
    found = [*_python(artifact, files), *_node(artifact, files), *_java(files), *_ruby(files)]
    return tuple(sorted(found, key=lambda package: (package.ecosystem, package.key, package.record)))


def _below(paths: Sequence[str], folder: str) -> Sequence[str]:
    """Those of *paths*, which are sorted, that lie below *folder*, which ends with a slash."""
    # "0" is what follows "/".
    return paths[bisect_left(paths, folder) : bisect_left(paths, f"{folder[:-1]}0")]


def _python(artifact: Artifact, files: Mapping[str, Entry]) -> Iterator[Package]:
    paths = tuple(files)
    for root in python_roots(artifact):
        below = f"{root}/" if root else ""
        for path in _below(paths, below) if below else paths:
            if _DIST.fullmatch(path[len(below) :]):
                yield _distribution(artifact, files, paths, root, path)


def _distribution(
    artifact: Artifact, files: Mapping[str, Entry], paths: Sequence[str], root: str, path: str
) -> Package:
    said = BytesHeaderParser().parsebytes(artifact.read(path))
    folder = path.rpartition("/")[0] if path.endswith(("/METADATA", "/PKG-INFO")) else ""
    owned = _recorded(artifact, files, paths, root, folder) if folder else set()
    owned.add(path)
    # Byte-code is made after the record is written, and goes with its source.
    for made in {f"{owner.rpartition('/')[0]}/__pycache__/" for owner in owned}:
        for file in _below(paths, made):
            code = _BYTE_CODE.fullmatch(file)
            if code is not None and f"{code[1]}{code[2]}.py" in owned:
                owned.add(file)
    wheel = f"{folder}/WHEEL"
    tags = BytesHeaderParser().parsebytes(artifact.read(wheel)).get_all("Tag", []) if wheel in files else []
    name = str(said.get("Name") or path.removeprefix(f"{root}/").partition("-")[0])
    return Package(
        Ecosystem.PYTHON,
        name,
        str(said.get("Version", "")),
        path,
        root,
        frozenset(owned),
        sum(files[inner].size for inner in owned),
        tuple(str(requirement) for requirement in said.get_all("Requires-Dist", [])),
        tuple(str(tag) for tag in tags),
    )


def _recorded(artifact: Artifact, files: Mapping[str, Entry], paths: Sequence[str], root: str, folder: str) -> set[str]:
    """What the installer wrote down as its own, as far as it is there; else all of the modules of its name."""
    below = f"{root}/" if root else ""
    record = f"{folder}/RECORD"
    owned = set(_below(paths, f"{folder}/"))
    if record in files:
        lines = artifact.read(record).decode("utf-8", "replace").splitlines()
        return owned | {below + row[0] for row in csv.reader(lines) if row and below + row[0] in files}
    listed = f"{folder}/top_level.txt"
    modules = artifact.read(listed).decode("utf-8", "replace").split() if listed in files else []
    for module in modules:
        owned |= set(_below(paths, f"{below}{module}/"))
        owned |= {path for path in paths if path.startswith(f"{below}{module}.")}
    return owned


def _node(artifact: Artifact, files: Mapping[str, Entry]) -> Iterator[Package]:
    paths = tuple(files)
    for path in paths:
        found = _NODE.fullmatch(path)
        if found is None:
            continue
        said = manifest(artifact, path)
        folder = path.removesuffix("package.json")
        inner = f"{folder}node_modules/"
        owned = frozenset(file for file in _below(paths, folder) if not file.startswith(inner))
        optional = _keys(said, "optionalDependencies")
        yield Package(
            Ecosystem.NODE,
            found[2],
            str(said.get("version", "")),
            path,
            found[1],
            owned,
            sum(files[file].size for file in owned),
            tuple(name for name in _keys(said, "dependencies") if name not in optional),
        )


def manifest(artifact: Artifact, path: str) -> Mapping[str, Any]:
    """The package.json at *path*; empty when it is no JSON object."""
    try:
        said = json.loads(artifact.read(path))
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _keys(said: Mapping[str, Any], member: str) -> tuple[str, ...]:
    value = said.get(member)
    return tuple(value) if isinstance(value, dict) else ()


def _java(files: Mapping[str, Entry]) -> Iterator[Package]:
    for path, entry in files.items():
        found = _JAR.fullmatch(entry.name)
        if found is not None and path in (f"java/lib/{entry.name}", f"lib/{entry.name}"):
            root = path.rpartition("/")[0]
            yield Package(Ecosystem.JAVA, found[1], found[2], path, root, frozenset((path,)), entry.size)


def _ruby(files: Mapping[str, Entry]) -> Iterator[Package]:
    paths = tuple(files)
    for path in paths:
        found = _GEM.fullmatch(path)
        if found is not None:
            root, name, version = found.groups()
            inside = f"{root}/gems/{name}-{version}/"
            owned = frozenset((path, *_below(paths, inside)))
            yield Package(Ecosystem.RUBY, name, version, path, root, owned, sum(files[file].size for file in owned))


def owners(found: tuple[Package, ...]) -> dict[str, Package]:
    """The package of every path that belongs to one."""
    return {path: package for package in found for path in package.files}


def modules(artifact: Artifact, root: str) -> dict[str, Entry]:
    """What `import` finds in the folder *root*: names to the files or folders that they mean."""
    below = f"{root}/" if root else ""
    found: dict[str, Entry] = {}
    for entry in artifact.entries:
        inner = entry.path[len(below) :]
        if not entry.path.startswith(below) or not inner or "/" in inner:
            continue
        name = inner.partition(".")[0]
        is_module = entry.kind is Kind.FOLDER and "." not in inner
        if name.isidentifier() and (is_module or inner.endswith((".py", ".so", ".pyc"))):
            found.setdefault(name, entry)
    return found
