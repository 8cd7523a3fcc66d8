"""Settings the API has and Lamina does not: refused by name, because one that is accepted and ignored is a lie.

A value that asks for nothing (an empty DurableConfig) is what Lamina does anyway, and is taken. What is kept and shown
all the same, because templates have to deploy, is in `without_effect`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina import errors

_Asks = Callable[[Any], bool]


def _always(value: Any) -> bool:
    return bool(value)


def _any_member(value: Any) -> bool:
    return any(value.values())


SETTINGS: Mapping[str, tuple[_Asks, str]] = {
    "SourceKMSKeyArn": (_always, "archives are not encrypted with a customer's key."),
    "TenancyConfig": (_any_member, "tenants are not isolated from each other."),
    "CapacityProviderConfig": (_any_member, "there are no managed instances."),
    "DurableConfig": (_any_member, "durable executions are not implemented."),
    "RuntimeConfig": (_any_member, "runtimes take no settings of their own."),
    "AcceleratorConfig": (_any_member, "there are no accelerators."),
    "PublishTo": (_always, "there is no $LATEST.PUBLISHED."),
}


def check_supported(request: Mapping[str, Any]) -> None:
    """Raise a modelled error that names the first setting in *request* which Lamina would have to ignore."""
    # "REFERENCE" runs the object where it lies instead of a copy of it.
    if request.get("S3ObjectStorageMode", "COPY") != "COPY":
        raise errors.not_supported("S3ObjectStorageMode", "an archive is always copied.")
    for setting, (asks, because) in SETTINGS.items():
        value = request.get(setting)
        if value is not None and asks(value):
            raise errors.not_supported(setting, because)
