"""What becomes of asynchronous invocations: how often and how long they are tried, and who is told how they ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from lamina import errors
from lamina.names import FunctionArn


@dataclass(frozen=True, slots=True)
class EventInvoke:
    """An event invoke configuration; None where something was not set. `modified` is in seconds since the epoch."""

    modified: float
    retries: int | None = None
    age_s: int | None = None
    on_success: str | None = None
    on_failure: str | None = None

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> EventInvoke:
        return cls(**document)

    def written(self) -> dict[str, Any]:
        return asdict(self)


def changed(before: EventInvoke | None, request: Mapping[str, Any], now: float) -> EventInvoke:
    """The configuration that *request* makes of *before*; with None, what it does not send is not set."""
    destinations = request.get("DestinationConfig")
    retries, age = request.get("MaximumRetryAttempts"), request.get("MaximumEventAgeInSeconds")
    if retries is None and age is None and not destinations:
        raise errors.invalid_parameter_value("You must specify at least one of error handling or destination setting.")
    start = before or EventInvoke(now)
    return EventInvoke(
        now,
        start.retries if retries is None else retries,
        start.age_s if age is None else age,
        _destination(start.on_success, destinations, "OnSuccess"),
        _destination(start.on_failure, destinations, "OnFailure"),
    )


def describe(config: EventInvoke, arn: FunctionArn) -> dict[str, Any]:
    """The configuration of *arn*, which is qualified, `$LATEST` included."""
    members: dict[str, Any] = {"LastModified": config.modified, "FunctionArn": str(arn)}
    if config.retries is not None:
        members["MaximumRetryAttempts"] = config.retries
    if config.age_s is not None:
        members["MaximumEventAgeInSeconds"] = config.age_s
    members["DestinationConfig"] = {
        "OnSuccess": {} if config.on_success is None else {"Destination": config.on_success},
        "OnFailure": {} if config.on_failure is None else {"Destination": config.on_failure},
    }
    return members


def _destination(before: str | None, sent: Mapping[str, Any] | None, which: str) -> str | None:
    if sent is None or sent.get(which) is None:
        return before
    return sent[which].get("Destination") or None
