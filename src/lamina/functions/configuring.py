"""The configuration that a CreateFunction or UpdateFunctionConfiguration request asks for.

The wire has checked what the model states. What is left are rules the model does not know: retired runtimes, limits
that are narrower or depend on other members, and settings Lamina does not have.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lamina import errors
from lamina.functions import elsewhere
from lamina.functions.runtimes import check_runtime
from lamina.functions.unsupported import check_supported
from lamina.functions.variables import check_variables
from lamina.functions.versions import Configuration, Logging
from lamina.layers.attaching import AttachedLayer

TAGS_MAX = 50
# The model's own bounds are those of managed instances and accelerators.
TIMEOUT_S_MAX = 900
MEMORY_MB_MAX = 10_240
STORAGE_MB_MAX = 10_240


def check_create(request: Mapping[str, Any]) -> None:
    """Raise the error that a CreateFunction *request* deserves by itself."""
    check_supported(request)
    check_supported(request["Code"])
    if request.get("PackageType") == "Image":
        _check_image(request)
    else:
        _check_zip(request)
    check_tags(request.get("Tags") or {})
    _check_settings(request)


def check_update(request: Mapping[str, Any]) -> None:
    """Raise the error that an UpdateFunctionConfiguration *request* deserves by itself."""
    check_supported(request)
    _check_settings(request)


def check_kind(configuration: Configuration, request: Mapping[str, Any]) -> None:
    """Raise an error if *request* sets on a function what only the other package type has."""
    if configuration.image is None:
        _check_no_image_config(request)
    else:
        _check_only_image(request)


def check_code(configuration: Configuration, request: Mapping[str, Any]) -> None:
    """Raise AWS's error if an UpdateFunctionCode *request* brings another kind of code than the function has."""
    uri = request.get("ImageUri")
    if configuration.image is None and uri is not None:
        raise errors.invalid_parameter_value(
            "Please don't provide ImageUri when updating a function with packageType Zip."
        )
    if configuration.image is not None and uri is None:
        raise errors.invalid_parameter_value("Please provide ImageUri when updating a function with packageType Image.")


def check_tags(tags: Mapping[str, str]) -> None:
    """Raise AWS's error for more tags than a function can have."""
    if len(tags) > TAGS_MAX:
        raise errors.invalid_parameter_value("Number of tags exceeds resource tag limit.")


def configured(
    before: Configuration, request: Mapping[str, Any], layers: tuple[AttachedLayer, ...] | None
) -> Configuration:
    """*before* with the members that *request* sends; its Layers come resolved, None where it sends none."""
    after = before
    for member, field in (("Runtime", "runtime"), ("Handler", "handler"), ("Role", "role"),
                          ("Description", "description"), ("Timeout", "timeout_s"),
                          ("MemorySize", "memory_mb")):  # fmt: skip
        if request.get(member) is not None:
            after = replace(after, **{field: request[member]})
    if request.get("EphemeralStorage") is not None:
        after = replace(after, storage_mb=request["EphemeralStorage"]["Size"])
    if request.get("Environment") is not None:
        after = replace(after, environment=tuple((request["Environment"].get("Variables") or {}).items()))
    if request.get("Architectures"):
        after = replace(after, architecture=request["Architectures"][0])
    if request.get("LoggingConfig") is not None:
        after = replace(after, logging=_logging(before.logging, request["LoggingConfig"]))
    if layers is not None:
        after = replace(after, layers=layers)
    after = _configured_elsewhere(after, request)
    if request.get("SnapStart") is not None or after.snap_start != "None":
        after = _with_snap_start(after, request)
    return after


