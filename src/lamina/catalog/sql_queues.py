"""The durable queues: asynchronous invocations, and messages for other AWS services, in SQL."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from lamina.catalog.queues import Delivery, Event
from lamina.catalog.schema import deliveries, events
from lamina.names import FunctionArn, Scope


class SqlEvents:
    """`queues.Events` on one connection, inside its transaction."""

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

    def are_at_least(self, count: int) -> bool:
        one_behind = select(events.c.due_at).order_by(events.c.due_at).offset(count - 1).limit(1)
        return self._connection.scalar(one_behind) is not None

    def count(self) -> int:
        return self._connection.scalar(select(func.count(events.c.due_at))) or 0

    def due(self, now: float, limit: int) -> Sequence[Event]:
        query = select(events).where(events.c.due_at <= now).order_by(events.c.due_at).limit(limit)
        return [_event(row) for row in self._connection.execute(query)]

    def next_due(self) -> float | None:
        return self._connection.scalar(select(events.c.due_at).order_by(events.c.due_at).limit(1))

    def reschedule(self, event_id: str, *, attempts: int, due_at: float) -> None:
        changed = update(events).where(events.c.id == event_id).values(attempts=attempts, due_at=due_at)
        self._connection.execute(changed)

    def hurry(self, now: float) -> None:
        self._connection.execute(update(events).where(events.c.received_at > now).values(due_at=now))

    def remove(self, event_id: str) -> None:
        self._connection.execute(delete(events).where(events.c.id == event_id))


class SqlDeliveries:
    """`queues.Deliveries` on one connection, inside its transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, delivery: Delivery) -> None:
        self._connection.execute(
            insert(deliveries).values(
                id=delivery.id,
                target=delivery.target,
                request=dict(delivery.request),
                attempts=delivery.attempts,
                received_at=delivery.received_at,
                due_at=delivery.due_at,
            )
        )

    def count(self) -> int:
        return self._connection.scalar(select(func.count(deliveries.c.due_at))) or 0

    def due(self, now: float, limit: int) -> Sequence[Delivery]:
        query = select(deliveries).where(deliveries.c.due_at <= now).order_by(deliveries.c.due_at).limit(limit)
        return [
            Delivery(row.id, row.target, row.request, row.received_at, row.due_at, row.attempts)
            for row in self._connection.execute(query)
        ]

    def next_due(self) -> float | None:
        return self._connection.scalar(select(deliveries.c.due_at).order_by(deliveries.c.due_at).limit(1))

    def reschedule(self, delivery_id: str, *, attempts: int, due_at: float) -> None:
        changed = update(deliveries).where(deliveries.c.id == delivery_id).values(attempts=attempts, due_at=due_at)
        self._connection.execute(changed)

    def hurry(self, now: float) -> None:
        self._connection.execute(update(deliveries).where(deliveries.c.received_at > now).values(due_at=now))

    def remove(self, delivery_id: str) -> None:
        self._connection.execute(delete(deliveries).where(deliveries.c.id == delivery_id))


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
