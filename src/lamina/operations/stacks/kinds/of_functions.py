"""What belongs to a function: versions, aliases, permissions, URLs, the ways it is invoked, who signs its code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lamina.operations.stacks.kinds.fitting import call, gone, tags_of
from lamina.operations.stacks.kinds.kind import Failed, Fixed, Made, Properties, Site, half_made
from lamina.operations.stacks.kinds.tagging import Tagging
from lamina.stacks.stack import Resource

_NOT_THERE = "ResourceNotFoundException"
_PROVISIONED = "ProvisionedConcurrencyConfig"
_TAGGING = Tagging(listed=False)


class Versions:
    """AWS::Lambda::Version."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("lambda")
        name = str(properties["FunctionName"])
        pages = client.get_paginator("list_versions_by_function").paginate(FunctionName=name)
        known = {version["Version"] for page in pages for version in page["Versions"]}
        answer = call(client, "PublishVersion", _without(properties, _PROVISIONED))
        number, arn = answer["Version"], answer["FunctionArn"]
        if number in known:
            raise Failed(
                f"A version for this Lambda function exists ( {number} ). Modify the function to create a new version."
            )
        with half_made(arn):
            client.get_waiter("published_version_active").wait(
                FunctionName=name, Qualifier=number, WaiterConfig={"Delay": 0.1, "MaxAttempts": 3000}
            )
            _provision(client, name, number, {}, properties)
        return Made(arn, {"Version": number, "FunctionArn": arn})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        function, _, number = before.physical_id.rpartition(":")
        _provision(site.own("lambda"), function, number, before.properties, properties)
        return Made(before.physical_id, before.attributes)

    def remove(self, site: Site, made: Resource) -> None:
        function, _, number = made.physical_id.rpartition(":")
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteFunction", {"FunctionName": function, "Qualifier": number})