def _configured_elsewhere(before: Configuration, request: Mapping[str, Any]) -> Configuration:
    """*before* with the settings of *request* that name things of other services."""
    after = before
    if request.get("VpcConfig") is not None:
        after = replace(after, vpc=elsewhere.vpc(before.vpc, request["VpcConfig"]))
    if request.get("DeadLetterConfig") is not None:
        after = replace(after, dead_letter=elsewhere.dead_letter(before.dead_letter, request["DeadLetterConfig"]))
    if request.get("KMSKeyArn") is not None:
        after = replace(after, kms_key=request["KMSKeyArn"] or None)
    if request.get("TracingConfig") is not None:
        after = replace(after, tracing=request["TracingConfig"].get("Mode", "PassThrough"))
    if request.get("FileSystemConfigs") is not None:
        after = replace(after, file_systems=elsewhere.file_systems(request["FileSystemConfigs"]))
    if request.get("ImageConfig") is not None and before.image is not None:
        after = replace(after, image=elsewhere.image(before.image.uri, request["ImageConfig"]))
    elsewhere.check_file_systems(after.file_systems, after.vpc)
    return after


def _with_snap_start(before: Configuration, request: Mapping[str, Any]) -> Configuration:
    applied = (request.get("SnapStart") or {}).get("ApplyOn", before.snap_start)
    if applied != "None":
        elsewhere.check_snap_start(before.runtime, before.storage_mb, before.file_systems)
    return replace(before, snap_start=applied)


def _check_zip(request: Mapping[str, Any]) -> None:
    if request["Code"].get("ImageUri") is not None:
        raise errors.invalid_parameter_value(
            "Please don't provide ImageUri when creating a function with packageType Zip."
        )
    _check_no_image_config(request)
    if not request.get("Runtime") or not request.get("Handler"):
        raise errors.invalid_parameter_value(
            "Runtime and Handler are mandatory parameters for functions created with deployment packages."
        )


def _check_image(request: Mapping[str, Any]) -> None:
    if request["Code"].get("ImageUri") is None:
        raise errors.invalid_parameter_value("Please provide ImageUri when creating a function with packageType Image.")
    _check_only_image(request)


def _check_only_image(request: Mapping[str, Any]) -> None:
    if any(request.get(member) for member in ("Runtime", "Handler", "Layers")):
        raise errors.invalid_parameter_value(
            "Please don't provide Handler or Runtime or Layer when the intended function PackageType is Image."
        )


def _check_no_image_config(request: Mapping[str, Any]) -> None:
    if any((request.get("ImageConfig") or {}).values()):
        raise errors.invalid_parameter_value(
            "Please don't provide ImageConfig when the intended function PackageType is Zip."
        )


def _check_settings(request: Mapping[str, Any]) -> None:
    if request.get("Runtime") is not None:
        check_runtime(request["Runtime"])
    _check_at_most("timeout", request.get("Timeout"), TIMEOUT_S_MAX)
    _check_at_most("memorySize", request.get("MemorySize"), MEMORY_MB_MAX)
    _check_at_most("ephemeralStorage.size", (request.get("EphemeralStorage") or {}).get("Size"), STORAGE_MB_MAX)
    check_variables((request.get("Environment") or {}).get("Variables") or {})


def _check_at_most(path: str, value: int | None, maximum: int) -> None:
    if value is not None and value > maximum:
        raise errors.validation(
            f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: "
            f"Member must have value less than or equal to {maximum}"
        )


def _logging(before: Logging, sent: Mapping[str, str]) -> Logging:
    """Members not sent keep their value; the levels exist with JSON only, and start at INFO."""
    log_format = sent.get("LogFormat", before.format)
    group = sent.get("LogGroup", before.group)
    if log_format == "Text":
        if "ApplicationLogLevel" in sent or "SystemLogLevel" in sent:
            raise errors.invalid_parameter_value(
                'LogLevel is not supported when LogFormat is set to "Text". '
                'Remove LogLevel from your request or change the LogFormat to "Json" and try again.'
            )
        return Logging("Text", group)
    return Logging(
        log_format,
        group,
        application_level=sent.get("ApplicationLogLevel", before.application_level or "INFO"),
        system_level=sent.get("SystemLogLevel", before.system_level or "INFO"),
    )
