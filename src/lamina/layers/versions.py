"""A layer version: what publishing one makes of a request, and how the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lamina import errors
from lamina.names import Digest, LayerArn, LayerVersionArn


@dataclass(frozen=True, slots=True)
class StoredArchive:
    """A checked archive whose bytes are durable: what a layer version or a function's code consists of."""

    digest: Digest
    zipped_bytes: int
    unzipped_bytes: int


@dataclass(frozen=True, slots=True)
class LayerVersion:
    """One immutable version of a layer.

    `compatible_runtimes` and `compatible_architectures` are None when the publisher did not give them, which the API
    shows differently from an empty list. `created` is ISO 8601 with milliseconds and zone, as the API shows it.
    """

    arn: LayerVersionArn
    archive: StoredArchive
    created: str
    description: str | None = None
    compatible_runtimes: tuple[str, ...] | None = None
    compatible_architectures: tuple[str, ...] | None = None
    license_info: str | None = None


def publish(layer: LayerArn, number: int, archive: StoredArchive, request: Mapping[str, Any], now: str) -> LayerVersion:
    """Version *number* of *layer*, as the members of a PublishLayerVersion *request* describe it."""
    return LayerVersion(
        arn=layer.version(number),
        archive=archive,
        created=now,
        description=request.get("Description"),
        compatible_runtimes=_given_list(request, "CompatibleRuntimes"),
        compatible_architectures=_given_list(request, "CompatibleArchitectures"),
        license_info=request.get("LicenseInfo"),
    )


def check_version_number(number: int) -> None:
    """Raise AWS's error for a version number that no layer can have; the model allows any integer."""
    if number < 1:
        raise errors.invalid_parameter_value("Layer Version Cannot be less than 1")


def describe(version: LayerVersion, location: str) -> dict[str, Any]:
    """The members of PublishLayerVersion's and GetLayerVersion's answers; *location* downloads the archive."""
    return {
        "Content": {
            "Location": location,
            "CodeSha256": version.archive.digest.base64,
            "CodeSize": version.archive.zipped_bytes,
        },
        "LayerArn": str(version.arn.layer),
        # Publish and get answer "" where lists leave the member out.
        "Description": version.description or "",
        **_summary(version),
    }


def describe_listed(version: LayerVersion) -> dict[str, Any]:
    """The members of an item of ListLayerVersions, and of ListLayers' LatestMatchingVersion."""
    description = {} if version.description is None else {"Description": version.description}
    return {**_summary(version), **description}


def describe_layer(latest: LayerVersion) -> dict[str, Any]:
    """The members of an item of ListLayers, of which *latest* is the newest version that matches."""
    return {
        "LayerName": latest.arn.layer.name,
        "LayerArn": str(latest.arn.layer),
        "LatestMatchingVersion": describe_listed(latest),
    }


def _summary(version: LayerVersion) -> dict[str, Any]:
    members: dict[str, Any] = {
        "LayerVersionArn": str(version.arn),
        "Version": version.arn.number,
        "CreatedDate": version.created,
    }
    if version.compatible_runtimes is not None:
        members["CompatibleRuntimes"] = list(version.compatible_runtimes)
    if version.compatible_architectures is not None:
        members["CompatibleArchitectures"] = list(version.compatible_architectures)
    if version.license_info is not None:
        members["LicenseInfo"] = version.license_info
    return members


def _given_list(request: Mapping[str, Any], member: str) -> tuple[str, ...] | None:
    values = request.get(member)
    return None if values is None else tuple(values)
