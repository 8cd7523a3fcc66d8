"""What a function sees of its layers, as a tree: packages, sizes, and who wins where layers meet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lamina.workshop.artifacts import Artifact, Entry, Kind
from lamina.workshop.packages import Package, owners, packages


@dataclass(frozen=True, slots=True)
class Branch:
    """One name in the tree. `size_bytes` and `files` are of all that is below and seen.

    `package` is the one that every file below belongs to, if they all do. `sources` are the names of the artifacts that
    bring what is seen; `hidden` those that have something at this very path which is not seen.
    """

    name: str
    kind: Kind
    size_bytes: int
    files: int
    package: Package | None = None
    sources: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()
    target: str | None = None
    children: tuple[Branch, ...] = ()


@dataclass(frozen=True, slots=True)
class _Seen:
    artifact: Artifact
    entry: Entry
    package: Package | None
    hidden: tuple[str, ...]


def grow(layers: Sequence[Artifact], function: Artifact | None = None) -> tuple[Branch, ...]:
    """/opt with *layers*, listed as a function lists them, and /var/task when there is a *function*."""
    grown = [_grown("/opt", layers)] if layers else []
    return (*grown, *([_grown("/var/task", [function])] if function is not None else []))


def _grown(root: str, artifacts: Sequence[Artifact]) -> Branch:
    seen: dict[str, _Seen] = {}
    for artifact in artifacts:
        owner = owners(packages(artifact))
        for entry in artifact.entries:
            _lay(seen, artifact, entry, owner)
    below: defaultdict[str, list[str]] = defaultdict(list)
    for path in sorted(seen):
        below[path.rpartition("/")[0]].append(path)
    return _folder(root, "", seen, below, ())


def _lay(seen: dict[str, _Seen], artifact: Artifact, entry: Entry, owner: Mapping[str, Package]) -> None:
    """Put *entry* over what is there, as overlayfs does: two folders become one, of all else the upper is seen."""
    before = seen.get(entry.path)
    if before is not None and before.entry.kind is entry.kind is Kind.FOLDER:
        return
    hidden: tuple[str, ...] = ()
    if before is not None:
        hidden = (*before.hidden, before.artifact.name)
        if before.entry.kind is Kind.FOLDER:
            for path in [path for path in seen if path.startswith(f"{entry.path}/")]:
                del seen[path]
    seen[entry.path] = _Seen(artifact, entry, owner.get(entry.path), hidden)


def _folder(
    name: str, path: str, seen: Mapping[str, _Seen], below: Mapping[str, list[str]], hidden: tuple[str, ...]
) -> Branch:
    children = tuple(_branch(inner, seen, below) for inner in below.get(path, ()))
    found = {child.package for child in children}
    return Branch(
        name,
        Kind.FOLDER,
        sum(child.size_bytes for child in children),
        sum(child.files for child in children),
        found.pop() if len(found) == 1 else None,
        tuple(dict.fromkeys(source for child in children for source in child.sources)),
        hidden,
        children=children,
    )


def _branch(path: str, seen: Mapping[str, _Seen], below: Mapping[str, list[str]]) -> Branch:
    found = seen[path]
    name = found.entry.name
    if found.entry.kind is Kind.FOLDER:
        return _folder(name, path, seen, below, found.hidden)
    return Branch(
        name,
        found.entry.kind,
        found.entry.size,
        1,
        found.package,
        (found.artifact.name,),
        found.hidden,
        found.entry.target,
    )
