"""The tag operations."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.functions import changing
from lamina.functions.configuring import check_tags
from lamina.functions.versions import FunctionVersion
from lamina.names import FunctionArn
from lamina.operations.activations import Activations
from lamina.operations.addresses import function_not_found, tagged_function
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.stamps import Stamps

Tags = Mapping[str, str]


class TagOperations:
    """Tag functions, and show their tags."""

    def __init__(self, catalog: Catalog, activations: Activations, stamps: Stamps) -> None:
        self._catalog = catalog
        self._activations = activations
        self._stamps = stamps

    def tag_resource(self, call: Call, request: Parameters) -> Output:
        if not request["Tags"]:
            raise errors.invalid_parameter_value("An error occurred and the request cannot be processed.")
        self._change(call, "TagResource", request, lambda tags: {**tags, **request["Tags"]})
        return {}

    def untag_resource(self, call: Call, request: Parameters) -> Output:
        gone = frozenset(request["TagKeys"])
        self._change(call, "UntagResource", request, lambda tags: {key: tags[key] for key in tags if key not in gone})
        return {}

    def list_tags(self, call: Call, request: Parameters) -> Output:
        arn = _function(call, "ListTags", request)
        with self._catalog.reading() as transaction:
            _find(transaction, arn)
            return {"Tags": dict(transaction.functions.tags(arn.scope, arn.name))}

    def _change(self, call: Call, operation: str, request: Parameters, change: Callable[[Tags], Tags]) -> None:
        arn = _function(call, operation, request)
        with self._catalog.writing() as transaction:
            latest = _find(transaction, arn)
            tags = change(transaction.functions.tags(arn.scope, arn.name))
            check_tags(tags)
            transaction.functions.set_tags(arn.scope, arn.name, tags)
            # AWS gives the function a new RevisionId for it, whether or not a tag changed.
            retagged = changing.touched(latest, self._stamps.revision_id())
            transaction.functions.replace(retagged)
        if not retagged.status.settled:
            # The activation under way was of the revision before, and leaves this one alone.
            self._activations.start(retagged)


def _function(call: Call, operation: str, request: Parameters) -> FunctionArn:
    resource: str = request["Resource"]
    kind, _, name = resource.split(":", 5)[5].partition(":")
    if kind == "function":
        return tagged_function(call, operation, resource)
    if kind == "layer":
        raise errors.invalid_parameter_value(f"Layers cannot be tagged: {resource}")
    if kind == "capacity-provider":
        raise errors.resource_not_found(f"Capacity provider not found: {resource}")
    raise errors.resource_not_found(f"{name} not found: {resource}")


def _find(transaction: Transaction, arn: FunctionArn) -> FunctionVersion:
    latest = transaction.functions.find(arn.scope, arn.name)
    if latest is None:
        raise function_not_found(arn)
    return latest
