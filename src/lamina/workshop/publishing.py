"""Publishing a built layer, unless the newest version is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from lamina.layers.sizes import UPLOADED_BYTES_MAX
from lamina.names import Digest, LayerVersionArn
from lamina.workshop.building.builds import BuiltLayer
from lamina.workshop.endpoint import Endpoint, beside
from lamina.workshop.errors import WorkshopError
from lamina.workshop.recipes import Recipe


class Archive(Protocol):
    """What a new version of a layer is made of, in a file whose SHA-256 is `digest`; a BuiltLayer is one."""

    @property
    def name(self) -> str: ...
    @property
    def file(self) -> Path: ...
    @property
    def digest(self) -> Digest: ...
    @property
    def zipped_bytes(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Attributes:
    """All by which one version of a layer differs from another, but for its number. Order does not count."""

    code_sha256: str
    runtimes: frozenset[str] = frozenset()
    architectures: frozenset[str] = frozenset()
    description: str = ""
    license: str = ""

    @classmethod
    def wanted(cls, layer: BuiltLayer, recipe: Recipe) -> Attributes:
        """Those that *layer*, built from *recipe*, is to be published with."""
        runtimes, architectures = frozenset(recipe.runtimes), frozenset(recipe.architectures)
        return cls(layer.digest.base64, runtimes, architectures, recipe.description, recipe.license)

    @classmethod
    def told(cls, answer: Mapping[str, Any]) -> Attributes:
        """Those that GetLayerVersion's *answer* tells."""
        return cls(
            answer["Content"]["CodeSha256"],
            frozenset(answer.get("CompatibleRuntimes") or ()),
            frozenset(answer.get("CompatibleArchitectures") or ()),
            answer.get("Description") or "",
            answer.get("LicenseInfo") or "",
        )


@dataclass(frozen=True, slots=True)
class Version:
    """A published version. `new` says whether it was published just now."""

    arn: LayerVersionArn
    new: bool = False


@dataclass(frozen=True, slots=True)
class Permission:
    """One statement of a layer version's policy, as AddLayerVersionPermission takes it."""

    sid: str
    action: str
    principal: str
    organization: str = ""


@dataclass(frozen=True, slots=True)
class Publisher:
    """Publishes at *endpoint*; what is too large to be sent directly, by *bucket* at *storage*, if one is named."""

    endpoint: Endpoint
    storage: Endpoint
    bucket: str | None = None

    def newest(self, name: str) -> tuple[Version, Attributes] | None:
        """The newest version of the layer *name*, if there is any."""
        client = self.endpoint.client()
        with self.endpoint.asking():
            versions = client.list_layer_versions(LayerName=name, MaxItems=1)["LayerVersions"]
            if not versions:
                return None
            answer = client.get_layer_version(LayerName=name, VersionNumber=versions[0]["Version"])
        return Version(LayerVersionArn.parse(answer["LayerVersionArn"])), Attributes.told(answer)

    def unchanged(self, name: str, attributes: Attributes) -> Version | None:
        """The newest version of the layer *name*, if it has exactly *attributes*."""
        newest = self.newest(name)
        return newest[0] if newest is not None and newest[1] == attributes else None

    def _check_size(self, layer: Archive) -> None:
        """Raise WorkshopError if *layer* is too large to be sent in the way that there is."""
        if layer.zipped_bytes > UPLOADED_BYTES_MAX and self.bucket is None:
            raise WorkshopError(
                f"the archive of {layer.name} has {layer.zipped_bytes} bytes, and {UPLOADED_BYTES_MAX} can be sent "
                "without S3",
                "Upload it by a bucket of yours (--bucket NAME), or make several layers of it (--split).",
            )

    def publish(self, layer: Archive, attributes: Attributes, *, copy_permissions: bool = False) -> Version:
        """A new version of *layer* with *attributes*, and with the permissions of the one before it if so wanted.

        Raises EndpointError with what the endpoint said.
        """
        self._check_size(layer)
        before = self.newest(layer.name) if copy_permissions else None
        client = self.endpoint.client()
        with self.endpoint.asking():
            permissions = allowed(client, before[0].arn) if before is not None else ()
            version = self._publish(client, layer, attributes)
            for permission in permissions:
                allow(client, version.arn, permission)
        return version

    def _publish(self, client: Any, layer: Archive, attributes: Attributes) -> Version:
        options: dict[str, Any] = {
            "CompatibleRuntimes": sorted(attributes.runtimes),
            "CompatibleArchitectures": sorted(attributes.architectures),
            "Description": attributes.description,
            "LicenseInfo": attributes.license,
        }
        answer = client.publish_layer_version(
            LayerName=layer.name,
            Content=self._content(layer),
            **{name: value for name, value in options.items() if value},
        )
        found = answer["Content"]["CodeSha256"]
        if found != attributes.code_sha256:
            raise WorkshopError(f"{answer['LayerVersionArn']} was published with other content: CodeSha256 {found}")
        return Version(LayerVersionArn.parse(answer["LayerVersionArn"]), new=True)

    def _content(self, layer: Archive) -> dict[str, Any]:
        if layer.zipped_bytes <= UPLOADED_BYTES_MAX:
            return {"ZipFile": layer.file.read_bytes()}
        # A key that says what is under it: the same archive twice is one object.
        key = f"lamina/{layer.name}/{layer.digest}.zip"
        client = self.storage.client("s3")
        with self.storage.asking(), layer.file.open("rb") as file:
            client.put_object(Bucket=self.bucket, Key=key, Body=file)
        return {"S3Bucket": self.bucket, "S3Key": key}


def allowed(client: Any, arn: LayerVersionArn) -> tuple[Permission, ...]:
    """What the policy of *arn* allows whom, by *client* of its owner's."""
    try:
        answer = client.get_layer_version_policy(LayerName=str(arn.layer), VersionNumber=arn.number)
    except client.exceptions.ResourceNotFoundException:
        return ()
    return tuple(statements(answer["Policy"]))


def allow(client: Any, arn: LayerVersionArn, permission: Permission) -> None:
    """Add *permission* to the policy of *arn*, by *client* of its owner's."""
    more = {"OrganizationId": permission.organization} if permission.organization else {}
    client.add_layer_version_permission(
        LayerName=str(arn.layer),
        VersionNumber=arn.number,
        StatementId=permission.sid,
        Action=permission.action,
        Principal=permission.principal,
        **more,
    )


def statements(policy: str) -> Iterator[Permission]:
    """The statements of the JSON *policy*, as they were added."""
    for statement in json.loads(policy)["Statement"]:
        told = statement["Principal"]
        arn = told["AWS"] if isinstance(told, dict) else told
        principal = arn.split(":")[4] if arn.startswith("arn:") else arn
        condition = statement.get("Condition", {}).get("StringEquals", {})
        yield Permission(statement["Sid"], statement["Action"], principal, condition.get("aws:PrincipalOrgID", ""))


def storage_of(endpoint: Endpoint, environ: Mapping[str, str]) -> Endpoint:
    """Where the buckets of *endpoint* are."""
    return beside(endpoint, "S3", environ)
