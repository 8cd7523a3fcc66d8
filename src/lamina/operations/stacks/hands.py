"""What is done to one resource, and told of it: made or changed by its kind, removed, named."""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from lamina.catalog.port import Catalog
from lamina.operations.stacks.answers import Answers
from lamina.operations.stacks.clients import Clients
from lamina.operations.stacks.kinds.kind import HalfMade, Kind, Made, Site
from lamina.operations.stacks.ledger import Clock, Ledger
from lamina.operations.stacks.lookups import looked_up
from lamina.operations.stacks.reasons import reason_of
from lamina.stacks.ordering import attributes
from lamina.stacks.stack import Resource
from lamina.stacks.templates import Template
from lamina.stacks.types import named

KEPT: Final = frozenset({"Retain", "RetainExceptOnCreate"})
_UNIQUE: Final = string.ascii_uppercase + string.digits


class Interrupted(Exception):
    """The server is being stopped: what is left to do is done after its next start."""


class StackFailed(Exception):
    """The operation cannot succeed; the text says why."""


@dataclass(frozen=True, slots=True)
class Means:
    """What all runs share.

    `stopping` tells whether the server is being stopped; `cancelled`, of a stack, whether its update is given up.
    """

    catalog: Catalog
    clients: Clients
    answers: Answers
    kind_of: Callable[[str], Kind]
    clock: Clock
    stopping: Callable[[], bool]
    cancelled: Callable[[str], bool]


class Hands:
    """Works on the resources of the stack in *ledger*. `template` tells what is asked of them, once it is known."""

    def __init__(self, means: Means, ledger: Ledger) -> None:
        self._means = means
        self._ledger = ledger
        self.template: Template | None = None

    def do(self, resource: Resource, verb: str, act: Callable[[Kind, Site], Made]) -> None:
        """Have *act* make or change *resource* ("CREATE", "UPDATE" it); raises StackFailed, the reason recorded."""
        site = self._site(resource)
        try:
            made = act(self._means.kind_of(resource.type), site)
        except Exception as error:
            reason = reason_of(error)
            if isinstance(error, HalfMade):
                resource = replace(resource, physical_id=error.physical_id)
            self._ledger.record(resource.now(f"{verb}_FAILED", self._ledger.now(), reason))
            raise StackFailed(
                f"The following resource(s) failed to {verb.lower()}: [{resource.logical_id}]. "
            ) from error
        resource = replace(resource, physical_id=made.physical_id, attributes=made.attributes)
        self._ledger.record(resource.now(f"{verb}_COMPLETE", self._ledger.now()))

    def change(self, before: Resource, after: Resource) -> Made:
        """Have *before* be what *after* is; raises whatever its kind does."""
        return self._means.kind_of(after.type).change(self._site(after), before, self.looked_up(after))

    def remove(self, resource: Resource, *, kept: bool) -> bool:
        """Whether *resource* is gone, or was to be *kept*."""
        now = self._ledger.now
        if not resource.physical_id:
            return True
        if kept:
            self._ledger.tell(resource.now("DELETE_SKIPPED", now()))
            return True
        self._ledger.tell(resource.now("DELETE_IN_PROGRESS", now()))
        try:
            self._means.kind_of(resource.type).remove(self._site(resource), resource)
        except Exception as error:  # noqa: BLE001 - the stack's owner is told
            self._ledger.tell(resource.now("DELETE_FAILED", now(), reason_of(error)))
            return False
        self._ledger.tell(resource.now("DELETE_COMPLETE", now()))
        return True

    def remove_leaving(self) -> list[str]:
        """Remove what the operation no longer needs, and give the names of what could not be removed."""
        failed = []
        while self._ledger.operation.leaving:
            self.check_stopping()
            leaving = self._ledger.operation.leaving[0]
            if not self.remove(leaving, kept=leaving.deletion_policy in KEPT):
                failed.append(leaving.logical_id)
            self._ledger.save(
                replace(
                    self._ledger.stack,
                    operation=replace(self._ledger.operation, leaving=self._ledger.operation.leaving[1:]),
                )
            )
        return failed

    def named(
        self, kind: str, logical_id: str, properties: Mapping[str, Any], before: Resource | None
    ) -> Mapping[str, Any]:
        """*properties* with a name: the one it has, where it was there *before*."""
        given = named(kind, self._ledger.stack.name, logical_id, properties, _unique())
        if before is None or given is properties:
            return given
        # It has a name already, and keeps it.
        return {**given, **{key: before.properties[key] for key in given.keys() - properties.keys()}}

    def looked_up(self, resource: Resource) -> Mapping[str, Any]:
        """The properties of *resource*, with what stands elsewhere in its place."""
        stack, clients = self._ledger.stack, self._means.clients
        found: Mapping[str, Any] = looked_up(
            resource.properties, lambda service: clients.client(service, stack.scope, stack.endpoint)
        )
        return found

    def check_stopping(self) -> None:
        """Raise Interrupted when the server is being stopped."""
        if self._means.stopping():
            raise Interrupted

    def _site(self, resource: Resource) -> Site:
        scope, endpoint, clients = self._ledger.stack.scope, self._ledger.stack.endpoint, self._means.clients
        return Site(
            scope=scope,
            stack_name=self._ledger.stack.name,
            stack_id=self._ledger.stack.id,
            logical_id=resource.logical_id,
            type=resource.type,
            tags=self._ledger.stack.input.tags,
            unique=_unique(),
            asked=() if self.template is None else attributes(self.template, resource.logical_id),
            own=lambda service: clients.client(service, scope, endpoint),
            companion=lambda service: clients.companion(service, scope),
            answers=self._means.answers,
            endpoint=endpoint,
        )


def _unique() -> str:
    return "".join(secrets.choice(_UNIQUE) for _ in range(12))