class Aliases:
    """AWS::Lambda::Alias."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("lambda")
        answer = call(client, "CreateAlias", _routed(properties))
        with half_made(answer["AliasArn"]):
            _provision(client, str(properties["FunctionName"]), answer["Name"], {}, properties)
        return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client = site.own("lambda")
        wanted = {"Description": "", "RoutingConfig": {"AdditionalVersionWeights": {}}, **_routed(properties)}
        answer = call(client, "UpdateAlias", wanted)
        _provision(client, str(properties["FunctionName"]), answer["Name"], before.properties, properties)
        return Made(answer["AliasArn"], {"AliasArn": answer["AliasArn"]})

    def remove(self, site: Site, made: Resource) -> None:
        function, _, name = made.physical_id.rpartition(":")
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteAlias", {"FunctionName": function, "Name": name})


class Permissions(Fixed):
    """AWS::Lambda::Permission."""

    def make(self, site: Site, properties: Properties) -> Made:
        statement = f"{site.stack_name}-{site.logical_id}-{site.unique}"[-100:]
        call(site.own("lambda"), "AddPermission", {**properties, "StatementId": statement})
        return Made(statement, {"Id": statement})

    def remove(self, site: Site, made: Resource) -> None:
        at = {"FunctionName": made.properties["FunctionName"], "StatementId": made.physical_id}
        with gone(_NOT_THERE):
            call(site.own("lambda"), "RemovePermission", at)


class Urls:
    """AWS::Lambda::Url."""

    def make(self, site: Site, properties: Properties) -> Made:
        return _url(call(site.own("lambda"), "CreateFunctionUrlConfig", _targeted(properties)))

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        wanted = {"Cors": {}, "InvokeMode": "BUFFERED", **_targeted(properties)}
        return _url(call(site.own("lambda"), "UpdateFunctionUrlConfig", wanted))

    def remove(self, site: Site, made: Resource) -> None:
        at = _targeted(
            {key: made.properties[key] for key in ("TargetFunctionArn", "Qualifier") if key in made.properties}
        )
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteFunctionUrlConfig", at)


class EventInvokeConfigs:
    """AWS::Lambda::EventInvokeConfig."""

    def make(self, site: Site, properties: Properties) -> Made:
        call(site.own("lambda"), "PutFunctionEventInvokeConfig", properties)
        return Made(f"{properties['FunctionName']}|{properties['Qualifier']}")

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        call(site.own("lambda"), "PutFunctionEventInvokeConfig", properties)
        return Made(before.physical_id)

    def remove(self, site: Site, made: Resource) -> None:
        at = {key: made.properties[key] for key in ("FunctionName", "Qualifier")}
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteFunctionEventInvokeConfig", at)


class EventSourceMappings:
    """AWS::Lambda::EventSourceMapping."""

    def make(self, site: Site, properties: Properties) -> Made:
        tags = tags_of(properties, site.tags)
        return _mapping(call(site.own("lambda"), "CreateEventSourceMapping", {**properties, "Tags": tags}))

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client = site.own("lambda")
        known = client.meta.service_model.operation_model("UpdateEventSourceMapping").input_shape.members
        wanted = {key: value for key, value in properties.items() if key in known}
        made = _mapping(call(client, "UpdateEventSourceMapping", {**wanted, "UUID": before.physical_id}))
        at = {"Resource": made.attributes["EventSourceMappingArn"]}
        _TAGGING.retag(client, at, before.properties, properties, site.tags)
        return made

    def remove(self, site: Site, made: Resource) -> None:
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteEventSourceMapping", {"UUID": made.physical_id})


class CodeSigningConfigs:
    """AWS::Lambda::CodeSigningConfig."""

    def make(self, site: Site, properties: Properties) -> Made:
        tags = tags_of(properties, site.tags)
        return _signing(call(site.own("lambda"), "CreateCodeSigningConfig", {**properties, "Tags": tags}))

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        client, at = site.own("lambda"), {"CodeSigningConfigArn": before.physical_id}
        made = _signing(call(client, "UpdateCodeSigningConfig", {**_without(properties, "Tags"), **at}))
        _TAGGING.retag(client, {"Resource": made.physical_id}, before.properties, properties, site.tags)
        return made

    def remove(self, site: Site, made: Resource) -> None:
        with gone(_NOT_THERE):
            call(site.own("lambda"), "DeleteCodeSigningConfig", {"CodeSigningConfigArn": made.physical_id})


def _without(properties: Properties, name: str) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key != name}


def _provision(client: Any, function: str, qualifier: str, before: Properties, after: Properties) -> None:
    wanted = after.get(_PROVISIONED)
    if wanted == before.get(_PROVISIONED):
        return
    at = {"FunctionName": function, "Qualifier": qualifier}
    if wanted is None:
        with gone(_NOT_THERE, "ProvisionedConcurrencyConfigNotFoundException"):
            call(client, "DeleteProvisionedConcurrencyConfig", at)
    else:
        call(client, "PutProvisionedConcurrencyConfig", {**at, **wanted})


def _routed(properties: Properties) -> dict[str, Any]:
    wanted = _without(properties, _PROVISIONED)
    routing = wanted.get("RoutingConfig")
    if isinstance(routing, Mapping):
        listed = routing.get("AdditionalVersionWeights") or ()
        weights = {str(each["FunctionVersion"]): each["FunctionWeight"] for each in listed}
        wanted["RoutingConfig"] = {"AdditionalVersionWeights": weights}
    return wanted


def _targeted(properties: Properties) -> dict[str, Any]:
    return {("FunctionName" if key == "TargetFunctionArn" else key): value for key, value in properties.items()}


def _url(answer: Mapping[str, Any]) -> Made:
    return Made(answer["FunctionArn"], {"FunctionUrl": answer["FunctionUrl"], "FunctionArn": answer["FunctionArn"]})


def _mapping(answer: Mapping[str, Any]) -> Made:
    arn = answer.get("EventSourceMappingArn")
    return Made(answer["UUID"], {"Id": answer["UUID"], **({} if arn is None else {"EventSourceMappingArn": arn})})


def _signing(answer: Mapping[str, Any]) -> Made:
    config = answer["CodeSigningConfig"]
    arn, short = config["CodeSigningConfigArn"], config["CodeSigningConfigId"]
    return Made(arn, {"CodeSigningConfigArn": arn, "CodeSigningConfigId": short})
