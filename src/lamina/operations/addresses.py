"""What a request names, and whether its caller may reach it."""

from __future__ import annotations

from lamina import errors
from lamina.layers.attaching import not_authorized
from lamina.names import FunctionArn, LayerArn, Scope, parse_function_name, parse_layer_name
from lamina.operations.call import Call


def function_arn(call: Call, operation: str, name: str, qualifier: str | None = None) -> FunctionArn:
    """The function that FunctionName and Qualifier mean together; qualified if either of them says so.

    AWS's errors when they disagree, and for a function of another region or account.
    """
    parsed = parse_function_name(name)
    if parsed.qualifier is not None and qualifier is not None and parsed.qualifier != qualifier:
        raise errors.invalid_parameter_value(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    if parsed.region is not None and parsed.region != call.scope.region:
        raise errors.resource_not_found(
            f"Functions from '{parsed.region}' are not reachable in this region ('{call.scope.region}')"
        )
    arn = FunctionArn(
        Scope(parsed.account or call.scope.account, call.scope.region), parsed.name, parsed.qualifier or qualifier
    )
    if arn.scope != call.scope:
        raise not_authorized(call.scope, operation, str(arn))
    return arn


def function_not_found(arn: FunctionArn) -> errors.ApiError:
    """AWS's error about a function, version or alias that does not exist."""
    return errors.resource_not_found(f"Function not found: {arn}")


def own_layer(call: Call, operation: str, name: str) -> LayerArn:
    """The layer that LayerName means; AWS's refusal of another account's, for *operation* can never be granted.

    A region answers for its own layers only, so an ARN of another one is refused likewise.
    """
    layer = parse_layer_name(name).within(call.scope)
    if layer.scope != call.scope:
        raise not_authorized(call.scope, operation, str(layer))
    return layer
