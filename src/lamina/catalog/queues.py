"""The catalog's ports for the durable queues: asynchronous invocations, and messages for other AWS services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lamina.names import FunctionArn


@dataclass(frozen=True, slots=True)
class Event:
    """An asynchronous invocation that was answered 202 and has yet to succeed or be given up.

    `id` is the invocation's request id. Times are seconds since the epoch. `function` names the function with the
    qualifier it was invoked by. `attempts` counts the runs made so far.
    """

    id: str
    function: FunctionArn
    payload: bytes
    received_at: float
    due_at: float
    attempts: int = 0
    trace_header: str | None = None
    client_context: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message about an event that is over, which the AWS service at *target* (an ARN) has yet to take.

    `request` is the call that hands it over: {"service", "operation", "parameters"}. Times are seconds since the epoch.
    """

    id: str
    target: str
    request: Mapping[str, Any]
    received_at: float
    due_at: float
    attempts: int = 0


class Events(Protocol):
    """The durable queue of asynchronous invocations."""

    def add(self, event: Event) -> None: ...

    def are_at_least(self, count: int) -> bool:
        """Whether there are so many, due or not. Takes the longer the more there are, up to *count*."""

    def count(self) -> int:
        """How many there are, due or not. Takes the longer the more there are."""

    def due(self, now: float, limit: int) -> Sequence[Event]:
        """Up to *limit* events whose time has come, the longest due first. They stay until removed or rescheduled."""

    def next_due(self) -> float | None:
        """When the earliest event is due; None when there is none."""

    def reschedule(self, event_id: str, *, attempts: int, due_at: float) -> None:
        """Put the event off; nothing happens if it is gone."""

    def hurry(self, now: float) -> None:
        """Have what came after *now*, by a clock that has since gone back, be due now."""

    def remove(self, event_id: str) -> None:
        """The event is done with; nothing happens if it is gone."""


class Deliveries(Protocol):
    """The durable queue of messages for destinations and dead-letter queues in other AWS services."""

    def add(self, delivery: Delivery) -> None: ...

    def count(self) -> int:
        """How many there are, due or not. Takes the longer the more there are."""

    def due(self, now: float, limit: int) -> Sequence[Delivery]:
        """Up to *limit* whose time has come, the longest due first. They stay until removed or rescheduled."""

    def next_due(self) -> float | None:
        """When the earliest is due; None when there is none."""

    def reschedule(self, delivery_id: str, *, attempts: int, due_at: float) -> None:
        """Put it off; nothing happens if it is gone."""

    def hurry(self, now: float) -> None:
        """Have what came after *now*, by a clock that has since gone back, be due now."""

    def remove(self, delivery_id: str) -> None:
        """It is delivered or given up; nothing happens if it is gone."""
