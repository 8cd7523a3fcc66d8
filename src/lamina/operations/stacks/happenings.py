"""What is told of a stack as it changes: its events, as the API shows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from lamina.stacks.reading import write
from lamina.stacks.stack import Resource, Stack


def of_stack(stack: Stack, at: float, token: str | None) -> Mapping[str, Any]:
    """That *stack* has come to the status it has."""
    return _event(stack, stack.name, stack.id, "AWS::CloudFormation::Stack", stack.status, stack.reason, at, token)


def of_resource(stack: Stack, resource: Resource, token: str | None) -> Mapping[str, Any]:
    """That *resource* of *stack* has come to the status it has."""
    event = _event(
        stack,
        resource.logical_id,
        resource.physical_id,
        resource.type,
        resource.status,
        resource.reason,
        resource.at,
        token,
    )
    return {**event, "ResourceProperties": write(resource.properties)}


def _event(
    stack: Stack,
    logical_id: str,
    physical_id: str,
    kind: str,
    status: str,
    reason: str | None,
    at: float,
    token: str | None,
) -> dict[str, Any]:
    event = {
        "StackId": stack.id,
        "EventId": f"{logical_id}-{status}-{uuid.uuid4()}" if logical_id != stack.name else str(uuid.uuid4()),
        "StackName": stack.name,
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": physical_id,
        "ResourceType": kind,
        "Timestamp": at,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
        "ClientRequestToken": token,
    }
    return {key: value for key, value in event.items() if value is not None}
