"""Packages by the licence they declare."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from lamina.workshop.artifacts import Artifact
from lamina.workshop.inventory.components import Component, components


def by_licence(artifacts: Sequence[Artifact]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Each licence with the packages under it ("requests 2.34.2"), by name; what declares none is under "" and last.

    A package of several licences is under each; one of an expression is under that alone.
    """
    found: defaultdict[str, set[str]] = defaultdict(set)
    for artifact in artifacts:
        for each in components(artifact):
            for text in [licence.text for licence in each.licences] or [""]:
                found[text].add(_called(each))
    ordered = sorted(found.items(), key=lambda item: (not item[0], item[0].lower(), item[0]))
    return tuple((text, tuple(sorted(names, key=str.lower))) for text, names in ordered)


def _called(component: Component) -> str:
    name = f"{component.group}/{component.name}" if component.group else component.name
    return f"{name} {component.version}".rstrip()
