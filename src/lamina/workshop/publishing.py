"""Publishing a built layer, unless the newest version is the same."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lamina.layers.sizes import UPLOADED_BYTES_MAX
from lamina.names import LayerVersionArn
from lamina.workshop.building.builds import BuiltLayer
from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.errors import WorkshopError
from lamina.workshop.recipes import Recipe


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

    def _check_size(self, layer: BuiltLayer) -> None:
        """Raise WorkshopError if *layer* is too large to be sent in the way that there is."""
        if layer.zipped_bytes > UPLOADED_BYTES_MAX and self.bucket is None:
            raise WorkshopError(
                f"the archive of {layer.name} has {layer.zipped_bytes} bytes, and {UPLOADED_BYTES_MAX} can be sent "
                "without S3",
                "Upload it by a bucket of yours (--bucket NAME), or make several layers of it (--split).",
            )

    def publish(self, layer: BuiltLayer, attributes: Attributes, *, copy_permissions: bool = False) -> Version:
        """A new version of *layer* with *attributes*, and with the permissions of the one before it if so wanted.

        Raises EndpointError with what the endpoint said.
        """
        self._check_size(layer)
        before = self.newest(layer.name) if copy_permissions else None
        permissions = self._permissions(before[0]) if before is not None else []
        version = self._publish(layer, attributes)
        self._allow(version, permissions)
        return version

    def _publish(self, layer: BuiltLayer, attributes: Attributes) -> Version:
        client = self.endpoint.client()
        options: dict[str, Any] = {
            "CompatibleRuntimes": sorted(attributes.runtimes),
            "CompatibleArchitectures": sorted(attributes.architectures),
            "Description": attributes.description,
            "LicenseInfo": attributes.license,
        }
        with self.endpoint.asking():
            answer = client.publish_layer_version(
                LayerName=layer.name,
                Content=self._content(layer),
                **{name: value for name, value in options.items() if value},
            )
        found = answer["Content"]["CodeSha256"]
        if found != attributes.code_sha256:
            raise WorkshopError(f"{answer['LayerVersionArn']} was published with other content: CodeSha256 {found}")
        return Version(LayerVersionArn.parse(answer["LayerVersionArn"]), new=True)

    def _permissions(self, version: Version) -> list[Permission]:
        """What the policy of *version* allows whom."""
        client = self.endpoint.client(region=version.arn.layer.scope.region)
        try:
            with self.endpoint.asking():
                answer = client.get_layer_version_policy(
                    LayerName=str(version.arn.layer), VersionNumber=version.arn.number
                )
        except EndpointError as error:
            if error.api_code == "ResourceNotFoundException":
                return []
            raise
        return list(statements(answer["Policy"]))

    def _allow(self, version: Version, permissions: list[Permission]) -> None:
        """Let *version* be used as *permissions* say."""
        client = self.endpoint.client(region=version.arn.layer.scope.region)
        for permission in permissions:
            more = {"OrganizationId": permission.organization} if permission.organization else {}
            with self.endpoint.asking():
                client.add_layer_version_permission(
                    LayerName=str(version.arn.layer),
                    VersionNumber=version.arn.number,
                    StatementId=permission.sid,
                    Action=permission.action,
                    Principal=permission.principal,
                    **more,
                )

    def _content(self, layer: BuiltLayer) -> dict[str, Any]:
        if layer.zipped_bytes <= UPLOADED_BYTES_MAX:
            return {"ZipFile": layer.file.read_bytes()}
        # A key that says what is under it: the same archive twice is one object.
        key = f"lamina/{layer.name}/{layer.digest}.zip"
        client = self.storage.client("s3")
        with self.storage.asking(), layer.file.open("rb") as file:
            client.put_object(Bucket=self.bucket, Key=key, Body=file)
        return {"S3Bucket": self.bucket, "S3Key": key}


def statements(policy: str) -> Iterator[Permission]:
    """The statements of the JSON *policy*, as they were added."""
    for statement in json.loads(policy)["Statement"]:
        told = statement["Principal"]
        arn = told["AWS"] if isinstance(told, dict) else told
        principal = arn.split(":")[4] if arn.startswith("arn:") else arn
        condition = statement.get("Condition", {}).get("StringEquals", {})
        yield Permission(statement["Sid"], statement["Action"], principal, condition.get("aws:PrincipalOrgID", ""))


def storage_of(endpoint: Endpoint, environ: Mapping[str, str]) -> Endpoint:
    """Where the buckets of *endpoint* are: S3's own address if one is configured, else beside the Lambda API."""
    return replace(endpoint, url=environ.get("AWS_ENDPOINT_URL_S3") or endpoint.url)
