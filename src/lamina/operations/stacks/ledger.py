"""The record of one operation on one stack: nothing is begun before it says so."""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

from lamina.catalog.port import Catalog
from lamina.operations.stacks import happenings
from lamina.stacks.stack import Operation, Resource, Stack


class Clock(Protocol):
    """What tells the time, in seconds since the epoch."""

    def seconds(self) -> float: ...


class Ledger:
    """The stack as it is recorded in *catalog*, with what happens to it. Each call is one transaction."""

    def __init__(self, catalog: Catalog, clock: Clock, stack: Stack) -> None:
        self._catalog = catalog
        self._clock = clock
        self.stack = stack

    @property
    def operation(self) -> Operation:
        """The operation under way."""
        operation = self.stack.operation
        assert operation is not None
        return operation

    def now(self) -> float:
        """The present."""
        return self._clock.seconds()

    def save(self, stack: Stack, happened: Resource | None = None) -> None:
        """Record *stack* as it is now, and that a resource of it *happened* to come to another status."""
        with self._catalog.writing() as transaction:
            transaction.stacks.put(stack)
            if happened is not None:
                transaction.stacks.add_event(stack.id, happenings.of_resource(stack, happened, self.operation.token))
        self.stack = stack

    def record(self, resource: Resource) -> None:
        """Record *resource* as it is now."""
        self.save(self.stack.with_resource(resource), resource)

    def tell(self, resource: Resource) -> None:
        """Have the events say of *resource* what it is now, and nothing else."""
        event = happenings.of_resource(self.stack, resource, self.operation.token)
        with self._catalog.writing() as transaction:
            transaction.stacks.add_event(self.stack.id, event)

    def move(self, stack: Stack, status: str, reason: str | None = None) -> None:
        """Record that *stack* comes to *status*."""
        self._come_to(replace(stack, status=status, reason=reason))

    def finish(self, stack: Stack, status: str, reason: str | None = None) -> None:
        """Record that the operation is over, and *stack* in *status*."""
        self._come_to(replace(stack, status=status, reason=reason, operation=None))

    def _come_to(self, stack: Stack) -> None:
        event = happenings.of_stack(stack, self.now(), self.operation.token)
        with self._catalog.writing() as transaction:
            transaction.stacks.put(stack)
            transaction.stacks.add_event(stack.id, event)
        self.stack = stack
