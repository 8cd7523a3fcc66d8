"""Stacks in stacks: each is a stack of its own, begun, waited for and deleted by the one it belongs to."""

from __future__ import annotations

import time
from typing import Any, Final

from lamina.operations.stacks.kinds.fitting import check_known, gone, only, tags_list, tags_of
from lamina.operations.stacks.kinds.kind import Failed, Made, Properties, Site, half_made
from lamina.stacks.stack import Resource

_PAUSE_S: Final = 0.1
# Whoever acknowledged the outer stack's template did so for what it holds.
_CAPABILITIES: Final = ("CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND")


class Stacks:
    """AWS::CloudFormation::Stack, with what it gives out as `Outputs.NAME`."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("cloudformation")
        name = f"{site.stack_name}-{site.logical_id}"[:115]
        stack_id = client.create_stack(StackName=f"{name}-{site.unique}", **_wanted(site, properties))["StackId"]
        with half_made(stack_id):
            return _ended(client, stack_id, "CREATE_COMPLETE")

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        from botocore.exceptions import ClientError  # noqa: PLC0415 - not needed to start

        client, stack_id = site.own("cloudformation"), before.physical_id
        try:
            client.update_stack(StackName=stack_id, **_wanted(site, properties))
        except ClientError as error:
            if "No updates are to be performed" not in str(error):
                raise
            return Made(stack_id, before.attributes)
        return _ended(client, stack_id, "UPDATE_COMPLETE")

    def remove(self, site: Site, made: Resource) -> None:
        client = site.own("cloudformation")
        with gone("ValidationError"):
            client.describe_stacks(StackName=made.physical_id)
            client.delete_stack(StackName=made.physical_id)
            _ended(client, made.physical_id, "DELETE_COMPLETE")


def _wanted(site: Site, properties: Properties) -> dict[str, Any]:
    check_known(properties, "TemplateURL", "Parameters", "Tags")
    given = properties.get("Parameters") or {}
    texts = {key: ",".join(map(str, value)) if isinstance(value, list) else str(value) for key, value in given.items()}
    return {
        **only(properties, "TemplateURL"),
        "Parameters": [{"ParameterKey": key, "ParameterValue": value} for key, value in texts.items()],
        "Capabilities": list(_CAPABILITIES),
        "Tags": tags_list(tags_of(properties, site.tags)),
    }


def _ended(client: Any, stack_id: str, wanted: str) -> Made:
    while True:
        (held,) = client.describe_stacks(StackName=stack_id)["Stacks"]
        status = held["StackStatus"]
        if not status.endswith("_IN_PROGRESS"):
            break
        time.sleep(_PAUSE_S)
    if status != wanted:
        raise Failed(
            f"Embedded stack {stack_id} was not successfully handled: it is in {status}. {_why(client, stack_id)}"
        )
    return Made(stack_id, {"Outputs": {each["OutputKey"]: each["OutputValue"] for each in held.get("Outputs", ())}})


def _why(client: Any, stack_id: str) -> str:
    events = client.describe_stack_events(StackName=stack_id)["StackEvents"]
    failed = [each for each in events if each["ResourceStatus"].endswith("_FAILED")]
    return "; ".join(f"{each['LogicalResourceId']}: {each.get('ResourceStatusReason', '')}" for each in failed[:3])
