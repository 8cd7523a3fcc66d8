"""A function's configuration and status as JSON documents, and back: the two columns that queries never look into.

Members at their default are written too, so that a default that changes later changes no function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lamina.functions.elsewhere import FileSystem, Image, Vpc
from lamina.functions.versions import Configuration, Logging, State, Status, UpdateStatus
from lamina.layers.attaching import AttachedLayer


def write_configuration(configuration: Configuration) -> dict[str, Any]:
    """Everything but the layers, which have a table of their own."""
    # Pairs, for an object's members have no order in JSON.
    environment = None if configuration.environment is None else [list(pair) for pair in configuration.environment]
    return {
        "runtime": configuration.runtime,
        "handler": configuration.handler,
        "role": configuration.role,
        "description": configuration.description,
        "timeout_s": configuration.timeout_s,
        "memory_mb": configuration.memory_mb,
        "storage_mb": configuration.storage_mb,
        "environment": environment,
        "architecture": configuration.architecture,
        "logging": {
            "format": configuration.logging.format,
            "group": configuration.logging.group,
            "application_level": configuration.logging.application_level,
            "system_level": configuration.logging.system_level,
        },
        "vpc": None if configuration.vpc is None else asdict(configuration.vpc),
        "dead_letter": configuration.dead_letter,
        "kms_key": configuration.kms_key,
        "tracing": configuration.tracing,
        "file_systems": [asdict(each) for each in configuration.file_systems],
        "snap_start": configuration.snap_start,
        "image": None if configuration.image is None else asdict(configuration.image),
    }


def read_configuration(document: Mapping[str, Any], layers: tuple[AttachedLayer, ...]) -> Configuration:
    """The configuration that *document* holds, with its *layers*."""
    environment = document["environment"]
    return Configuration(
        runtime=document["runtime"],
        handler=document["handler"],
        role=document["role"],
        description=document["description"],
        timeout_s=document["timeout_s"],
        memory_mb=document["memory_mb"],
        storage_mb=document["storage_mb"],
        environment=None if environment is None else tuple((name, value) for name, value in environment),
        architecture=document["architecture"],
        logging=Logging(**document["logging"]),
        layers=layers,
        vpc=_vpc(document["vpc"]),
        dead_letter=document["dead_letter"],
        kms_key=document["kms_key"],
        tracing=document["tracing"],
        file_systems=tuple(FileSystem(**each) for each in document["file_systems"]),
        snap_start=document["snap_start"],
        image=_image(document["image"]),
    )


def write_status(status: Status) -> dict[str, Any]:
    """Where a version stands."""
    return {
        "state": status.state,
        "update": status.update,
        "reason": status.reason,
        "reason_code": status.reason_code,
    }


def read_status(document: Mapping[str, Any]) -> Status:
    """The status that *document* holds."""
    update = document["update"]
    return Status(
        state=State(document["state"]),
        update=None if update is None else UpdateStatus(update),
        reason=document["reason"],
        reason_code=document["reason_code"],
    )


def _vpc(document: Mapping[str, Any] | None) -> Vpc | None:
    if document is None:
        return None
    return Vpc(tuple(document["subnets"]), tuple(document["security_groups"]), document["ipv6"])


def _image(document: Mapping[str, Any] | None) -> Image | None:
    if document is None:
        return None
    return Image(
        document["uri"], _words(document["entry_point"]), _words(document["command"]), document["working_directory"]
    )


def _words(document: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if document is None else tuple(document)
