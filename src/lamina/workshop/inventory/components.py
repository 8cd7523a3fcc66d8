"""Every package of an artifact with its licences and what it says it needs, as its own records have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import BytesHeaderParser
from typing import Any, Final

from lamina.workshop.artifacts import Artifact
from lamina.workshop.inventory.jars import Coordinates, inside, mavens
from lamina.workshop.inventory.licences import Licence, known, named
from lamina.workshop.packages import Ecosystem, Package, manifest, packages

_GEM_LICENCES: Final = re.compile(r"\.licenses? = \[?((?:\s*\"[^\"]*\"(?:\.freeze)?,?)+)")
_GEM_NEEDS: Final = re.compile(r"\.add_(?:runtime_)?dependency\(\s*(?:%q<|[\"'])([\w.-]+)")


@dataclass(frozen=True, slots=True)
class Component:
    """A package in an artifact. `group` is a scope (Node.js) or a group (Java), "" where there is none.

    `record` is the path of what told of it, unlike that of any other, with "!/" before what is inside a jar. `folder`
    is where Node.js finds it. `requires` are requirements (Python), names (Node.js, Ruby) or "group:artifact" (Java).
    """

    ecosystem: Ecosystem
    group: str
    name: str
    version: str
    record: str
    licences: tuple[Licence, ...] = ()
    requires: tuple[str, ...] = ()
    folder: str = ""


def components(artifact: Artifact) -> tuple[Component, ...]:
    """All that *artifact* holds, by ecosystem, name and place."""
    found = [_component(artifact, package) for package in packages(artifact) if package.ecosystem is not Ecosystem.JAVA]
    found += _java(artifact)
    return tuple(sorted(found, key=lambda each: (each.ecosystem, each.group, each.name.lower(), each.record)))


def _component(artifact: Artifact, package: Package) -> Component:
    if package.ecosystem is Ecosystem.PYTHON:
        said = BytesHeaderParser().parsebytes(artifact.read(package.record))
        return _of(package, "", package.name, _pythons(said), package.requires)
    if package.ecosystem is Ecosystem.NODE:
        meant = manifest(artifact, package.record)
        # A package installed under another name knows its own.
        name = meant.get("name") if isinstance(meant.get("name"), str) else package.name
        group, _, last = str(name or package.name).rpartition("/")
        optional = meant.get("optionalDependencies")
        needs = dict.fromkeys((*package.requires, *(optional if isinstance(optional, dict) else ())))
        return _of(package, group, last, _nodes(meant), tuple(needs))
    text = artifact.read(package.record).decode("utf-8", "replace")
    licences = [name for found in _GEM_LICENCES.findall(text) for name in re.findall(r"\"([^\"]*)\"", found)]
    return _of(package, "", package.name, named(licences), tuple(dict.fromkeys(_GEM_NEEDS.findall(text))))


def _of(package: Package, group: str, name: str, licences: tuple[Licence, ...], requires: tuple[str, ...]) -> Component:
    folder = package.record.rpartition("/")[0] if package.ecosystem is Ecosystem.NODE else ""
    return Component(package.ecosystem, group, name, package.version, package.record, licences, requires, folder)


def _pythons(said: Message) -> tuple[Licence, ...]:
    """The expression, else what is SPDX's in the older field, else the classifiers, else the older field as it is."""
    for member in ("License-Expression", "License"):
        meant = known(str(said.get(member, "")))
        if meant is not None:
            return (meant,)
    classifiers = [str(line).split(" :: ") for line in said.get_all("Classifier", [])]
    licences = [parts[-1].strip() for parts in classifiers if parts[0] == "License" and parts[-1] != "OSI Approved"]
    older = str(said.get("License", ""))
    # What setuptools once wrote where nothing was declared.
    return named(licences) or named([] if older == "UNKNOWN" else [older])


def _nodes(meant: Any) -> tuple[Licence, ...]:
    """`license` is an expression, once was an object, and before that `licenses`, a list of objects."""
    several = meant.get("licenses")
    given = [meant.get("license"), *(several if isinstance(several, list) else [])]
    texts = [one.get("type") if isinstance(one, dict) else one for one in given]
    return named(text for text in texts if isinstance(text, str))


def _java(artifact: Artifact) -> Iterator[Component]:
    """The jars, wherever they lie, with what was shaded into them; and what was shaded into the code itself."""
    for each in mavens((entry.path for entry in artifact.files), artifact.read):
        yield _library(each, each.record)
    for entry in artifact.files:
        if entry.name.endswith(".jar"):
            for each in inside(entry.name, artifact.read(entry.path)):
                yield _library(each, f"{entry.path}!/{each.record}" if each.record else entry.path)


def _library(each: Coordinates, record: str) -> Component:
    return Component(Ecosystem.JAVA, each.group, each.name, each.version, record, each.licences, each.requires)
