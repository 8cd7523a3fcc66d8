"""The catalog's port for CloudFormation's stacks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from lamina.names import Scope
from lamina.stacks.stack import ChangeSet, Stack


class Stacks(Protocol):
    """CloudFormation's stacks, with their events and change sets. A stack that was deleted is still found by its id."""

    def find(self, scope: Scope, name: str) -> Stack | None:
        """The stack that has the *name* now."""

    def get(self, scope: Scope, stack_id: str) -> Stack | None: ...

    def of_scope(self, scope: Scope) -> Sequence[Stack]:
        """Every stack there is and was, the newest first."""

    def busy(self) -> Sequence[Stack]:
        """Those that an operation is under way on, anywhere, the oldest first."""

    def put(self, stack: Stack) -> None:
        """Record *stack*, new or changed."""

    def add_event(self, stack_id: str, event: Mapping[str, Any]) -> None: ...

    def events(self, stack_id: str, *, before: int | None, limit: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        """The newest events, numbered as they came; those numbered lower than *before*, where that is given."""

    def put_change_set(self, change_set: ChangeSet) -> None:
        """Record *change_set*, new or changed."""

    def get_change_set(self, change_set_id: str) -> ChangeSet | None: ...

    def change_sets(self, stack_id: str) -> Sequence[ChangeSet]:
        """Those of one stack, the oldest first."""

    def delete_change_set(self, change_set_id: str) -> None: ...
