"""Stacks of CloudFormation on a server: begun, waited for, looked at."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.functions import wait_until
from tests.support.server import Server

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
_WAIT_S = 60


_CLIENTS: dict[str, Any] = {}


def client_of(server: Server) -> Any:
    """A client that is made once, which takes longer than most of what is done with it."""
    if server.endpoint not in _CLIENTS:
        _CLIENTS[server.endpoint] = server.client("cloudformation")
    return _CLIENTS[server.endpoint]


def parameters(given: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"ParameterKey": key, "ParameterValue": value} for key, value in given.items()]


def described(server: Server, name: str) -> dict[str, Any]:
    """The stack *name* as DescribeStacks shows it."""
    (stack,) = client_of(server).describe_stacks(StackName=name)["Stacks"]
    return dict(stack)


def settled(server: Server, name: str) -> str:
    """The status that the stack *name*, or the one with that id, has once nothing is under way on it."""
    client = client_of(server)

    def status() -> str | None:
        found = client.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        return None if found.endswith("_IN_PROGRESS") else str(found)

    return wait_until(status, _WAIT_S, f"the end of what is done to {name}", every=0.1)


def create(server: Server, name: str, template: str | Mapping[str, Any], **given: str) -> str:
    """Create the stack *name*, and give the status that comes of it."""
    body = template if isinstance(template, str) else json.dumps(template)
    client_of(server).create_stack(
        StackName=name, TemplateBody=body, Parameters=parameters(given), Capabilities=CAPABILITIES
    )
    return settled(server, name)


def update(server: Server, name: str, template: str | Mapping[str, Any], **given: str) -> str:
    """Update the stack *name*, and give the status that comes of it."""
    body = template if isinstance(template, str) else json.dumps(template)
    client_of(server).update_stack(
        StackName=name, TemplateBody=body, Parameters=parameters(given), Capabilities=CAPABILITIES
    )
    return settled(server, name)


def delete(server: Server, name: str) -> str:
    """Delete the stack *name*, and give the status that comes of it."""
    stack_id = described(server, name)["StackId"]
    client_of(server).delete_stack(StackName=name)
    return settled(server, stack_id)


def events(server: Server, name: str) -> list[tuple[str, str]]:
    """What happened to the stack *name*, the oldest first: logical id and status."""
    pages = client_of(server).get_paginator("describe_stack_events").paginate(StackName=name)
    found = [event for page in pages for event in page["StackEvents"]]
    return [(event["LogicalResourceId"], event["ResourceStatus"]) for event in reversed(found)]


def physical_ids(server: Server, name: str) -> dict[str, str]:
    """The identifiers of the resources of the stack *name*, by logical id."""
    found = client_of(server).describe_stack_resources(StackName=name)["StackResources"]
    return {each["LogicalResourceId"]: each.get("PhysicalResourceId", "") for each in found}


def outputs(server: Server, name: str) -> dict[str, str]:
    """The outputs of the stack *name*."""
    return {each["OutputKey"]: each["OutputValue"] for each in described(server, name).get("Outputs", ())}
