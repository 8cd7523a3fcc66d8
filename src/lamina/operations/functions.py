"""The function operations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind
from lamina.functions import changing, configuring, elsewhere, unsupported
from lamina.functions.describing import describe, describe_listed
from lamina.functions.versions import FunctionVersion
from lamina.layers import attaching
from lamina.layers.attaching import AttachedLayer
from lamina.layers.versions import StoredArchive
from lamina.names import LATEST, Digest, FunctionArn, LayerVersionArn
from lamina.operations import code_signing
from lamina.operations.activations import Activations
from lamina.operations.addresses import find_function, function_arn, function_not_found, unqualified_arn
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.content import Contents
from lamina.operations.live import LiveLayers
from lamina.operations.markers import Markers, page
from lamina.operations.reclaiming import Reclaimer
from lamina.operations.stamps import Stamps
from lamina.operations.storage import check_room
from lamina.operations.uploads import Uploads
from lamina.operations.versions import publish, unchanged

# However many are asked for, AWS returns no more at a time.
PAGE_MAX = 50


class FunctionOperations:
    """Create, read, list, update and delete functions.

    With *synchronous*, a create or an update answers once the function can run. *changed* is told what was recorded
    (with `$LATEST` for a qualifier, and the runtime it will want) and what was deleted (as it was named, and None);
    *recorded* of what `$LATEST` has become, and what its code was before, if it had another.
    """

    def __init__(
        self,
        catalog: Catalog,
        uploads: Uploads,
        contents: Contents,
        markers: Markers,
        reclaimer: Reclaimer,
        activations: Activations,
        stamps: Stamps,
        *,
        live: LiveLayers | None = None,
        synchronous: bool = False,
        changed: Callable[[FunctionArn, str | None], None] = lambda _arn, _runtime: None,
        recorded: Callable[[FunctionVersion, Digest | None], None] = lambda _version, _before: None,
    ) -> None:
        self._catalog = catalog
        self._uploads = uploads
        self._contents = contents
        self._markers = markers
        self._reclaimer = reclaimer
        self._activations = activations
        self._stamps = stamps
        self._live = live
        self._synchronous = synchronous
        self._changed = changed
        self._recorded = recorded

    def create_function(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "CreateFunction", request["FunctionName"])
        configuring.check_create(request)
        layers = _references(call, request) or ()
        with (
            self._received(call, request["Code"]) as code,
            self._catalog.writing() as transaction,
        ):
            if transaction.functions.find(arn.scope, arn.name) is not None:
                raise errors.resource_conflict(f"Function already exist: {arn.name}")
            attached = _attached(call, transaction, layers)
            latest = changing.create(arn, request, code, attached, self._stamps.stamp())
            check_room(transaction.totals, arn.scope, code.zipped_bytes)
            transaction.functions.add(latest, request.get("Tags") or {})
            if request.get("CodeSigningConfigArn"):
                code_signing.attach(transaction, arn, request["CodeSigningConfigArn"])
                code_signing.check_unsigned(transaction, arn)
            recorded = [latest]
            if request.get("Publish"):
                recorded.append(publish(transaction, latest, self._stamps, live=self._live))
        # With Publish, the ARN stays unqualified all the same: so AWS answers.
        return describe(self._activating(recorded)[-1], arn)

    def get_function(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetFunction", request["FunctionName"], request.get("Qualifier"))
        with self._catalog.reading() as transaction:
            function = find_function(transaction.functions, arn)
            tags = transaction.functions.tags(arn.scope, arn.name)
            reserved = transaction.settings.get(Kind.CONCURRENCY, arn.unqualified)
        output: dict[str, Any] = {"Configuration": describe(function, arn), "Code": self._described(call, function)}
        if tags:
            output["Tags"] = dict(tags)
        if reserved is not None:
            output["Concurrency"] = {"ReservedConcurrentExecutions": reserved.document["reserved"]}
        return output

    def get_function_configuration(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetFunctionConfiguration", request["FunctionName"], request.get("Qualifier"))
        with self._catalog.reading() as transaction:
            return describe(find_function(transaction.functions, arn), arn)

    def list_functions(self, call: Call, request: Parameters) -> Output:
        every = request.get("FunctionVersion") == "ALL"
        master = request.get("MasterRegion")
        if master is not None and not every:
            raise errors.invalid_parameter_value("FunctionVersion must be ALL when MasterRegion is given.")
        if master not in (None, "ALL"):
            # It asks for the replicas of edge functions, and there is no Lambda@Edge to make any.
            return {"Functions": []}
        size = min(request.get("MaxItems") or PAGE_MAX, PAGE_MAX)
        of_list = f"ListFunctions {call.scope} {every}"
        position = self._markers.read(of_list, request.get("Marker"))
        with self._catalog.reading() as transaction:
            if every:
                after = None if position is None else (str(position[0]), int(position[1]))
                found = transaction.functions.all(call.scope, after=after, limit=size + 1)
            else:
                behind = None if position is None else str(position[0])
                found = transaction.functions.latest(call.scope, after=behind, limit=size + 1)
        shown, more = page(found, size)
        output: dict[str, Any] = {
            "Functions": [
                describe_listed(function, function.qualified_arn if every else function.arn) for function in shown
            ]
        }
        if more:
            last = shown[-1]
            number = 0 if last.is_latest else int(last.version)
            output["NextMarker"] = self._markers.issue(of_list, [last.arn.name, number] if every else [last.arn.name])
        return output

    def update_function_code(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "UpdateFunctionCode", request["FunctionName"])
        unsupported.check_supported(request)
        # Before an archive of many megabytes is fetched and checked in vain.
        with self._catalog.reading() as transaction:
            configuring.check_code(find_function(transaction.functions, arn).configuration, request)
        with (
            self._received(call, request) as code,
            self._catalog.writing() as transaction,
        ):
            before = find_function(transaction.functions, arn)
            latest = changing.update_code(before, request, code, self._stamps.stamp())
            code_signing.check_unsigned(transaction, arn)
            check_room(transaction.totals, arn.scope, code.zipped_bytes - before.code.zipped_bytes)
            recorded = [latest]
            if not request.get("DryRun"):
                transaction.functions.replace(latest)
                if request.get("Publish"):
                    recorded.append(
                        unchanged(transaction, latest) or publish(transaction, latest, self._stamps, live=self._live)
                    )
        if request.get("DryRun"):
            self._reclaimer.reclaim([code.digest])
            return describe(latest, arn)
        self._reclaimer.reclaim([before.code.digest])
        shown = self._activating(recorded, before.code.digest)[-1]
        return describe(shown, shown.arn if shown.is_latest else shown.qualified_arn)

    def update_function_configuration(self, call: Call, request: Parameters) -> Output:
        arn = unqualified_arn(call, "UpdateFunctionConfiguration", request["FunctionName"])
        configuring.check_update(request)
        layers = _references(call, request)
        with self._catalog.writing() as transaction:
            before = find_function(transaction.functions, arn)
            attached = None if layers is None else _attached(call, transaction, layers)
            if attached:
                code_signing.check_unsigned(transaction, arn)
            latest = changing.update_configuration(before, request, attached, self._stamps.stamp())
            transaction.functions.replace(latest)
        self._reclaimer.reclaim(_digests([before]))
        return describe(self._activating([latest])[0], arn)

    def delete_function(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "DeleteFunction", request["FunctionName"], request.get("Qualifier"))
        if arn.qualifier == LATEST:
            raise errors.invalid_parameter_value("$LATEST version cannot be deleted without deleting the function.")
        # A name with a dollar sign is no alias's, so AWS looks for the function first.
        if arn.qualifier is not None and not arn.qualifier.isdigit() and "$" not in arn.qualifier:
            raise errors.invalid_parameter_value("Deletion of aliases is not currently supported.")
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None or "$" in (arn.qualifier or ""):
                raise function_not_found(arn.unqualified)
            if arn.qualifier is None:
                gone = transaction.functions.delete(arn.scope, arn.name)
            else:
                gone = _delete_version(transaction, arn)
        self._changed(arn, None)
        self._reclaimer.reclaim(_digests(gone))
        return {"StatusCode": 204}

    def _received(self, call: Call, source: Parameters) -> AbstractContextManager[StoredArchive]:
        """The code that *source* carries; of an image, nothing is stored but its name."""
        uri = source.get("ImageUri")
        if uri is not None:
            return nullcontext(StoredArchive(elsewhere.image_digest(uri), 0, 0))
        return self._uploads.received(call, source, "function code")

    def _described(self, call: Call, function: FunctionVersion) -> Output:
        """GetFunction's `Code`: where the code is."""
        image = function.configuration.image
        if image is None:
            return {"RepositoryType": "S3", "Location": self._contents.location(call, function.code.digest)}
        return {
            "RepositoryType": "ECR",
            "ImageUri": image.uri,
            "ResolvedImageUri": elsewhere.resolved(image.uri, function.code.digest),
        }

    def _activating(
        self, recorded: Sequence[FunctionVersion], before: Digest | None = None
    ) -> Sequence[FunctionVersion]:
        """*recorded* as to be answered: as it is while it is activated, or as it became where that is awaited."""
        latest = recorded[0]
        self._changed(latest.qualified_arn, latest.configuration.runtime)
        self._recorded(latest, before)
        started = [self._activations.start(version) for version in recorded]
        if not self._synchronous:
            return recorded
        return [future.result() or version for future, version in zip(started, recorded, strict=True)]


