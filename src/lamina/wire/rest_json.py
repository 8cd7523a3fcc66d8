"""The rest-json protocol, Lambda's: the operation is in method and path, its members are wherever the model says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from lamina.wire.coming import ComingJson
from lamina.wire.deviations import Deviations
from lamina.wire.model import Operation, StructureShape
from lamina.wire.request import parse_input
from lamina.wire.response import Response, print_error, print_output
from lamina.wire.routes import Route, Router


class RestJson:
    """Requests and answers of one rest-json service."""

    def __init__(self, operations: Iterable[Operation], deviations: Deviations) -> None:
        self._router = Router(operations)
        self._deviations = deviations

    def route(
        self, method: str, raw_path: str, raw_query: str, _headers: Mapping[str, str], _body: Callable[[], bytes]
    ) -> Route:
        return self._router.route(method, raw_path, raw_query)

    def parse(
        self, shape: StructureShape, route: Route, headers: Mapping[str, str], body: bytes | ComingJson
    ) -> dict[str, Any]:
        return parse_input(shape, route, headers, body)

    def print_output(self, operation: Operation, output: Mapping[str, Any], request_id: str) -> Response:
        return print_output(operation, output, request_id, self._deviations)

    def print_error(
        self,
        shape: StructureShape | None,
        code: str,
        status: int,
        message: str | None,
        kind: str | None,
        members: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        return print_error(shape, code, status, message, kind, members, request_id)
