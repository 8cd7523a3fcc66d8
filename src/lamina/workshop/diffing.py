"""What one layer has that another has not: packages first, then files, then the lines of a text."""

from __future__ import annotations

import difflib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lamina.workshop.artifacts import Artifact, Entry, Kind
from lamina.workshop.packages import Ecosystem, Package, owners, packages

_TEXT_BYTES_MAX: Final = 1 << 20


class Way(StrEnum):
    """How something differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class PackageChange:
    """A package with other versions than before; several where an artifact has several. Sizes are in bytes.

    `key` is the name as `Package.key` spells it.
    """

    ecosystem: Ecosystem
    key: str
    name: str
    way: Way
    before: tuple[str, ...]
    after: tuple[str, ...]
    before_bytes: int
    after_bytes: int


@dataclass(frozen=True, slots=True)
class FileChange:
    """A path that differs. `about` says in what ("content", "mode", "kind", "target"), empty for new and gone ones.

    `packages` are the keys of those that it belongs to, before and after.
    """

    path: str
    way: Way
    before: Entry | None
    after: Entry | None
    about: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """All that differs between two artifacts. `attributes` are pairs of before and after, by what they are of."""

    packages: tuple[PackageChange, ...]
    files: tuple[FileChange, ...]
    attributes: Mapping[str, tuple[str, str]]

    @property
    def is_empty(self) -> bool:
        """Whether whoever attaches the one has exactly what the other gives."""
        return not self.files

    @property
    def other_files(self) -> tuple[FileChange, ...]:
        """The files that no change of a package explains."""
        explained = {change.key for change in self.packages}
        return tuple(change for change in self.files if not set(change.packages) & explained)


def compare(before: Artifact, after: Artifact) -> Difference:
    """How *after* differs from *before*. Reads the files that are of one size in both."""
    old, new = packages(before), packages(after)
    return Difference(
        tuple(_packages(old, new)), tuple(_files(before, after, owners(old), owners(new))), _attributes(before, after)
    )


def text_difference(before: Artifact, after: Artifact, change: FileChange) -> list[str] | None:
    """The lines that differ, as `diff -u` prints them; None for what is no text, is too long for one or is a folder.

    A file that is new or gone is compared with nothing.
    """
    texts = []
    for artifact, entry in ((before, change.before), (after, change.after)):
        text = "" if entry is None else _text(artifact, entry)
        if text is None:
            return None
        texts.append(text.splitlines())
    names = [
        f"{artifact.name}/{change.path}" if entry is not None else "/dev/null"
        for artifact, entry in ((before, change.before), (after, change.after))
    ]
    return list(difflib.unified_diff(texts[0], texts[1], names[0], names[1], lineterm=""))


def _text(artifact: Artifact, entry: Entry) -> str | None:
    if entry.kind is not Kind.FILE or entry.size > _TEXT_BYTES_MAX:
        return None
    data = artifact.read(entry.path)
    try:
        return None if b"\0" in data else data.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _packages(old: tuple[Package, ...], new: tuple[Package, ...]) -> list[PackageChange]:
    sides: tuple[defaultdict[tuple[Ecosystem, str], list[Package]], ...] = (defaultdict(list), defaultdict(list))
    for side, found in zip(sides, (old, new), strict=True):
        for package in found:
            side[package.ecosystem, package.key].append(package)
    changes = []
    for key in sorted(set(sides[0]) | set(sides[1])):
        was, is_now = sides[0].get(key, []), sides[1].get(key, [])
        before, after = _versions(was), _versions(is_now)
        if before != after:
            way = Way.ADDED if not was else Way.REMOVED if not is_now else Way.CHANGED
            name = (is_now or was)[0].name
            sizes = [sum(package.size_bytes for package in side) for side in (was, is_now)]
            changes.append(PackageChange(*key, name, way, before, after, *sizes))
    return changes


def _versions(found: list[Package]) -> tuple[str, ...]:
    return tuple(sorted(package.version for package in found))


def _files(
    before: Artifact, after: Artifact, old_owner: Mapping[str, Package], new_owner: Mapping[str, Package]
) -> list[FileChange]:
    old = {entry.path: entry for entry in before.entries}
    new = {entry.path: entry for entry in after.entries}
    parents = {path.rpartition("/")[0] for path in (*old, *new)}
    changes = []
    for path in sorted(old.keys() | new.keys()):
        was, is_now = old.get(path), new.get(path)
        names = tuple(dict.fromkeys(owner[path].key for owner in (old_owner, new_owner) if path in owner))
        if was is None or is_now is None:
            # A folder is there because of what is in it; only an empty one is news.
            one = is_now or was
            if one is not None and (one.kind is not Kind.FOLDER or path not in parents):
                way = Way.ADDED if was is None else Way.REMOVED
                changes.append(FileChange(path, way, was, is_now, packages=names))
        elif about := _about(before, was, after, is_now):
            changes.append(FileChange(path, Way.CHANGED, was, is_now, about, names))
    return changes


def _about(before: Artifact, was: Entry, after: Artifact, is_now: Entry) -> tuple[str, ...]:
    if was.kind is not is_now.kind:
        return ("kind",)
    found = []
    if was.kind is Kind.LINK:
        return ("target",) if was.target != is_now.target else ()
    if was.kind is Kind.FILE and (was.size != is_now.size or before.read(was.path) != after.read(is_now.path)):
        found.append("content")
    if was.mode != is_now.mode:
        found.append("mode")
    return tuple(found)


def _attributes(before: Artifact, after: Artifact) -> dict[str, tuple[str, str]]:
    pairs: dict[str, tuple[str, str]] = {
        "runtimes": (_said(before.runtimes), _said(after.runtimes)),
        "architectures": (_said(before.architectures), _said(after.architectures)),
        "layers": (_said(before.layers), _said(after.layers)),
    }
    return {name: pair for name, pair in pairs.items() if all(pair) and pair[0] != pair[1]}


def _said(names: tuple[str, ...] | None) -> str:
    return ", ".join(names or ())
