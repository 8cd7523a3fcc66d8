"""A function's configuration and status as JSON documents, and back: the two columns that queries never look into.

Members at their default are written too, so that a default that changes later changes no function.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
