"""The operations on resource policies of functions, their versions and their aliases."""

from __future__ import annotations

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.functions.permissions import function_statement
from lamina.layers import policies
from lamina.layers.policies import Policy
from lamina.layers.revisions import check_revision
from lamina.names import LATEST, FunctionArn
from lamina.operations.addresses import alias_not_found, function_arn, function_not_found
from lamina.operations.call import Call, Output, Parameters
from lamina.operations.stamps import Stamps


class PermissionOperations:
    """Grant others the use of functions, show and take back what was granted."""

    def __init__(self, catalog: Catalog, stamps: Stamps) -> None:
        self._catalog = catalog
        self._stamps = stamps

    def add_permission(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "AddPermission", request["FunctionName"], request.get("Qualifier"))
        _check_not_latest(arn)
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None:
                raise function_not_found(arn.unqualified)
            revision_id = _revision_of(transaction, arn)
            policy = transaction.policies.of_function(arn)
            _check_revision(request, policy, revision_id)
            statement = function_statement(arn, request)
            transaction.policies.set_function(arn, policies.added(policy, statement, self._stamps.revision_id()))
        return {"Statement": statement.text}

    def get_policy(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetPolicy", request["FunctionName"], request.get("Qualifier"))
        with self._catalog.reading() as transaction:
            policy = transaction.policies.of_function(arn)
        if policy is None:
            raise errors.resource_not_found("The resource you requested does not exist.")
        return {"Policy": policy.text, "RevisionId": policy.revision_id}

    def remove_permission(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "RemovePermission", request["FunctionName"], request.get("Qualifier"))
        sid = request["StatementId"]
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None:
                raise errors.resource_not_found(f"No policy found for: {arn.unqualified}")
            revision_id = _revision_of(transaction, arn)
            policy = policies.check_has(transaction.policies.of_function(arn), sid)
            _check_revision(request, policy, revision_id)
            transaction.policies.set_function(arn, policies.removed(policy, sid, self._stamps.revision_id()))
        return {}


def _check_not_latest(arn: FunctionArn) -> None:
    if arn.qualifier == LATEST:
        raise errors.invalid_parameter_value("We currently do not support adding policies for $LATEST.")


def _revision_of(transaction: Transaction, arn: FunctionArn) -> str:
    """The RevisionId of what *arn* names, which stands in for a policy's as long as there is none; AWS's errors."""
    alias = None if arn.qualifier is None else transaction.aliases.find(arn)
    if alias is not None:
        return alias.revision_id
    version = transaction.functions.find(arn.scope, arn.name, arn.qualifier)
    if version is not None:
        return version.revision_id
    # What has a dollar sign is no alias's name, and numbers are versions.
    qualifier = arn.qualifier or ""
    raise function_not_found(arn) if qualifier.isdigit() or "$" in qualifier else alias_not_found(arn)


def _check_revision(request: Parameters, policy: Policy | None, revision_id: str) -> None:
    current = revision_id if policy is None else policy.revision_id
    check_revision(request.get("RevisionId"), current, api="GetPolicy")
