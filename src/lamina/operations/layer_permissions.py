"""The operations on resource policies of layer versions."""

from __future__ import annotations

from lamina.catalog.port import Catalog, Transaction
from lamina.layers import policies
from lamina.layers.policies import Policy
from lamina.layers.revisions import check_revision
from lamina.layers.versions import check_version_number
from lamina.names import LayerVersionArn
from lamina.operations.addresses import layer_version_not_found, own_layer
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.stamps import Stamps


class LayerPermissionOperations:
    """Share layer versions with other accounts, show and end that."""

    def __init__(self, catalog: Catalog, stamps: Stamps) -> None:
        self._catalog = catalog
        self._stamps = stamps

    def add_layer_version_permission(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "AddLayerVersionPermission", request)
        statement = policies.layer_statement(arn, request)
        with self._catalog.writing() as transaction:
            before = _policy(transaction, arn)
            _check_revision(request, before)
            after = policies.added(before, statement, self._stamps.revision_id())
            transaction.policies.set_layer(arn, after)
        return {"Statement": statement.text, "RevisionId": after.revision_id}

    def get_layer_version_policy(self, call: Call, request: Parameters) -> Output:
        arn = _arn(call, "GetLayerVersionPolicy", request)
        with self._catalog.reading() as transaction:
            policy = _policy(transaction, arn)
        if policy is None:
            raise policies.no_policy()
        return {"Policy": policy.text, "RevisionId": policy.revision_id}

    def remove_layer_version_permission(self, call: Call, request: Parameters) -> Output:
        arn, sid = _arn(call, "RemoveLayerVersionPermission", request), request["StatementId"]
        with self._catalog.writing() as transaction:
            policy = _policy(transaction, arn)
            _check_revision(request, policy)
            before = policies.check_has(policy, sid)
            transaction.policies.set_layer(arn, policies.removed(before, sid, self._stamps.revision_id()))
        return {}


def _arn(call: Call, operation: str, request: Parameters) -> LayerVersionArn:
    check_version_number(request["VersionNumber"])
    return own_layer(call, operation, request["LayerName"]).version(request["VersionNumber"])


def _policy(transaction: Transaction, arn: LayerVersionArn) -> Policy | None:
    if transaction.layers.get(arn) is None:
        raise layer_version_not_found(arn)
    return transaction.policies.of_layer(arn)


def _check_revision(request: Parameters, policy: Policy | None) -> None:
    given = request.get("RevisionId")
    # Without a policy there is nothing it could be the RevisionId of, so that any is wrong.
    check_revision(given, *(() if policy is None else (policy.revision_id,)), api="GetLayerPolicy")
