"""Resources that a function makes, and those that are nothing but a note in a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamina.operations.stacks.kinds.kind import Failed, Made, Properties, Site
from lamina.stacks.reading import write
from lamina.stacks.stack import Resource

_TIMEOUT_S: Final = 3600


class CustomResources:
    """AWS::CloudFormation::CustomResource and Custom::…: the function named by `ServiceToken` is asked."""

    def make(self, site: Site, properties: Properties) -> Made:
        answer = self._ask(site, "Create", properties, {})
        return Made(str(answer.get("PhysicalResourceId") or site.unique), answer.get("Data") or {})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        told = {"PhysicalResourceId": before.physical_id, "OldResourceProperties": _as_text(before.properties)}
        answer = self._ask(site, "Update", properties, told)
        made = Made(str(answer.get("PhysicalResourceId") or before.physical_id), answer.get("Data") or {})
        if made.physical_id != before.physical_id:
            # Another identifier says that it was replaced; the function is to remove what there was.
            self._ask(site, "Delete", before.properties, {"PhysicalResourceId": before.physical_id})
        return made

    def remove(self, site: Site, made: Resource) -> None:
        self._ask(site, "Delete", made.properties, {"PhysicalResourceId": made.physical_id})

    def _ask(self, site: Site, request: str, properties: Properties, told: Mapping[str, Any]) -> Mapping[str, Any]:
        function = str(properties.get("ServiceToken", ""))
        if ":lambda:" not in function:
            raise Failed(f"Lamina asks functions for custom resources, and {function or 'no ServiceToken'} is none")
        token, address = site.answers.expect(site.endpoint)
        event = {
            "RequestType": request,
            "ServiceToken": function,
            "ResponseURL": address,
            "StackId": site.stack_id,
            "RequestId": site.unique,
            "ResourceType": site.type,
            "LogicalResourceId": site.logical_id,
            "ResourceProperties": _as_text(properties),
            **told,
        }
        site.own("lambda").invoke(FunctionName=function, InvocationType="Event", Payload=write(event).encode())
        seconds = float(properties.get("ServiceTimeout", _TIMEOUT_S))
        answer = site.answers.wait(token, seconds)
        if answer is None:
            raise Failed(f"The custom resource's function did not answer within {seconds:g} s")
        if answer.get("Status") != "SUCCESS":
            reason = answer.get("Reason", "it gave no reason")
            raise Failed(f"Received response status [FAILED] from custom resource. Message returned: {reason}")
        return answer


class Notes:
    """AWS::CDK::Metadata and AWS::CloudFormation::WaitConditionHandle: nothing is made, and nothing depends on it."""

    def make(self, site: Site, _properties: Properties) -> Made:
        return Made(f"{site.stack_name}-{site.logical_id}-{site.unique}")

    def change(self, _site: Site, before: Resource, _properties: Properties) -> Made:
        return Made(before.physical_id)

    def remove(self, _site: Site, _made: Resource) -> None:
        """There is nothing to remove."""


def _as_text(value: Any) -> Any:
    """*value* as functions are told it: scalars are text, as in CloudFormation."""
    if isinstance(value, Mapping):
        return {key: _as_text(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_as_text(held) for held in value]
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)
