"""From a template's properties to an operation's parameters.

CloudFormation's properties have the names of the API's members nearly everywhere, but in a template a number may be
text, a truth value too: the types are the operation's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.model import ListShape, MapShape, Shape, StructureShape

from lamina.operations.stacks.kinds.kind import Failed

_INTEGERS = frozenset({"integer", "long"})
_FLOATS = frozenset({"float", "double"})


def fitted(client: Any, operation: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    """*properties* as parameters of *operation*; raises Failed for one that it does not have, or of another type."""
    shape = client.meta.service_model.operation_model(operation).input_shape
    result: dict[str, Any] = _fit(shape, dict(properties), "#")
    return result


def call(client: Any, operation: str, properties: Mapping[str, Any]) -> Any:
    """What *operation* of *client* answers to *properties*."""
    method = _snake(operation)
    return getattr(client, method)(**fitted(client, operation, properties))


@contextlib.contextmanager
def gone(*codes: str) -> Iterator[None]:
    """Take an error of one of *codes* for what was wanted: it is not there."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - not needed to start

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] not in codes:
            raise


def tags_list(tags: Mapping[str, str]) -> list[dict[str, str]]:
    """*tags* as most of the APIs list them."""
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def tags_of(properties: Mapping[str, Any], stack_tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a resource: those of its stack, and its own, listed or mapped, on top."""
    own = properties.get("Tags") or {}
    pairs = own.items() if isinstance(own, Mapping) else ((tag["Key"], tag["Value"]) for tag in own)
    return {**stack_tags, **{str(key): str(value) for key, value in pairs}}


def only(properties: Mapping[str, Any], *names: str) -> dict[str, Any]:
    """Those of *properties* that have one of *names*."""
    return {name: properties[name] for name in names if name in properties}


def check_known(properties: Mapping[str, Any], *names: str) -> None:
    """Raise Failed for a property that has none of *names*: nothing is taken and not carried out."""
    for name in properties:
        if name not in names:
            raise Failed(f"Lamina does not carry out the property {name} of this type")


def _fit(shape: Shape, value: Any, path: str) -> Any:
    if isinstance(shape, StructureShape):
        if not isinstance(value, Mapping):
            raise _unfit(path, "object", value)
        for name in value:
            if name not in shape.members:
                raise Failed(f"Properties validation failed: {path}: extraneous key [{name}] is not permitted")
        return {name: _fit(shape.members[name], held, f"{path}/{name}") for name, held in value.items()}
    if isinstance(shape, ListShape):
        values = value if isinstance(value, list) else [value]
        return [_fit(shape.member, held, f"{path}/{at}") for at, held in enumerate(values)]
    if isinstance(shape, MapShape):
        if not isinstance(value, Mapping):
            raise _unfit(path, "object", value)
        return {str(key): _fit(shape.value, held, f"{path}/{key}") for key, held in value.items()}
    return _fit_scalar(shape.type_name, value, path)


def _fit_scalar(kind: str, value: Any, path: str) -> Any:
    if kind == "boolean":
        if value in (True, "true", "True"):
            return True
        if value in (False, "false", "False"):
            return False
        raise _unfit(path, "Boolean", value)
    try:
        if kind in _INTEGERS:
            return int(value)
        if kind in _FLOATS:
            return float(value)
    except (TypeError, ValueError):
        raise _unfit(path, "Number", value) from None
    if kind == "string":
        if isinstance(value, (Mapping, list)):
            raise _unfit(path, "String", value)
        return ("true" if value else "false") if isinstance(value, bool) else str(value)
    return value


def _unfit(path: str, wanted: str, value: Any) -> Failed:
    found = {"Mapping": "JSONObject", "dict": "JSONObject", "list": "JSONArray", "str": "String"}
    told = found.get(type(value).__name__, type(value).__name__)
    return Failed(f"Properties validation failed: {path}: expected type: {wanted}, found: {told}")


def _snake(operation: str) -> str:
    from botocore import xform_name  # noqa: PLC0415 - not needed to start

    return str(xform_name(operation))
