"""Which package needs which, as they declare it, among all that is attached together."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from lamina.workshop.inventory.components import Component
from lamina.workshop.packages import Ecosystem

_EXTRA: Final = re.compile(r"\bextra\s*==\s*[\"']([^\"']+)[\"']")
# Where a layer's packages of Node.js lie, and a function's; all functions with layers look through both.
_NODE_ROOTS: Final = ("node_modules", "nodejs/node_modules")

Place = tuple[int, str]
"""A component: the number of its artifact, and its record there."""


def dependencies(held: Sequence[Sequence[Component]]) -> dict[Place, tuple[Place, ...]]:
    """What each component of the artifacts *held* needs and is there, the code's as the last artifact.

    Of several that might be meant it is the one in the same artifact, else that of the last. Requirements that only an
    extra makes count when somebody asks for that extra; for which Python or system others are, is not asked.
    """
    by_key: defaultdict[tuple[Ecosystem, str], list[Place]] = defaultdict(list)
    folders: dict[tuple[int, str], Place] = {}
    for number, components in enumerate(held):
        for each in components:
            by_key[each.ecosystem, _key(each)].append((number, each.record))
            if each.ecosystem is Ecosystem.NODE:
                folders[number, each.folder] = (number, each.record)
    extras = _extras(held)
    found = {}
    for number, components in enumerate(held):
        for each in components:
            place = (number, each.record)
            if each.ecosystem is Ecosystem.NODE:
                needed = [_of_node(number, each.folder, name, folders, len(held)) for name in each.requires]
            else:
                names = _of_python(each, extras) if each.ecosystem is Ecosystem.PYTHON else each.requires
                needed = [_nearest(number, by_key.get((each.ecosystem, name), ())) for name in names]
            found[place] = tuple(sorted({one for one in needed if one is not None and one != place}))
    return found


def _key(component: Component) -> str:
    if component.ecosystem is Ecosystem.PYTHON:
        return canonicalize_name(component.name)
    return f"{component.group}:{component.name}" if component.ecosystem is Ecosystem.JAVA else component.name


def _nearest(number: int, places: Sequence[Place]) -> Place | None:
    own = [place for place in places if place[0] == number]
    return max(own or places, default=None)


def _requirements(component: Component) -> Iterator[Requirement]:
    for text in component.requires:
        try:
            yield Requirement(text)
        except (InvalidRequirement, RecursionError):
            # The second is what a marker of a thousand parentheses makes of the parser.
            continue


def _extras(held: Sequence[Sequence[Component]]) -> Mapping[str, set[str]]:
    asked: defaultdict[str, set[str]] = defaultdict(set)
    for components in held:
        for each in components:
            if each.ecosystem is Ecosystem.PYTHON:
                for requirement in _requirements(each):
                    asked[canonicalize_name(requirement.name)] |= set(map(canonicalize_name, requirement.extras))
    return asked


def _of_python(component: Component, extras: Mapping[str, set[str]]) -> Iterator[str]:
    asked = extras.get(_key(component), set())
    for requirement in _requirements(component):
        wanted = {canonicalize_name(extra) for extra in _EXTRA.findall(str(requirement.marker or ""))}
        if not wanted or wanted & asked:
            yield canonicalize_name(requirement.name)


def _of_node(number: int, folder: str, name: str, folders: Mapping[tuple[int, str], Place], count: int) -> Place | None:
    """Where `require(name)` leads to from *folder*: up through every node_modules, then to the others' own."""
    parts = folder.split("/")
    for length in range(len(parts), -1, -1):
        above = "/".join((*parts[:length], "node_modules", name))
        if (number, above) in folders:
            return folders[number, above]
    for other in reversed(range(count)):
        for root in _NODE_ROOTS:
            if (other, f"{root}/{name}") in folders:
                return folders[other, f"{root}/{name}"]
    return None
