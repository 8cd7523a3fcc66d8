"""Event source mappings: kept, listed, enabled and disabled. Who serves those of queues is told of each change."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Mapped
from lamina.functions import event_sources
from lamina.functions.configuring import check_tags
from lamina.names import FunctionArn
from lamina.operations.addresses import function_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.markers import Markers, page
from lamina.operations.stamps import Stamps

PAGE_MAX = 100


class EventSourceOperations:
    """Create, read, change, list and delete mappings; *remapped* is told the event source of each that changed."""

    def __init__(
        self, catalog: Catalog, markers: Markers, stamps: Stamps, remapped: Callable[[str | None], None]
    ) -> None:
        self._catalog = catalog
        self._markers = markers
        self._stamps = stamps
        self._remapped = remapped

    def create_event_source_mapping(self, call: Call, request: Parameters) -> Output:
        tags = request.get("Tags") or {}
        check_tags(tags)
        function = function_arn(call, "CreateEventSourceMapping", request["FunctionName"])
        mapping_id = str(uuid.uuid4())
        own = call.scope.arn(event_sources.resource(mapping_id))
        document = event_sources.create(_storable(request), mapping_id, own, str(function), self._stamps.seconds())
        source = request.get("EventSourceArn")
        event_sources.check_whose(source, call.scope)
        with self._catalog.writing() as transaction:
            _check_exists(transaction, function)
            _check_new(transaction, call, function, source)
            transaction.mappings.put(Mapped(call.scope, mapping_id, function.name, source, document))
            transaction.tags.set(call.scope, event_sources.resource(mapping_id), tags)
        self._remapped(source)
        return event_sources.on_the_way(document, "Creating")

    def get_event_source_mapping(self, call: Call, request: Parameters) -> Output:
        with self._catalog.reading() as transaction:
            return dict(_find(transaction, call, request).document)

    def list_event_source_mappings(self, call: Call, request: Parameters) -> Output:
        name = request.get("FunctionName")
        function = None if name is None else function_arn(call, "ListEventSourceMappings", name).name
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        source = request.get("EventSourceArn")
        of_list = f"ListEventSourceMappings {call.scope} {function} {source}"
        position = self._markers.read(of_list, request.get("Marker"))
        after = None if position is None else str(position[0])
        with self._catalog.reading() as transaction:
            found = transaction.mappings.all(call.scope, function, source, after=after, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {"EventSourceMappings": [dict(each.document) for each in shown]}
        if more:
            output["NextMarker"] = self._markers.issue(of_list, [shown[-1].id])
        return output

    def update_event_source_mapping(self, call: Call, request: Parameters) -> Output:
        with self._catalog.writing() as transaction:
            before = _find(transaction, call, request)
            name = request.get("FunctionName")
            arn, function = before.document["FunctionArn"], before.function
            if name is not None:
                wanted = function_arn(call, "UpdateEventSourceMapping", name)
                _check_exists(transaction, wanted)
                arn, function = str(wanted), wanted.name
            document = event_sources.update(before.document, _storable(request), arn, self._stamps.seconds())
            transaction.mappings.put(Mapped(before.scope, before.id, function, before.source, document))
        self._remapped(before.source)
        states = {("Enabled", "Disabled"): "Disabling", ("Disabled", "Enabled"): "Enabling"}
        way = states.get((before.document["State"], document["State"]), "Updating")
        return event_sources.on_the_way(document, way)

    def delete_event_source_mapping(self, call: Call, request: Parameters) -> Output:
        with self._catalog.writing() as transaction:
            gone = _find(transaction, call, request)
            transaction.mappings.delete(gone.scope, gone.id)
            transaction.tags.set(gone.scope, event_sources.resource(gone.id), {})
        self._remapped(gone.source)
        return event_sources.on_the_way(gone.document, "Deleting")


def _find(transaction: Transaction, call: Call, request: Parameters) -> Mapped:
    found = transaction.mappings.get(call.scope, request["UUID"].lower())
    if found is None:
        raise errors.resource_not_found("The resource you requested does not exist.")
    return found


def _check_exists(transaction: Transaction, function: FunctionArn) -> None:
    if transaction.functions.find(function.scope, function.name, function.qualifier) is None:
        raise errors.invalid_parameter_value("Function does not exist")


def _check_new(transaction: Transaction, call: Call, function: FunctionArn, source: str | None) -> None:
    if source is None:
        return
    for other in transaction.mappings.all(call.scope, function.name, source, after=None, limit=PAGE_MAX):
        if other.document["FunctionArn"] == str(function):
            raise errors.resource_conflict(
                f'The event source arn (" {source} ") and function (" {function.name} ") provided mapping already '
                f"exists. Please update or delete the existing mapping with UUID {other.id}"
            )


def _storable(request: Parameters) -> dict[str, Any]:
    """*request* with times as numbers, as the catalog keeps them."""
    return {name: value.timestamp() if isinstance(value, datetime) else value for name, value in request.items()}
