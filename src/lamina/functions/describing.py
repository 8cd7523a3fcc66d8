"""How the API shows a function version: which members are there, and which are absent."""

from __future__ import annotations

from typing import Any

from lamina.functions.elsewhere import Image
from lamina.functions.runtimes import runtime_version_arn
from lamina.functions.versions import Configuration, FunctionVersion, Logging, State
from lamina.names import FunctionArn, Scope

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
        "Role": configuration.role,
        "CodeSize": function.code.zipped_bytes,
        "Description": configuration.description,
        "Timeout": configuration.timeout_s,
        "MemorySize": configuration.memory_mb,
        "LastModified": function.last_modified,
        "CodeSha256": function.code_sha256,
        "Version": function.version,
        "TracingConfig": {"Mode": configuration.tracing},
        "RevisionId": function.revision_id,
        **_life(function),
        "PackageType": "Zip" if configuration.image is None else "Image",
        "Architectures": [configuration.architecture],
        "EphemeralStorage": {"Size": configuration.storage_mb},
        "SnapStart": {"ApplyOn": configuration.snap_start, "OptimizationStatus": "On" if function.optimized else "Off"},
        "LoggingConfig": _logging(configuration.logging, function.log_group),
    }
    if configuration.environment is not None:
        members["Environment"] = {"Variables": dict(configuration.environment)}
    if configuration.layers:
        members["Layers"] = [
            {"Arn": str(layer.arn), "CodeSize": layer.archive.zipped_bytes} for layer in configuration.layers
        ]
    return {**members, **_runtime(configuration, arn.scope), **_elsewhere(configuration)}


def describe_listed(function: FunctionVersion, arn: FunctionArn) -> dict[str, Any]:
    """The FunctionConfiguration as an item of a list, which says nothing of where the version stands."""
    members = describe(function, arn)
    for name in _LIFE:
        members.pop(name, None)
    return members


def _runtime(configuration: Configuration, scope: Scope) -> dict[str, Any]:
    """What runs the code; an image brings its own."""
    if configuration.image is not None:
        return {}
    version = runtime_version_arn(scope, configuration.runtime, configuration.architecture)
    return {
        "Runtime": configuration.runtime,
        "Handler": configuration.handler,
        "RuntimeVersionConfig": {"RuntimeVersionArn": version},
    }


def _elsewhere(configuration: Configuration) -> dict[str, Any]:
    """The members that name things of other services, each only where it was set."""
    members: dict[str, Any] = {}
    if configuration.vpc is not None:
        members["VpcConfig"] = {
            "SubnetIds": list(configuration.vpc.subnets),
            "SecurityGroupIds": list(configuration.vpc.security_groups),
            # There is no EC2 to look it up in.
            "VpcId": "",
            "Ipv6AllowedForDualStack": configuration.vpc.ipv6,
        }
    if configuration.dead_letter is not None:
        members["DeadLetterConfig"] = {"TargetArn": configuration.dead_letter}
    if configuration.kms_key is not None:
        members["KMSKeyArn"] = configuration.kms_key
    if configuration.file_systems:
        members["FileSystemConfigs"] = [
            {"Arn": each.arn, "LocalMountPath": each.path} for each in configuration.file_systems
        ]
    if configuration.image is not None and configuration.image.configured:
        members["ImageConfigResponse"] = {"ImageConfig": _image_config(configuration.image)}
    return members


def _image_config(image: Image) -> dict[str, Any]:
    members = {
        "EntryPoint": image.entry_point,
        "Command": image.command,
        "WorkingDirectory": image.working_directory,
    }
    return {
        name: value if isinstance(value, str) else list(value) for name, value in members.items() if value is not None
    }


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
