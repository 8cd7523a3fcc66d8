"""A stack and its change sets, as they are kept: everything that is known of them, and JSON both ways."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from lamina.names import Scope
from lamina.stacks.parameters import Parameter

# The stages of one operation on a stack, in the order it goes through them; "rolling back" only where it fails.
WORKING, CLEANING, ROLLING_BACK, UNDOING = "working", "cleaning", "rolling back", "undoing"


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource of a stack. `properties` are what it was last made or updated with, without functions.

    `physical_id` is what Ref of it comes to, "" as long as it has none; `attributes` what Fn::GetAtt may ask for.
    """

    logical_id: str
    type: str
    physical_id: str
    properties: Mapping[str, Any]
    attributes: Mapping[str, Any]
    status: str
    at: float
    reason: str | None = None
    deletion_policy: str = "Delete"
    replace_policy: str = "Delete"
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def now(self, status: str, at: float, reason: str | None = None) -> Resource:
        """The same resource at a later moment."""
        return replace(self, status=status, at=at, reason=reason)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that an operation began: how the resource was before (None: it was not there), and what was done.

    `action` is "create", "update" or "replace".
    """

    logical_id: str
    action: str
    before: Resource | None


@dataclass(frozen=True, slots=True)
class Input:
    """What a stack is to be: the template as it was sent and as it is carried out, and what goes with it."""

    template: str
    processed: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ()
    role: str | None = None
    notifications: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """What is being done to a stack. `kind` is "CREATE", "UPDATE" or "DELETE".

    `steps` are those begun, in their order; `leaving` holds what is to be deleted at the end. `on_failure` is
    "ROLLBACK", "DELETE" or "DO_NOTHING". `retained` names what a deletion leaves. `before` is what the stack was.
    """

    kind: str
    token: str | None
    stage: str = WORKING
    steps: tuple[Step, ...] = ()
    leaving: tuple[Resource, ...] = ()
    on_failure: str = "ROLLBACK"
    retained: tuple[str, ...] = ()
    before: Input | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack. `endpoint` is how its last caller reached this server; `order` the logical ids as they were made.

    `halted` is the update that was left in the middle, or whose way back failed: it can be gone on with, and what it
    left to be removed is removed by whatever comes next.
    """

    scope: Scope
    name: str
    id: str
    status: str
    created_at: float
    endpoint: str
    updated_at: float | None = None
    deleted_at: float | None = None
    reason: str | None = None
    description: str | None = None
    input: Input = Input("", "")
    resources: Mapping[str, Resource] = field(default_factory=dict)
    order: tuple[str, ...] = ()
    outputs: tuple[Mapping[str, Any], ...] = ()
    protected: bool = False
    on_failure: str = "ROLLBACK"
    operation: Operation | None = None
    halted: Operation | None = None
    change_set: str | None = None

    def with_resource(self, resource: Resource) -> Stack:
        """The stack with *resource* in place of what it had under its logical id."""
        return replace(self, resources={**self.resources, resource.logical_id: resource})

    def without(self, logical_id: str) -> Stack:
        """The stack without the resource *logical_id*."""
        return replace(self, resources={key: each for key, each in self.resources.items() if key != logical_id})

    @property
    def is_busy(self) -> bool:
        """Whether an operation on it is under way."""
        return self.operation is not None

    @property
    def exports(self) -> dict[str, str]:
        """What other stacks may import from it: name -> value."""
        return {each["ExportName"]: each["OutputValue"] for each in self.outputs if "ExportName" in each}


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a stack would become, and what would change for it: `changes` are as the API shows them."""

    id: str
    name: str
    stack_id: str
    kind: str
    status: str
    execution: str
    created_at: float
    input: Input
    reason: str | None = None
    description: str | None = None
    changes: tuple[Mapping[str, Any], ...] = ()
    on_failure: str | None = None


def stack_document(stack: Stack) -> dict[str, Any]:
    """All of *stack* but what it is found by, as JSON."""
    document = asdict(stack)
    for name in ("scope", "name", "id", "status", "created_at", "deleted_at"):
        del document[name]
    return document


def read_stack(
    scope: Scope,
    name: str,
    stack_id: str,
    status: str,
    created_at: float,
    deleted_at: float | None,
    document: Mapping[str, Any],
) -> Stack:
    """The stack that `stack_document` gave *document* of."""
    held = dict(document)
    operation, halted = held.pop("operation"), held.pop("halted")
    return Stack(
        scope=scope,
        name=name,
        id=stack_id,
        status=status,
        created_at=created_at,
        deleted_at=deleted_at,
        input=_input(held.pop("input")),
        resources={key: Resource(**each) for key, each in held.pop("resources").items()},
        order=tuple(held.pop("order")),
        outputs=tuple(held.pop("outputs")),
        operation=None if operation is None else _operation(operation),
        halted=None if halted is None else _operation(halted),
        **held,
    )


def change_set_document(change_set: ChangeSet) -> dict[str, Any]:
    """All of *change_set* as JSON."""
    return asdict(change_set)


def read_change_set(document: Mapping[str, Any]) -> ChangeSet:
    """The change set that `change_set_document` gave *document* of."""
    held = dict(document)
    return ChangeSet(**{**held, "input": _input(held["input"]), "changes": tuple(held["changes"])})


def _input(document: Mapping[str, Any]) -> Input:
    held = {each.name: document[each.name] for each in fields(Input)}
    held["parameters"] = {key: Parameter(**each) for key, each in held["parameters"].items()}
    held["capabilities"], held["notifications"] = tuple(held["capabilities"]), tuple(held["notifications"])
    return Input(**held)


def _operation(document: Mapping[str, Any]) -> Operation:
    held = dict(document)
    held["steps"] = tuple(
        Step(each["logical_id"], each["action"], None if each["before"] is None else Resource(**each["before"]))
        for each in held["steps"]
    )
    held["leaving"] = tuple(Resource(**each) for each in held["leaving"])
    held["retained"] = tuple(held["retained"])
    held["before"] = None if held["before"] is None else _input(held["before"])
    return Operation(**held)
