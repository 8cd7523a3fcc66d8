"""What has to be there before what: references between resources, and an order that respects all of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lamina.stacks.faults import invalid, misformed
from lamina.stacks.templates import Template

_SUBSTITUTED = re.compile(r"\$\{([^!}][^}]*)\}")
Holds = Callable[[str], bool]


def references(value: Any, holds: Holds | None = None) -> Iterator[str]:
    """The names that *value* refers to by Ref, Fn::GetAtt or Fn::Sub; of an Fn::If, with *holds*, only what counts."""
    if isinstance(value, list):
        for each in value:
            yield from references(each, holds)
    if not isinstance(value, Mapping):
        return
    if len(value) == 1:
        ((name, argument),) = value.items()
        if name == "Ref" and isinstance(argument, str):
            yield argument
            return
        if name == "Fn::GetAtt":
            first = argument.partition(".")[0] if isinstance(argument, str) else argument[0]
            yield str(first)
            # The attribute's name may be a function itself.
            yield from references(argument[1:] if isinstance(argument, list) else None, holds)
            return
        if name == "Fn::Sub":
            yield from _substituted(argument, holds)
            return
        if name == "Fn::If" and holds is not None and isinstance(argument, list) and len(argument) == 3:
            chosen = isinstance(argument[0], str) and not holds(argument[0])
            yield from references(argument[2 if chosen else 1], holds)
            return
    for each in value.values():
        yield from references(each, holds)


def _substituted(argument: Any, holds: Holds | None) -> Iterator[str]:
    text, given = (argument, {}) if not isinstance(argument, list) else (argument[0], argument[-1])
    if isinstance(text, str):
        for name in _SUBSTITUTED.findall(text):
            if not isinstance(given, Mapping) or name not in given:
                yield name.strip().partition(".")[0]
    yield from references(given, holds)


def check_references(template: Template) -> None:
    """Raise the API's error for a name that nothing in *template* has."""
    known = template.resources.keys() | template.parameters.keys()
    for section, values in (
        ("Resources", [(each.properties, each.depends_on) for each in template.resources.values()]),
        ("Outputs", [(each, ()) for each in template.outputs.values()]),
        ("Conditions", [(each, ()) for each in template.conditions.values()]),
    ):
        missing: list[str] = []
        for value, names in values:
            wanted = [*references(value), *names]
            missing += [name for name in wanted if name not in known and not name.startswith("AWS::")]
        if missing:
            told = ", ".join(dict.fromkeys(missing))
            raise misformed(f"Unresolved resource dependencies [{told}] in the {section} block of the template")


def ordered(template: Template, holds: Holds) -> list[str]:
    """The logical ids of the resources that *template* wants under *holds*, each behind all that it needs.

    Raises the API's error for resources that need each other.
    """
    wanted = {
        name: each for name, each in template.resources.items() if each.condition is None or holds(each.condition)
    }
    needs = {
        name: {other for other in (*references(each.properties, holds), *each.depends_on) if other in wanted} - {name}
        for name, each in wanted.items()
    }
    done: dict[str, None] = {}
    while len(done) < len(wanted):
        ready = [name for name in wanted if name not in done and needs[name] <= done.keys()]
        if not ready:
            left = ", ".join(sorted(wanted.keys() - done.keys()))
            raise invalid(f"Circular dependency between resources: [{left}]")
        done.update(dict.fromkeys(ready))
    return list(done)


def attributes(template: Template, logical_id: str) -> tuple[str, ...]:
    """The attributes of the resource *logical_id* that something in *template* asks for by a name that is written."""
    found: dict[str, None] = {}
    for value in (*(each.properties for each in template.resources.values()), *template.outputs.values()):
        found.update(dict.fromkeys(_attributes(value, logical_id)))
    return tuple(found)


def _attributes(value: Any, logical_id: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _attributes(each, logical_id)
    if not isinstance(value, Mapping):
        return
    for name, argument in value.items():
        if name == "Fn::GetAtt":
            parts = argument.split(".", 1) if isinstance(argument, str) else argument
            if parts[0] == logical_id and isinstance(parts[1], str):
                yield parts[1]
        elif name == "Fn::Sub":
            text = argument[0] if isinstance(argument, list) else argument
            names = (each.strip().partition(".") for each in _SUBSTITUTED.findall(str(text)))
            yield from (attribute for resource, _, attribute in names if resource == logical_id and attribute)
        yield from _attributes(argument, logical_id)
