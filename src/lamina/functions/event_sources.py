"""Event source mappings: what may be mapped, with which defaults, and in which state a mapping is. Pure.

Queues of SQS are served. Of any other source nothing is polled: a mapping is kept, shown and moves between `Enabled`
and `Disabled`, and no record is ever processed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina import errors
from lamina.names import Scope

STREAMS = ("kinesis", "dynamodb")
KAFKA = "kafka"
QUEUES = ("sqs", "mq")
DOCUMENTS = "rds"
# What a mapping shows of the request as it was sent.
_SHOWN = (
    "BatchSize",
    "MaximumBatchingWindowInSeconds",
    "ParallelizationFactor",
    "EventSourceArn",
    "FilterCriteria",
    "KMSKeyArn",
    "MetricsConfig",
    "LoggingConfig",
    "ScalingConfig",
    "DestinationConfig",
    "Topics",
    "Queues",
    "SourceAccessConfigurations",
    "SelfManagedEventSource",
    "MaximumRecordAgeInSeconds",
    "BisectBatchOnFunctionError",
    "MaximumRetryAttempts",
    "TumblingWindowInSeconds",
    "FunctionResponseTypes",
    "AmazonManagedKafkaEventSourceConfig",
    "SelfManagedKafkaEventSourceConfig",
    "DocumentDBEventSourceConfig",
    "ProvisionedPollerConfig",
    "StartingPosition",
    "StartingPositionTimestamp",
)
_OF_STREAMS: Mapping[str, Any] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {"OnFailure": {}},
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}
_OF_OTHERS: Mapping[str, Any] = {"BatchSize": 100, "MaximumBatchingWindowInSeconds": 0}
_OF_QUEUES: Mapping[str, Any] = {"BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": []}


def resource(mapping_id: str) -> str:
    """How the ARN of a mapping ends."""
    return f"event-source-mapping:{mapping_id}"


def service(request: Mapping[str, Any]) -> str:
    """The service that a CreateEventSourceMapping *request* names; AWS's error where it names none."""
    if request.get("SelfManagedEventSource") is not None:
        return KAFKA
    arn = request.get("EventSourceArn")
    found = arn.split(":")[2] if arn else ""
    if found not in (*STREAMS, *QUEUES, KAFKA, DOCUMENTS):
        raise errors.invalid_parameter_value("Unrecognized event source.")
    return str(found)


def check_whose(source: str | None, scope: Scope) -> None:
    """Raise our error for a queue that is not in *scope*, the function's account and region."""
    parts = (source or "").split(":")
    if parts[2:3] == ["sqs"] and parts[3:5] != [scope.region, scope.account]:
        raise errors.not_supported(
            f"mapping {source} to this function", "a queue is served for functions of its own account and region."
        )


def create(request: Mapping[str, Any], mapping_id: str, arn: str, function_arn: str, now: float) -> dict[str, Any]:
    """The mapping as it is shown once it is made; errors for what the event source does not have or must have."""
    source = service(request)
    if source in STREAMS or source == KAFKA:
        _check_position(request)
    defaults = _OF_STREAMS if source in STREAMS else _OF_QUEUES if source == "sqs" else _OF_OTHERS
    sent = {name: request[name] for name in _SHOWN if request.get(name) is not None}
    settled = _state(request.get("Enabled", True))
    document = {
        **defaults,
        **sent,
        "UUID": mapping_id,
        "EventSourceMappingArn": arn,
        "FunctionArn": function_arn,
        "LastModified": now,
        "State": settled,
        "StateTransitionReason": "USER_INITIATED" if source == "sqs" else "User action",
    }
    if source != "sqs":
        document["LastProcessingResult"] = "No records processed"
    _check(source, document)
    return document


def update(before: Mapping[str, Any], request: Mapping[str, Any], function_arn: str, now: float) -> dict[str, Any]:
    """*before* with the members that an UpdateEventSourceMapping *request* sends."""
    sent = {name: request[name] for name in _SHOWN if request.get(name) is not None}
    enabled = request.get("Enabled")
    state = before["State"] if enabled is None else _state(enabled)
    after = {**before, **sent, "FunctionArn": function_arn, "LastModified": now, "State": state}
    _check(service(before), after)
    return after


def on_the_way(document: Mapping[str, Any], state: str) -> dict[str, Any]:
    """The mapping as the operation that changes it answers: in the state that leads to the one it will be in."""
    return {**document, "State": state}


def _state(enabled: bool) -> str:
    return "Enabled" if enabled else "Disabled"


def _check_position(request: Mapping[str, Any]) -> None:
    position = request.get("StartingPosition")
    if position is None and request.get("SelfManagedEventSource") is None:
        raise errors.validation(
            "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: "
            "Member must not be null."
        )
    if position == "AT_TIMESTAMP" and request.get("StartingPositionTimestamp") is None:
        raise errors.invalid_parameter_value(
            "StartingPositionTimestamp is required when StartingPosition is AT_TIMESTAMP."
        )


def _check(source: str, document: Mapping[str, Any]) -> None:
    if source != "sqs":
        return
    size, window = document.get("BatchSize") or 1, document.get("MaximumBatchingWindowInSeconds") or 0
    if window and str(document.get("EventSourceArn")).endswith(".fifo"):
        # More than ten messages need a window, so this is what keeps batches of such queues at ten, too.
        raise errors.invalid_parameter_value("Batching window is not supported for FIFO queues")
    if size > 10 and window < 1:
        raise errors.invalid_parameter_value(
            "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"
        )
    if document.get("FilterCriteria"):
        from lamina.functions import event_filters  # noqa: PLC0415 - few mappings have any

        try:
            event_filters.patterns(document["FilterCriteria"])
        except (ValueError, RecursionError):
            raise errors.invalid_parameter_value("Invalid filter pattern definition.") from None
