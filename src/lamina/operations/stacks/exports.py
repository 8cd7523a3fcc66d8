"""What stacks of one account and region give to each other by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lamina.catalog.port import Catalog
from lamina.names import Scope
from lamina.stacks.faults import invalid
from lamina.stacks.reading import read
from lamina.stacks.stack import Stack


def imported_by(catalog: Catalog, stack: Stack) -> Callable[[str], str]:
    """What Fn::ImportValue comes to in *stack*; raises the API's error for a name that nobody exports."""
    with catalog.reading() as transaction:
        others = [each for each in transaction.stacks.of_scope(stack.scope) if each.id != stack.id]
    exports = {name: value for each in others if each.deleted_at is None for name, value in each.exports.items()}

    def imported(name: str) -> str:
        if name not in exports:
            raise invalid(f"No export named {name} found.")
        return exports[name]

    return imported


def importers(catalog: Catalog, scope: Scope, name: str) -> list[str]:
    """The names of the stacks that import the export *name*."""
    with catalog.reading() as transaction:
        stacks = [each for each in transaction.stacks.of_scope(scope) if each.deleted_at is None]
    return sorted(each.name for each in stacks if name in imports(each))


def imports(stack: Stack) -> set[str]:
    """The names that *stack*'s template imports, where they are told without its parameters' values."""
    if "ImportValue" not in stack.input.processed:
        return set()
    named = {name: each.given for name, each in stack.input.parameters.items()}
    told = {"AWS::StackName": stack.name, "AWS::Region": stack.scope.region, "AWS::AccountId": stack.scope.account}
    return {_name(value, {**named, **told}) for value in _imported(read(stack.input.processed))}


def check_exports(catalog: Catalog, stack: Stack) -> None:
    """Raise the API's error for an export that another stack has, or that was changed or dropped while it is in use."""
    with catalog.reading() as transaction:
        others = [
            each for each in transaction.stacks.of_scope(stack.scope) if each.id != stack.id and each.deleted_at is None
        ]
        before = transaction.stacks.get(stack.scope, stack.id)
    for other in others:
        if taken := sorted(other.exports.keys() & stack.exports.keys()):
            raise invalid(
                f"Export with name {taken[0]} is already exported by stack {other.name}. Rename the export"
                " and try again."
            )
    if before is None:
        return
    for name, value in before.exports.items():
        if stack.exports.get(name) == value:
            continue
        users = [each.name for each in others if name in imports(each)]
        if users:
            verb = "updated" if name in stack.exports else "deleted"
            raise invalid(f"Export {name} cannot be {verb} as it is in use by {', '.join(sorted(users))}")


def _imported(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        for key, held in value.items():
            if key == "Fn::ImportValue":
                yield held
            else:
                yield from _imported(held)
    elif isinstance(value, list):
        for each in value:
            yield from _imported(each)


def _name(value: Any, named: Mapping[str, str]) -> str:
    if isinstance(value, Mapping) and len(value) == 1:
        ((function, argument),) = value.items()
        if function == "Ref":
            return named.get(str(argument), "")
        if function == "Fn::Sub":
            text = argument[0] if isinstance(argument, list) else argument
            given = argument[1] if isinstance(argument, list) else {}
            for key, held in {**named, **{key: _name(each, named) for key, each in given.items()}}.items():
                text = text.replace(f"${{{key}}}", held)
            return str(text)
        if function == "Fn::Join":
            return str(argument[0]).join(_name(each, named) for each in argument[1])
    return str(value)