def _delete_version(transaction: Transaction, arn: FunctionArn) -> Sequence[FunctionVersion]:
    """The version that *arn* names, now gone with all that was set on it; empty if there was none."""
    version = transaction.functions.find(arn.scope, arn.name, arn.qualifier)
    if version is None:
        return []
    aliases = [str(alias.arn.qualifier) for alias in transaction.aliases.leading_to(arn)]
    if aliases:
        raise errors.resource_conflict(
            f"Unable to delete version because the following aliases reference it: [{', '.join(aliases)}]"
        )
    transaction.functions.delete_version(arn.scope, arn.name, int(version.version))
    transaction.policies.set_function(arn, None)
    transaction.settings.forget(arn)
    return [version]


def _references(call: Call, request: Parameters) -> tuple[LayerVersionArn, ...] | None:
    """The layer versions that the request's Layers name, checked as far as that goes without looking them up."""
    if request.get("Layers") is None:
        return None
    arns = attaching.references(request["Layers"])
    attaching.check_references(call.scope, arns)
    return arns


def _attached(call: Call, transaction: Transaction, arns: Sequence[LayerVersionArn]) -> tuple[AttachedLayer, ...]:
    # In the transaction that records the use, so that an archive is never without anyone who names it.
    for arn in arns:
        attaching.check_readable(call.scope, arn, transaction.policies.of_layer(arn), call.organization)
    return attaching.attach(arns, [transaction.layers.get(arn) for arn in arns])


def _digests(versions: Sequence[FunctionVersion]) -> set[Digest]:
    layers = [layer for version in versions for layer in version.configuration.layers]
    return {version.code.digest for version in versions} | {layer.archive.digest for layer in layers}
