"""Versions of a layer in each region: found, published, and opened to others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from lamina.names import Digest, LayerVersionArn
from lamina.rollouts.consumers import LayerReference
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError
from lamina.workshop.publishing import Attributes, Permission, Publisher, allow, allowed
from lamina.workshop.sharing.plans import Audience, SharedVersion


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """A layer's archive in a file, as a Publisher takes it."""

    name: str
    file: Path
    digest: Digest
    zipped_bytes: int


@dataclass(frozen=True, slots=True)
class Copies:
    """The same layer in several regions of *endpoint*.

    *bucket* takes what is too large to be sent directly; `{region}` in its name stands for the region. *storage* is
    where buckets are.
    """

    endpoint: Endpoint
    storage: Endpoint
    bucket: str | None = None
    _clients: dict[str | None, Any] = field(default_factory=dict)

    def original(self, layer: LayerReference) -> SharedVersion:
        """The version that *layer* names, the newest unless it says, with what its policy allows.

        Raises WorkshopError for a layer of somebody else, which only its owner can share.
        """
        client = self._client(layer.region)
        number = next(iter(layer.versions), None)
        if number is None:
            with self.endpoint.asking():
                newest = client.list_layer_versions(LayerName=layer.name, MaxItems=1)["LayerVersions"]
            if not newest:
                raise WorkshopError(f"you have no layer {layer.name} at {client.meta.endpoint_url}")
            number = newest[0]["Version"]
        found = self._version(client, layer.name, number)
        if layer.account not in (None, found.arn.scope.account):
            hint = "Only its owner can share a layer. `lamina pull` and `lamina publish` make one of your own of it."
            raise WorkshopError(f"{layer.name} belongs to {layer.account}, and you are {found.arn.scope.account}", hint)
        return found

    def same(self, region: str, original: SharedVersion) -> SharedVersion | None:
        """The newest version in *region* that has the bytes and the attributes of *original*; None if there is none."""
        if region == original.arn.scope.region:
            return original
        client = self._client(region)
        name = original.arn.layer.name
        pages = client.get_paginator("list_layer_versions").paginate(LayerName=name)
        with self.endpoint.asking():
            listed = [version for page in pages for version in page["LayerVersions"]]
        # A listing tells everything but the digest.
        content = {"Content": {"CodeSha256": original.attributes.code_sha256}}
        for version in listed:
            if Attributes.told({**version, **content}) == original.attributes:
                found = self._version(client, name, version["Version"])
                if found.attributes == original.attributes:
                    return found
        return None

    def publish(self, region: str, original: SharedVersion, file: Path) -> SharedVersion:
        """A new version in *region* of *original*, whose archive is in *file*."""
        name, attributes = original.arn.layer.name, original.attributes
        archive = ArchiveFile(name, file, Digest.of(file.read_bytes()), file.stat().st_size)
        bucket = None if self.bucket is None else self.bucket.replace("{region}", region)
        publisher = Publisher(replace(self.endpoint, region=region), replace(self.storage, region=region), bucket)
        return SharedVersion(publisher.publish(archive, attributes).arn, attributes)

    def open(self, version: SharedVersion, grants: Sequence[Permission]) -> SharedVersion:
        """*version* with what its policy says once *grants* are added.

        Raises EndpointError, also when the endpoint took a grant and its policy does not tell of it.
        """
        client = self._client(version.arn.scope.region)
        for grant in grants:
            try:
                with self.endpoint.asking():
                    allow(client, version.arn, grant)
            except EndpointError as error:
                # Somebody else has just done the same: what the policy says in the end is looked at below.
                if error.api_code != "ResourceConflictException":
                    raise
        with self.endpoint.asking():
            after = replace(version, permissions=allowed(client, version.arn))
        told = {Audience.of(permission) for permission in after.permissions}
        for grant in grants:
            if Audience.of(grant) not in told:
                raise EndpointError(f"the policy of {version.arn} does not tell of {Audience.of(grant).name}")
        return after

    def _version(self, client: Any, name: str, number: int) -> SharedVersion:
        with self.endpoint.asking():
            try:
                answer = client.get_layer_version(LayerName=name, VersionNumber=number)
            except client.exceptions.ResourceNotFoundException:
                where = client.meta.endpoint_url
                raise WorkshopError(f"you have no version {number} of the layer {name} at {where}") from None
            arn = LayerVersionArn.parse(answer["LayerVersionArn"])
            return SharedVersion(arn, Attributes.told(answer), allowed(client, arn))

    def _client(self, region: str | None) -> Any:
        """The client for *region*; making one takes as long as ten calls."""
        if region not in self._clients:
            self._clients[region] = self.endpoint.client(region=region)
        return self._clients[region]
