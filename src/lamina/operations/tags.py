"""The tag operations: on functions, code signing configurations and event source mappings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.functions import changing, code_signing
from lamina.functions.configuring import check_tags
from lamina.functions.versions import FunctionVersion
from lamina.names import FunctionArn, Scope
from lamina.operations.activations import Activations
from lamina.operations.addresses import find_function, tagged_function
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.stamps import Stamps

Tags = Mapping[str, str]


class _Tagged(Protocol):
    """Something that has tags; each method raises AWS's error when it does not exist."""

    def tags(self, transaction: Transaction) -> Tags: ...

    def set_tags(self, transaction: Transaction, tags: Tags) -> None: ...

    def changed(self) -> None:
        """Called once the change is recorded."""


class TagOperations:
    """Tag what can be tagged, and show its tags."""

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
        tagged = self._tagged(call, "ListTags", request["Resource"])
        with self._catalog.reading() as transaction:
            return {"Tags": dict(tagged.tags(transaction))}

    def _change(self, call: Call, operation: str, request: Parameters, change: Callable[[Tags], Tags]) -> None:
        tagged = self._tagged(call, operation, request["Resource"])
        with self._catalog.writing() as transaction:
            tags = change(tagged.tags(transaction))
            check_tags(tags)
            tagged.set_tags(transaction, tags)
        tagged.changed()

    def _tagged(self, call: Call, operation: str, resource: str) -> _Tagged:
        ends = resource.split(":", 5)[5]
        kind, _, name = ends.partition(":")
        if kind == "function":
            return _Function(tagged_function(call, operation, resource), self._activations, self._stamps)
        if kind == "layer":
            raise errors.invalid_parameter_value(f"Layers cannot be tagged: {resource}")
        if call.scope.arn(ends) == resource:
            if kind == "code-signing-config":
                return _Other(call.scope, ends, lambda held: held.code_signings.get(call.scope, name) is not None)
            if kind == "event-source-mapping":
                ends, name = ends.lower(), name.lower()
                return _Other(call.scope, ends, lambda held: held.mappings.get(call.scope, name) is not None)
        raise _not_found(kind, resource)


class _Function:
    def __init__(self, arn: FunctionArn, activations: Activations, stamps: Stamps) -> None:
        self._arn = arn
        self._activations = activations
        self._stamps = stamps
        self._retagged: FunctionVersion | None = None

    def tags(self, transaction: Transaction) -> Tags:
        self._latest(transaction)
        return transaction.functions.tags(self._arn.scope, self._arn.name)

    def set_tags(self, transaction: Transaction, tags: Tags) -> None:
        transaction.functions.set_tags(self._arn.scope, self._arn.name, tags)
        # AWS gives the function a new RevisionId for it, whether or not a tag changed.
        self._retagged = changing.touched(self._latest(transaction), self._stamps.revision_id())
        transaction.functions.replace(self._retagged)

    def changed(self) -> None:
        if self._retagged is not None and not self._retagged.status.settled:
            # The activation under way was of the revision before, and leaves this one alone.
            self._activations.start(self._retagged)

    def _latest(self, transaction: Transaction) -> FunctionVersion:
        return find_function(transaction.functions, self._arn)


class _Other:
    """What is no function, and of the caller's own; *resource* is how its ARN ends."""

    def __init__(self, scope: Scope, resource: str, exists: Callable[[Transaction], bool]) -> None:
        self._scope = scope
        self._resource = resource
        self._exists = exists

    def tags(self, transaction: Transaction) -> Tags:
        if not self._exists(transaction):
            raise _not_found(self._resource.partition(":")[0], self._scope.arn(self._resource))
        return transaction.tags.of(self._scope, self._resource)

    def set_tags(self, transaction: Transaction, tags: Tags) -> None:
        transaction.tags.set(self._scope, self._resource, tags)

    def changed(self) -> None:
        """Nothing else depends on these tags."""


def _not_found(kind: str, resource: str) -> errors.ApiError:
    if kind == "code-signing-config":
        return code_signing.not_found(resource)
    return errors.resource_not_found(f"{kind.replace('-', ' ').capitalize()} not found: {resource}")
