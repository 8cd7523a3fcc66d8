"""What a request names, whether its caller may reach it, and whether it is there."""

from __future__ import annotations

from functools import lru_cache

from lamina import errors
from lamina.catalog.functions import Functions
from lamina.functions.versions import FunctionVersion
from lamina.layers.attaching import not_authorized
from lamina.names import LATEST, FunctionArn, LayerArn, LayerVersionArn, Scope, parse_function_name, parse_layer_name
from lamina.operations.call import Call

_REMEMBERED_MAX = 1024


def function_arn(call: Call, operation: str, name: str, qualifier: str | None = None) -> FunctionArn:
    """The function that FunctionName and Qualifier mean together; qualified if either of them says so.

    AWS's errors when they disagree, and for a function of another region or account. (What a policy grants on another
    account's function is done in that account's name: `operations.granting`.)
    """
    return _meant(call.scope, operation, name, qualifier)


@lru_cache(maxsize=_REMEMBERED_MAX)
def _meant(scope: Scope, operation: str, name: str, qualifier: str | None) -> FunctionArn:
    parsed = parse_function_name(name)
    if parsed.qualifier is not None and qualifier is not None and parsed.qualifier != qualifier:
        raise errors.invalid_parameter_value(
            "The derived qualifier from the function name does not match the specified qualifier."
        )
    if parsed.region is not None and parsed.region != scope.region:
        raise errors.resource_not_found(
            f"Functions from '{parsed.region}' are not reachable in this region ('{scope.region}')"
        )
    arn = FunctionArn(Scope(parsed.account or scope.account, scope.region), parsed.name, parsed.qualifier or qualifier)
    if arn.scope != scope:
        # AWS gives no reason here: there is nothing yet that could have a policy.
        if operation == "CreateFunction":
            raise errors.access_denied("")
        raise not_authorized(scope, operation, str(arn))
    return arn


def unqualified_arn(call: Call, operation: str, name: str) -> FunctionArn:
    """The function that FunctionName means, for an *operation* on `$LATEST` or on all of a function.

    AWS's errors of `function_arn`, and ours for the name of a version or an alias.
    """
    arn = function_arn(call, operation, name)
    if arn.qualifier not in (None, LATEST):
        raise errors.invalid_parameter_value(
            f"{operation} works on $LATEST only; please give the function's name or ARN without a qualifier."
        )
    return arn.unqualified


def tagged_function(call: Call, operation: str, resource: str) -> FunctionArn:
    """The function that an ARN to be tagged names; AWS's errors for a version or alias, and for another's function."""
    arn = function_arn(call, operation, resource)
    if arn.qualifier is not None:
        raise errors.invalid_parameter_value(
            "Tags on function aliases and versions are not supported. Please specify a function ARN."
        )
    return arn


def find_function(functions: Functions, arn: FunctionArn) -> FunctionVersion:
    """The function version that *arn* means, `$LATEST` if it is unqualified; AWS's error if there is none."""
    function = functions.find(arn.scope, arn.name, arn.qualifier)
    if function is None:
        raise function_not_found(arn)
    return function


def function_not_found(arn: FunctionArn) -> errors.ApiError:
    """AWS's error about a function, version or alias that does not exist."""
    return errors.resource_not_found(f"Function not found: {arn}")


def alias_not_found(arn: FunctionArn) -> errors.ApiError:
    """AWS's error about an alias that does not exist, where it is not looked for as a function."""
    return errors.resource_not_found(f"Cannot find alias arn: {arn}")


def own_layer(call: Call, operation: str, name: str) -> LayerArn:
    """The layer that LayerName means; AWS's refusal of another account's, for *operation* can never be granted.

    A region answers for its own layers only, so an ARN of another one is refused likewise.
    """
    layer = parse_layer_name(name).within(call.scope)
    if layer.scope != call.scope:
        raise not_authorized(call.scope, operation, str(layer))
    return layer


def layer_version_not_found(arn: LayerVersionArn) -> errors.ApiError:
    """AWS's error about the policy of a layer version that does not exist."""
    return errors.resource_not_found(f"Layer version {arn} does not exist.")
