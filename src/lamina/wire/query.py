"""The query protocol, that of CloudFormation: a form in, whose `Action` names the operation, and XML out.

Members of a list are written out as `Tags.member.1.Key=…`; the whole input is a tree of such names. Numbers only tell
the order of elements, and need not be without gaps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.wire.faults import UnknownOperation, unreadable
from lamina.wire.model import ListShape, MapShape, Operation, Shape, StructureShape
from lamina.wire.response import Response
from lamina.wire.routes import Query as Form
from lamina.wire.routes import Route, parse_query
from lamina.wire.timestamps import ISO8601
from lamina.wire.values import from_text
from lamina.wire.xml import element, escaped

_MEDIA_TYPE = "text/xml"
# What stands under its own name among the names that begin with it; no segment of a name is empty.
_HERE = ""
_Tree = dict[str, Any]


class QueryRpc:
    """Requests and answers of one query service."""

    def __init__(self, operations: Mapping[str, Operation], metadata: Mapping[str, Any]) -> None:
        self._operations = operations
        self._namespace = str(metadata["xmlNamespace"])

    def route(
        self, method: str, raw_path: str, raw_query: str, _headers: Mapping[str, str], body: Callable[[], bytes]
    ) -> Route:
        form = parse_query(raw_query)
        if method == "POST":
            form = {**form, **_form(body())}
        operation = form.get("Action", [""])[0]
        if raw_path != "/" or operation not in self._operations:
            raise UnknownOperation(f"Could not find operation {operation or f'{method} {raw_path}'}", 400)
        return Route(operation, {}, form)

    def parse(self, shape: StructureShape, route: Route, _headers: Mapping[str, str], _body: bytes) -> dict[str, Any]:
        params: dict[str, Any] = _value(shape, _tree(route.query))
        return params

    def print_output(self, operation: Operation, output: Mapping[str, Any], request_id: str) -> Response:
        shape = operation.output_shape
        result = "" if shape is None else element(str(shape.traits["resultWrapper"]), shape, output)
        metadata = f"<ResponseMetadata><RequestId>{escaped(request_id)}</RequestId></ResponseMetadata>"
        return self._answer(200, f"{operation.name}Response", result + metadata, request_id)

    def print_error(
        self,
        _shape: StructureShape | None,
        code: str,
        status: int,
        message: str | None,
        kind: str | None,
        members: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        assert not members, "an error of this protocol has a code and a message"
        fault = "Receiver" if kind == "Service" else "Sender"
        told = f"<Type>{fault}</Type><Code>{escaped(code)}</Code><Message>{escaped(message or '')}</Message>"
        text = f"<Error>{told}</Error><RequestId>{escaped(request_id)}</RequestId>"
        return self._answer(status, "ErrorResponse", text, request_id)

    def _answer(self, status: int, root: str, content: str, request_id: str) -> Response:
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", _MEDIA_TYPE)]
        return Response(status, headers, f'<{root} xmlns="{self._namespace}">{content}</{root}>'.encode())


def _form(body: bytes) -> Form:
    try:
        return parse_query(body.decode("ascii"))
    except UnicodeDecodeError as error:
        raise unreadable("The body is no form: it is not percent-encoded") from error
    except ValueError as error:
        raise unreadable(f"The body is no form: {error}") from error


def _tree(form: Form) -> _Tree:
    """The parameters as one tree by the parts of their names."""
    tree: _Tree = {}
    for name, values in form.items():
        node = tree
        for part in name.split("."):
            node = node.setdefault(part, {})
        node[_HERE] = values[0]
    return tree


def _value(shape: Shape, tree: _Tree) -> Any:
    if isinstance(shape, StructureShape):
        found = {name: tree.get(_name(member, name)) for name, member in shape.members.items()}
        return {name: _value(shape.members[name], node) for name, node in found.items() if node is not None}
    if isinstance(shape, ListShape):
        nodes = tree if shape.traits.get("flattened") else tree.get(_name(shape.member, "member"), {})
        return [_value(shape.member, node) for node in _in_order(nodes)]
    if isinstance(shape, MapShape):
        nodes = tree if shape.traits.get("flattened") else tree.get("entry", {})
        key, value = _name(shape.key, "key"), _name(shape.value, "value")
        return {
            _value(shape.key, node.get(key, {})): _value(shape.value, node.get(value, {})) for node in _in_order(nodes)
        }
    return from_text(shape, tree.get(_HERE, ""), ISO8601)


def _in_order(nodes: _Tree) -> list[_Tree]:
    numbered = [(int(part), node) for part, node in nodes.items() if part.isascii() and part.isdigit()]
    return [node for _, node in sorted(numbered, key=lambda pair: pair[0])]


def _name(shape: Shape, default: str) -> str:
    return str(shape.traits.get("locationName", default))
