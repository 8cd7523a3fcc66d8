"""What happens to a function that calls itself by way of other services."""

from __future__ import annotations

from lamina.catalog.port import Catalog, Kind, Setting, Transaction
from lamina.names import FunctionArn
from lamina.operations.addresses import function_arn, function_not_found
from lamina.operations.call import Call, Output, Parameters


class RecursionOperations:
    """Put and get a function's recursion configuration."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def put_function_recursion_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "PutFunctionRecursionConfig", request["FunctionName"])
        with self._catalog.writing() as transaction:
            _check_exists(transaction, arn)
            transaction.settings.put(Setting(Kind.RECURSION, arn, {"loop": request["RecursiveLoop"]}))
        return {"RecursiveLoop": request["RecursiveLoop"]}

    def get_function_recursion_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetFunctionRecursionConfig", request["FunctionName"])
        with self._catalog.reading() as transaction:
            _check_exists(transaction, arn)
            setting = transaction.settings.get(Kind.RECURSION, arn)
        return {"RecursiveLoop": "Terminate" if setting is None else setting.document["loop"]}


def _check_exists(transaction: Transaction, arn: FunctionArn) -> None:
    if transaction.functions.find(arn.scope, arn.name) is None:
        raise function_not_found(arn)
