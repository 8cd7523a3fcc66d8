"""Published versions of functions."""

from __future__ import annotations

from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.functions import changing
from lamina.functions.describing import describe, describe_listed
from lamina.functions.versions import FunctionVersion
from lamina.operations.activations import Activations
from lamina.operations.addresses import find_function, function_arn, unqualified_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.live import LiveLayers
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps
from lamina.operations.storage import check_room

PAGE_MAX = 50


class VersionOperations:
    """Publish and list versions. (A version is deleted by DeleteFunction.)"""

    def __init__(
        self,
        catalog: Catalog,
        markers: Markers,
        activations: Activations,
        stamps: Stamps,
        live: LiveLayers | None = None,
    ) -> None:
        self._catalog = catalog
        self._markers = markers
        self._activations = activations
        self._stamps = stamps
        self._live = live

    def publish_version(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "PublishVersion", request["FunctionName"])
        if request.get("PublishTo") is not None:
            raise errors.not_supported("PublishTo", "there is no $LATEST.PUBLISHED.")
        with self._catalog.writing() as transaction:
            latest = find_function(transaction.functions, arn)
            changing.check_publishable(latest, request)
            version = unchanged(transaction, latest)
            if version is None:
                version = publish(transaction, latest, self._stamps, request.get("Description"), self._live)
                transaction.functions.replace(changing.touched(latest, self._stamps.revision_id()))
        if not version.status.settled:
            # Of a $LATEST whose last update failed: the version is another attempt.
            self._activations.start(version)
        return describe(version, version.qualified_arn)

    def list_versions_by_function(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "ListVersionsByFunction", request["FunctionName"]).unqualified
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListVersionsByFunction {arn}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else int(position[0])
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, arn)
            found = transaction.functions.versions(arn, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"Versions": [describe_listed(version, version.qualified_arn) for version in shown]}
        if more:
            last = shown[-1]
            output["NextMarker"] = self._markers.issue(of_list, [0 if last.is_latest else int(last.version)])
        return output


def unchanged(transaction: Transaction, latest: FunctionVersion) -> FunctionVersion | None:
    """The version published last, if publishing *latest* would only give the same again."""
    last = transaction.functions.published_last(latest.arn)
    return last if changing.is_unchanged(latest, last) else None


def publish(
    transaction: Transaction,
    latest: FunctionVersion,
    stamps: Stamps,
    description: str | None = None,
    live: LiveLayers | None = None,
) -> FunctionVersion:
    """A new version made of *latest*, recorded; the caller sees to its activation if it has one to come."""
    if live is not None:
        live.check_publishable(latest)
    check_room(transaction.totals, latest.arn.scope, latest.code.zipped_bytes)
    number = transaction.functions.next_number(latest.arn)
    version = changing.published(latest, number, stamps.stamp(), description)
    transaction.functions.publish(version)
    return version
