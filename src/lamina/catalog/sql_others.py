"""Queued events, secrets, tags, and which archives are in use, in SQL."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, exists, insert, or_, select, union, update

from lamina.catalog.port import Event
from lamina.catalog.schema import events, function_layers, function_versions, layer_versions, resource_tags, secrets
from lamina.names import Digest, FunctionArn, Scope

SECRET_BYTES = 32
_ARCHIVE_TABLES = (layer_versions, function_versions, function_layers)


class SqlEvents:
    """`port.Events` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, event: Event) -> None:
        self._connection.execute(
            insert(events).values(
                id=event.id,
                account=event.function.scope.account,
                region=event.function.scope.region,
                function=event.function.name,
                qualifier=event.function.qualifier,
                payload=event.payload,
                attempts=event.attempts,
                received_at=event.received_at,
                due_at=event.due_at,
                trace_header=event.trace_header,
                client_context=event.client_context,
            )
        )

    def due(self, now: float, limit: int) -> Sequence[Event]:
        query = select(events).where(events.c.due_at <= now).order_by(events.c.due_at).limit(limit)
        return [_event(row) for row in self._connection.execute(query)]

    def next_due(self) -> float | None:
        return self._connection.scalar(select(events.c.due_at).order_by(events.c.due_at).limit(1))

    def reschedule(self, event_id: str, *, attempts: int, due_at: float) -> None:
        changed = update(events).where(events.c.id == event_id).values(attempts=attempts, due_at=due_at)
        self._connection.execute(changed)

    def remove(self, event_id: str) -> None:
        self._connection.execute(delete(events).where(events.c.id == event_id))


class SqlSecrets:
    """`port.Secrets` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def obtain(self, name: str) -> bytes:
        value = self._connection.scalar(select(secrets.c.value).where(secrets.c.name == name))
        if value is None:
            value = randomness.token_bytes(SECRET_BYTES)
            self._connection.execute(insert(secrets).values(name=name, value=value))
        return bytes(value)


class SqlResourceTags:
    """`port.ResourceTags` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def of(self, scope: Scope, resource: str) -> Mapping[str, str]:
        tags = self._connection.scalar(select(resource_tags.c.tags).where(_tagged(scope, resource)))
        return dict(tags or {})

    def set(self, scope: Scope, resource: str, tags: Mapping[str, str]) -> None:
        self._connection.execute(delete(resource_tags).where(_tagged(scope, resource)))
        if tags:
            row = {"account": scope.account, "region": scope.region, "resource": resource, "tags": dict(tags)}
            self._connection.execute(insert(resource_tags).values(**row))


class SqlArchives:
    """`port.Archives` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def in_use(self, digest: Digest) -> bool:
        anywhere = or_(*(exists().where(table.c.digest == digest.hex) for table in _ARCHIVE_TABLES))
        return bool(self._connection.scalar(select(anywhere)))

    def all_in_use(self) -> frozenset[Digest]:
        everywhere = union(*(select(table.c.digest) for table in _ARCHIVE_TABLES))
        return frozenset(Digest(text) for text in self._connection.scalars(everywhere))


def _tagged(scope: Scope, resource: str) -> ColumnElement[bool]:
    return and_(
        resource_tags.c.account == scope.account,
        resource_tags.c.region == scope.region,
        resource_tags.c.resource == resource,
    )


def _event(row: Any) -> Event:
    return Event(
        id=row.id,
        function=FunctionArn(Scope(row.account, row.region), row.function, row.qualifier),
        payload=bytes(row.payload),
        received_at=row.received_at,
        due_at=row.due_at,
        attempts=row.attempts,
        trace_header=row.trace_header,
        client_context=row.client_context,
    )
