"""The json protocol, that of CloudWatch Logs and SSM: every request is a POST to /, X-Amz-Target names its operation.

The whole input is one JSON object in the body, and so are outputs and errors; an error names itself in `__type`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lamina.wire.faults import UnknownOperation, unreadable
from lamina.wire.long_strings import check, load_json
from lamina.wire.model import Operation, StructureShape
from lamina.wire.printing import json_bytes, to_json
from lamina.wire.response import Response
from lamina.wire.routes import Route
from lamina.wire.values import from_json

TARGET = "x-amz-target"


class JsonRpc:
    """Requests and answers of one json service, whose targets are `<prefix>.<operation>`."""

    def __init__(self, operations: Mapping[str, Operation], metadata: Mapping[str, Any]) -> None:
        self._operations = operations
        self._prefix = f"{metadata['targetPrefix']}."
        self._media_type = f"application/x-amz-json-{metadata['jsonVersion']}"

    def route(
        self, method: str, raw_path: str, _raw_query: str, headers: Mapping[str, str], _body: Callable[[], bytes]
    ) -> Route:
        target = headers.get(TARGET, "")
        operation = target.removeprefix(self._prefix)
        if method != "POST" or raw_path != "/" or target == operation or operation not in self._operations:
            raise UnknownOperation(f"There is no operation {target or f'{method} {raw_path}'}", 400)
        return Route(operation, {}, {})

    def parse(self, shape: StructureShape, _route: Route, _headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        if not body:
            return {}
        document, long_strings = load_json(body)
        if not isinstance(document, dict):
            raise unreadable("Unexpected field type")
        params: dict[str, Any] = from_json(shape, document)
        check(long_strings)
        return params

    def print_output(self, operation: Operation, output: Mapping[str, Any], request_id: str) -> Response:
        shape = operation.output_shape
        body = json_bytes(to_json(shape, output)) if shape is not None else b""
        return Response(200, self._headers(request_id), body)

    def print_error(
        self,
        shape: StructureShape | None,
        code: str,
        status: int,
        message: str | None,
        _kind: str | None,
        members: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        told = {} if message is None else {"message": message}
        return Response(status, self._headers(request_id), json_bytes({"__type": code, **told, **members}))

    def _headers(self, request_id: str) -> list[tuple[str, str]]:
        return [("x-amzn-RequestId", request_id), ("Content-Type", self._media_type)]
