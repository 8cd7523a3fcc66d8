"""Reserved concurrency."""

from __future__ import annotations

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind, Setting
from lamina.functions.concurrency import Claims, Quota, check_reservation
from lamina.names import LATEST, FunctionArn, Scope
from lamina.operations.addresses import find_function, function_arn, function_not_found
from lamina.operations.call import Call, Output, Parameters


class ConcurrencyOperations:
    """Put, get and delete what a function has reserved for itself."""

    def __init__(self, catalog: Catalog, quota: Quota) -> None:
        self._catalog = catalog
        self._quota = quota

    def put_function_concurrency(self, call: Call, request: Parameters) -> Output:
        arn = _unqualified(call, "PutFunctionConcurrency", request)
        wanted: int = request["ReservedConcurrentExecutions"]
        with self._catalog.writing() as transaction:
            if transaction.functions.find(arn.scope, arn.name) is None:
                raise function_not_found(arn.qualified(LATEST))
            check_reservation(self._quota, claims(transaction, arn.scope), arn.name, wanted)
            transaction.settings.put(Setting(Kind.CONCURRENCY, arn, {"reserved": wanted}))
        return {"ReservedConcurrentExecutions": wanted}

    def get_function_concurrency(self, call: Call, request: Parameters) -> Output:
        arn = _unqualified(call, "GetFunctionConcurrency", request)
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, arn)
            setting = transaction.settings.get(Kind.CONCURRENCY, arn)
        return {} if setting is None else {"ReservedConcurrentExecutions": setting.document["reserved"]}

    def delete_function_concurrency(self, call: Call, request: Parameters) -> Output:
        arn = _unqualified(call, "DeleteFunctionConcurrency", request)
        with self._catalog.writing() as transaction:
            find_function(transaction.functions, arn)
            transaction.settings.delete(Kind.CONCURRENCY, arn)
        return {}


def claims(transaction: Transaction, scope: Scope) -> Claims:
    """What functions of *scope* have claimed for themselves."""
    reserved = transaction.settings.of_scope(Kind.CONCURRENCY, scope)
    provisioned = transaction.settings.of_scope(Kind.PROVISIONED, scope)
    return Claims(
        {setting.function.name: setting.document["reserved"] for setting in reserved},
        {
            (setting.function.name, setting.function.qualifier or ""): setting.document["requested"]
            for setting in provisioned
        },
    )


def _unqualified(call: Call, operation: str, request: Parameters) -> FunctionArn:
    arn = function_arn(call, operation, request["FunctionName"])
    if arn.qualifier is not None:
        raise errors.invalid_parameter_value(
            "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. "
            "Please specify either a function name or an unqualified function ARN."
        )
    return arn
