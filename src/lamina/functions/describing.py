"""How the API shows a function version: which members are there, and which are absent."""

from __future__ import annotations

from typing import Any

from lamina.functions.runtimes import runtime_version_arn
from lamina.functions.versions import FunctionVersion, Logging, State
from lamina.names import FunctionArn

# Lists leave these out.
_LIFE = frozenset(
    (
        "State",
        "StateReason",
        "StateReasonCode",
        "LastUpdateStatus",
        "LastUpdateStatusReason",
        "LastUpdateStatusReasonCode",
        "RuntimeVersionConfig",
    )
)


def describe(function: FunctionVersion, arn: FunctionArn) -> dict[str, Any]:
    """The FunctionConfiguration of *function*; *arn* is shown, for only the operation knows how it was addressed."""
    configuration = function.configuration
    members: dict[str, Any] = {
        "FunctionName": function.arn.name,
        "FunctionArn": str(arn),
        "Runtime": configuration.runtime,
        "Role": configuration.role,
        "Handler": configuration.handler,
        "CodeSize": function.code.zipped_bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mb,
        "LastModified": function.last_modified,
        "CodeSha256": function.code.digest.base64,
        "Version": function.version,
        "TracingConfig": {"Mode": "PassThrough"},
        "RevisionId": function.revision_id,
        **_life(function),
        "PackageType": "Zip",
        "Architectures": [configuration.architecture],
        "EphemeralStorage": {"Size": configuration.storage_mb},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "RuntimeVersionConfig": {
            "RuntimeVersionArn": runtime_version_arn(arn.scope, configuration.runtime, configuration.architecture)
        },
        "LoggingConfig": _logging(configuration.logging, function.log_group),
    }
    if configuration.environment is not None:
        members["Environment"] = {"Variables": dict(configuration.environment)}
    if configuration.layers:
        members["Layers"] = [
            {"Arn": str(layer.arn), "CodeSize": layer.archive.zipped_bytes} for layer in configuration.layers
        ]
    return members


def describe_listed(function: FunctionVersion, arn: FunctionArn) -> dict[str, Any]:
    """The FunctionConfiguration as an item of a list, which says nothing of where the version stands."""
    return {name: value for name, value in describe(function, arn).items() if name not in _LIFE}


def _life(function: FunctionVersion) -> dict[str, str]:
    status = function.status
    members = {"State": str(status.state)}
    about = "LastUpdateStatus" if status.state is State.ACTIVE else "State"
    if status.update is not None:
        members["LastUpdateStatus"] = str(status.update)
    if status.reason is not None and status.reason_code is not None:
        members[f"{about}Reason"] = status.reason
        members[f"{about}ReasonCode"] = status.reason_code
    return members


def _logging(logging: Logging, group: str) -> dict[str, str]:
    members = {"LogFormat": logging.format, "LogGroup": group}
    if logging.application_level is not None:
        members["ApplicationLogLevel"] = logging.application_level
    if logging.system_level is not None:
        members["SystemLogLevel"] = logging.system_level
    return members
