"""Calls on functions of other accounts: done in the owner's name where the function's policy lets the caller in.

The policy is that of exactly what the call names: one on the function grants nothing on a version or an alias that is
named by its qualifier, and the other way round. Whatever is not granted goes on as it came, and is refused by the
operation itself in AWS's words.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lamina.catalog.port import Catalog
from lamina.layers.policies import grants
from lamina.names import LATEST, FunctionArn, Scope, parse_function_name
from lamina.operations.call import Call, Handler, Output, Parameters

# What makes something of the caller's own, and so is never done for somebody else.
_OWN = frozenset(
    (
        "CreateFunction",
        "CreateEventSourceMapping",
        "UpdateEventSourceMapping",
        "DeleteEventSourceMapping",
        "GetEventSourceMapping",
        "ListEventSourceMappings",
    )
)
# The permission's name, where it is not the operation's.
_ACTIONS = {"Invoke": "InvokeFunction", "InvokeAsync": "InvokeFunction", "InvokeWithResponseStream": "InvokeFunction"}


def granting(catalog: Catalog, handlers: Mapping[str, Handler]) -> Mapping[str, Handler]:
    """*handlers*, with those of functions open to whom policies let in."""
    return {
        operation: handler if operation in _OWN else _granting(catalog, operation, handler)
        for operation, handler in handlers.items()
    }


def _granting(catalog: Catalog, operation: str, handler: Handler) -> Handler:
    def in_whose_name(call: Call, arn: FunctionArn) -> Call:
        with catalog.reading() as transaction:
            policy = transaction.policies.of_function(arn)
        allowed = grants(policy, call.scope.account, _ACTIONS.get(operation, operation), call.organization)
        return replace(call, scope=arn.scope) if allowed else call

    if inspect.iscoroutinefunction(handler):

        async def waiting(call: Call, request: Parameters) -> Output:
            arn = _foreign(call, request)
            if arn is not None:
                call = await asyncio.to_thread(in_whose_name, call, arn)
            output: Output = await handler(call, request)
            return output

        return waiting

    def at_once(call: Call, request: Parameters) -> Any:
        arn = _foreign(call, request)
        return handler(call if arn is None else in_whose_name(call, arn), request)

    return at_once


def _foreign(call: Call, request: Parameters) -> FunctionArn | None:
    """The function of another account, and of this region, that *request* is about; None for any other request."""
    named = request.get("FunctionName") or request.get("Resource")
    # A bare name is one's own: the common case costs no parsing.
    if not isinstance(named, str) or ":" not in named:
        return None
    try:
        parsed = parse_function_name(named)
    except ValueError:
        # Something else than a function that can be tagged.
        return None
    if parsed.account in (None, call.scope.account) or parsed.region not in (None, call.scope.region):
        return None
    assert parsed.account is not None
    qualifier = parsed.qualifier or request.get("Qualifier")
    scope = Scope(parsed.account, call.scope.region)
    return FunctionArn(scope, parsed.name, None if qualifier == LATEST else qualifier)
