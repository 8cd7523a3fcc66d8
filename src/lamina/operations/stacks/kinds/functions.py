"""Functions: made, changed in steps of which each waits for the one before, removed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from lamina.operations.stacks.kinds.fitting import call, check_known, gone, only, tags_of
from lamina.operations.stacks.kinds.inline import archive
from lamina.operations.stacks.kinds.kind import Made, Properties, Site, half_made
from lamina.stacks.stack import Resource

_CONFIGURED: Final = (
    *("Role", "Handler", "Description", "Timeout", "MemorySize", "VpcConfig", "Environment", "Runtime"),
    *("DeadLetterConfig", "KMSKeyArn", "TracingConfig", "Layers", "FileSystemConfigs", "ImageConfig"),
    *("EphemeralStorage", "SnapStart", "LoggingConfig", "CapacityProviderConfig", "DurableConfig", "TenancyConfig"),
)
_CODE: Final = ("Code", "Architectures")
# Properties that other operations carry out.
_APART: Final = ("ReservedConcurrentExecutions", "RuntimeManagementConfig", "RecursiveLoop", "Tags")
# Those that a change looks at by name, or replaces the function for.
_NAMED: Final = ("CodeSigningConfigArn", "FunctionName", "KmsKeyArn", "PackageType")
# What a property is set to that a template mentions no more.
_DEFAULTS: Final[Mapping[str, Any]] = {
    "Description": "",
    "Timeout": 3,
    "MemorySize": 128,
    "VpcConfig": {"SubnetIds": [], "SecurityGroupIds": []},
    "Environment": {"Variables": {}},
    "DeadLetterConfig": {"TargetArn": ""},
    "KMSKeyArn": "",
    "TracingConfig": {"Mode": "PassThrough"},
    "Layers": [],
    "FileSystemConfigs": [],
    "ImageConfig": {},
    "EphemeralStorage": {"Size": 512},
    "SnapStart": {"ApplyOn": "None"},
    "LoggingConfig": {"LogFormat": "Text"},
}
_WAIT: Final = {"Delay": 0.1, "MaxAttempts": 3000}


class Functions:
    """AWS::Lambda::Function."""

    def make(self, site: Site, properties: Properties) -> Made:
        client = site.own("lambda")
        wanted = {key: value for key, value in _spelt(properties).items() if key not in _APART}
        code = _code(properties)
        answer = call(client, "CreateFunction", {**wanted, "Code": code, "Tags": tags_of(properties, site.tags)})
        name = answer["FunctionName"]
        with half_made(name):
            client.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig=_WAIT)
            _apart(client, name, {}, properties)
            return _made(client, name)

    def change(self, site: Site, before: Resource, properties: Properties) -> Made:
        names = before.properties.keys() | properties.keys()
        changed = {key: None for key in sorted(names) if before.properties.get(key) != properties.get(key)}
        check_known(changed, *_CONFIGURED, *_CODE, *_APART, *_NAMED)
        client, name = site.own("lambda"), before.physical_id
        waiter = client.get_waiter("function_updated_v2")
        if any(before.properties.get(key) != properties.get(key) for key in _CODE):
            call(
                client,
                "UpdateFunctionCode",
                {"FunctionName": name, **_code(properties), **only(properties, *_CODE[1:])},
            )
            waiter.wait(FunctionName=name, WaiterConfig=_WAIT)
        if changes := _configuration(_spelt(before.properties), _spelt(properties)):
            call(client, "UpdateFunctionConfiguration", {"FunctionName": name, **changes})
            waiter.wait(FunctionName=name, WaiterConfig=_WAIT)
        if before.properties.get("CodeSigningConfigArn") != properties.get("CodeSigningConfigArn"):
            _sign(client, name, properties.get("CodeSigningConfigArn"))
        _apart(client, name, before.properties, properties)
        made = _made(client, name)
        _tag(client, made.attributes["Arn"], tags_of(properties, site.tags))
        return made

    def remove(self, site: Site, made: Resource) -> None:
        with gone("ResourceNotFoundException"):
            call(site.own("lambda"), "DeleteFunction", {"FunctionName": made.physical_id})


def _spelt(properties: Properties) -> dict[str, Any]:
    # The one property whose name is not the member's.
    return {("KMSKeyArn" if key == "KmsKeyArn" else key): value for key, value in properties.items()}


def _code(properties: Properties) -> dict[str, Any]:
    code = dict(properties.get("Code") or {})
    if "ZipFile" in code:
        code["ZipFile"] = archive(str(code["ZipFile"]), str(properties.get("Runtime", "")), properties.get("Handler"))
    return code


def _configuration(before: Properties, after: Properties) -> dict[str, Any]:
    changed = [name for name in _CONFIGURED if before.get(name) != after.get(name)]
    return {name: after.get(name, _DEFAULTS.get(name)) for name in changed if name in after or name in _DEFAULTS}


def _apart(client: Any, name: str, before: Properties, after: Properties) -> None:
    """Carry out the properties that have operations of their own, where they differ."""
    at = {"FunctionName": name}
    if (reserved := after.get("ReservedConcurrentExecutions")) != before.get("ReservedConcurrentExecutions"):
        if reserved is None:
            call(client, "DeleteFunctionConcurrency", at)
        else:
            call(client, "PutFunctionConcurrency", {**at, "ReservedConcurrentExecutions": reserved})
    if (managed := after.get("RuntimeManagementConfig")) != before.get("RuntimeManagementConfig"):
        call(client, "PutRuntimeManagementConfig", {**at, **(managed or {"UpdateRuntimeOn": "Auto"})})
    if (loop := after.get("RecursiveLoop")) != before.get("RecursiveLoop"):
        call(client, "PutFunctionRecursionConfig", {**at, "RecursiveLoop": loop or "Terminate"})


def _sign(client: Any, name: str, arn: Any) -> None:
    if arn is None:
        call(client, "DeleteFunctionCodeSigningConfig", {"FunctionName": name})
    else:
        call(client, "PutFunctionCodeSigningConfig", {"FunctionName": name, "CodeSigningConfigArn": arn})


def _made(client: Any, name: str) -> Made:
    configuration = client.get_function_configuration(FunctionName=name)
    snap = configuration.get("SnapStart") or {}
    arn = configuration["FunctionArn"]
    told = {"ApplyOn": snap.get("ApplyOn", "None"), "OptimizationStatus": snap.get("OptimizationStatus", "Off")}
    return Made(name, {"Arn": arn, "SnapStartResponse": told})


def _tag(client: Any, arn: str, wanted: Mapping[str, str]) -> None:
    held = client.list_tags(Resource=arn)["Tags"]
    if surplus := sorted(held.keys() - wanted.keys()):
        client.untag_resource(Resource=arn, TagKeys=surplus)
    if wanted and held != wanted:
        client.tag_resource(Resource=arn, Tags=dict(wanted))
