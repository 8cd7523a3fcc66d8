"""The layer operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lamina import errors
from lamina.catalog.layers import CompatibleWith
from lamina.catalog.port import Catalog
from lamina.layers import attaching, versions
from lamina.layers.versions import LayerVersion
from lamina.names import Digest, LayerVersionArn, parse_layer_name
from lamina.operations.addresses import own_layer
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.content import Contents
from lamina.operations.markers import Markers, page
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.stamps import Stamps
from lamina.operations.storage import check_room
from lamina.operations.uploads import Uploads

PAGE_MAX = 50


class LayerOperations:
    """Publish, read, list and delete layer versions.

    *published* is told of every new version, and what the one before it consists of, if that is still there.
    """

    def __init__(
        self,
        catalog: Catalog,
        uploads: Uploads,
        contents: Contents,
        markers: Markers,
        reclaimer: Reclaimer,
        stamps: Stamps,
        published: Callable[[LayerVersion, Digest | None], None] = lambda _version, _before: None,
    ) -> None:
        self._catalog = catalog
        self._uploads = uploads
        self._contents = contents
        self._markers = markers
        self._reclaimer = reclaimer
        self._stamps = stamps
        self._published = published

    def publish_layer_version(self, call: Call, request: Parameters) -> Output:
        layer = own_layer(call, "PublishLayerVersion", request["LayerName"])
        if request["Content"].get("S3ObjectStorageMode", "COPY") != "COPY":
            raise errors.not_supported("S3ObjectStorageMode", "an archive is always copied.")
        with (
            self._uploads.received(call, request["Content"], "layer content") as archive,
            self._catalog.writing() as transaction,
        ):
            number = transaction.layers.next_number(layer)
            version = versions.publish(layer, number, archive, request, self._stamps.text())
            check_room(transaction.totals, call.scope, archive.zipped_bytes)
            transaction.layers.add(version)
            # Nobody asks what it is like unless byte-code is made of it.
            before = transaction.layers.get(layer.version(number - 1)) if version.compatible_runtimes else None
        self._published(version, None if before is None else before.archive.digest)
        return self._described(call, version)

    def get_layer_version(self, call: Call, request: Parameters) -> Output:
        versions.check_version_number(request["VersionNumber"])
        layer = parse_layer_name(request["LayerName"]).within(call.scope)
        return self._read(call, layer.version(request["VersionNumber"]))

    def get_layer_version_by_arn(self, call: Call, request: Parameters) -> Output:
        try:
            arn = LayerVersionArn.parse(request["Arn"])
        except ValueError:
            # AWS's own layers (`arn:aws:lambda:::awslayer:…`) exist on AWS only.
            raise _no_such_resource() from None
        versions.check_version_number(arn.number)
        return self._read(call, arn)

    def list_layer_versions(self, call: Call, request: Parameters) -> Output:
        layer = own_layer(call, "ListLayerVersions", request["LayerName"])
        wanted, size = _wanted(request), request.get("MaxItems") or PAGE_MAX
        of_list = f"ListLayerVersions {layer} {wanted}"
        position = self._markers.read(of_list, request.get("Marker"))
        below = None if position is None else int(position[0])
        with self._catalog.reading() as transaction:
            found = transaction.layers.versions(layer, wanted, below=below, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"LayerVersions": [versions.describe_listed(version) for version in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].arn.number])
        return output

    def list_layers(self, call: Call, request: Parameters) -> Output:
        wanted, size = _wanted(request), request.get("MaxItems") or PAGE_MAX
        of_list = f"ListLayers {call.scope} {wanted}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            found = transaction.layers.latest(call.scope, wanted, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"Layers": [versions.describe_layer(version) for version in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].arn.layer.name])
        return output

    def delete_layer_version(self, call: Call, request: Parameters) -> Output:
        versions.check_version_number(request["VersionNumber"])
        arn = own_layer(call, "DeleteLayerVersion", request["LayerName"]).version(request["VersionNumber"])
        with self._catalog.writing() as transaction:
            deleted = transaction.layers.delete(arn)
        if deleted is not None:
            self._reclaimer.reclaim([deleted.archive.digest])
        return {}

    def _read(self, call: Call, arn: LayerVersionArn) -> Output:
        with self._catalog.reading() as transaction:
            attaching.check_readable(call.scope, arn, transaction.policies.of_layer(arn), call.organization)
            # A region answers for its own layers only.
            version = transaction.layers.get(arn) if arn.scope.region == call.scope.region else None
        if version is None:
            raise _no_such_resource()
        return self._described(call, version)

    def _described(self, call: Call, version: LayerVersion) -> Output:
        return versions.describe(version, self._contents.location(call, version.archive.digest))


def _no_such_resource() -> errors.ApiError:
    return errors.resource_not_found("The resource you requested does not exist.")


def _wanted(request: Parameters) -> CompatibleWith:
    return CompatibleWith(request.get("CompatibleRuntime"), request.get("CompatibleArchitecture"))
