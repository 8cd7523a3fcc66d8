"""CloudFormation's stacks, their events and change sets in SQL: found by columns, the rest of each one document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Select, delete, insert, select, update

from lamina.catalog.schema import change_sets, stack_events, stacks
from lamina.names import Scope
from lamina.stacks.stack import (
    ChangeSet,
    Stack,
    change_set_document,
    read_change_set,
    read_stack,
    stack_document,
)


class SqlStacks:
    """`stacks.Stacks` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def find(self, scope: Scope, name: str) -> Stack | None:
        query = _of(scope).where(stacks.c.name == name, stacks.c.deleted_at.is_(None))
        row = self._connection.execute(query).one_or_none()
        return None if row is None else _stack(row)

    def get(self, scope: Scope, stack_id: str) -> Stack | None:
        row = self._connection.execute(_of(scope).where(stacks.c.id == stack_id)).one_or_none()
        return None if row is None else _stack(row)

    def of_scope(self, scope: Scope) -> Sequence[Stack]:
        query = _of(scope).order_by(stacks.c.created_at.desc(), stacks.c.id)
        return [_stack(row) for row in self._connection.execute(query)]

    def busy(self) -> Sequence[Stack]:
        query = select(stacks).where(stacks.c.busy).order_by(stacks.c.created_at)
        return [_stack(row) for row in self._connection.execute(query)]

    def put(self, stack: Stack) -> None:
        values = {
            "status": stack.status,
            "busy": stack.is_busy,
            "created_at": stack.created_at,
            "deleted_at": stack.deleted_at,
            "document": stack_document(stack),
        }
        if self._connection.execute(update(stacks).where(stacks.c.id == stack.id).values(**values)).rowcount:
            return
        found_by = {"account": stack.scope.account, "region": stack.scope.region, "name": stack.name}
        self._connection.execute(insert(stacks).values(id=stack.id, **found_by, **values))

    def add_event(self, stack_id: str, event: Mapping[str, Any]) -> None:
        self._connection.execute(insert(stack_events).values(stack_id=stack_id, document=dict(event)))

    def events(self, stack_id: str, *, before: int | None, limit: int) -> Sequence[tuple[int, Mapping[str, Any]]]:
        query = select(stack_events).where(stack_events.c.stack_id == stack_id)
        if before is not None:
            query = query.where(stack_events.c.number < before)
        found = self._connection.execute(query.order_by(stack_events.c.number.desc()).limit(limit))
        return [(row.number, row.document) for row in found]

    def put_change_set(self, change_set: ChangeSet) -> None:
        self.delete_change_set(change_set.id)
        row = {"id": change_set.id, "stack_id": change_set.stack_id, "document": change_set_document(change_set)}
        self._connection.execute(insert(change_sets).values(**row))

    def get_change_set(self, change_set_id: str) -> ChangeSet | None:
        query = select(change_sets.c.document).where(change_sets.c.id == change_set_id)
        document = self._connection.scalar(query)
        return None if document is None else read_change_set(document)

    def change_sets(self, stack_id: str) -> Sequence[ChangeSet]:
        found = self._connection.execute(select(change_sets.c.document).where(change_sets.c.stack_id == stack_id))
        return sorted((read_change_set(row.document) for row in found), key=lambda each: each.created_at)

    def delete_change_set(self, change_set_id: str) -> None:
        self._connection.execute(delete(change_sets).where(change_sets.c.id == change_set_id))


def _of(scope: Scope) -> Select[Any]:
    return select(stacks).where(stacks.c.account == scope.account, stacks.c.region == scope.region)


def _stack(row: Any) -> Stack:
    scope = Scope(row.account, row.region)
    return read_stack(scope, row.name, row.id, row.status, row.created_at, row.deleted_at, row.document)
