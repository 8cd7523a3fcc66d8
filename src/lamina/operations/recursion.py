"""What happens to a function that calls itself by way of other services."""

from __future__ import annotations

import asyncio

from lamina import errors
from lamina.catalog.port import Catalog, Transaction
from lamina.catalog.settings import Kind, Setting
from lamina.invocations import lineage
from lamina.names import FunctionArn
from lamina.operations.addresses import find_function, function_arn
from lamina.operations.call import Call, Output, Parameters

_TERMINATE = "Terminate"


class RecursionOperations:
    """Put and get a function's recursion configuration."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def put_function_recursion_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "PutFunctionRecursionConfig", request["FunctionName"])
        with self._catalog.writing() as transaction:
            find_function(transaction.functions, arn)
            transaction.settings.put(Setting(Kind.RECURSION, arn, {"loop": request["RecursiveLoop"]}))
        return {"RecursiveLoop": request["RecursiveLoop"]}

    def get_function_recursion_config(self, call: Call, request: Parameters) -> Output:
        arn = function_arn(call, "GetFunctionRecursionConfig", request["FunctionName"])
        with self._catalog.reading() as transaction:
            find_function(transaction.functions, arn)
            return {"RecursiveLoop": _loop(transaction, arn)}


class Loops:
    """Stops functions that come by themselves, unless they are to be let."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    async def counted(self, arn: FunctionArn, name: str, header: str) -> str:
        """The trace header for an invocation of *arn*, whose text is *name*, that came with *header*.

        Raises AWS's error for one too many.
        """
        if lineage.count(header, name) >= lineage.INVOCATIONS_MAX and await asyncio.to_thread(self._ends, arn):
            raise errors.recursive_invocation()
        return lineage.counted(header, name)

    def _ends(self, arn: FunctionArn) -> bool:
        with self._catalog.reading() as transaction:
            return _loop(transaction, arn.unqualified) == _TERMINATE


def _loop(transaction: Transaction, arn: FunctionArn) -> str:
    setting = transaction.settings.get(Kind.RECURSION, arn)
    return _TERMINATE if setting is None else str(setting.document["loop"])
