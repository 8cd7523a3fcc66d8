"""A whole AWS API from botocore's service model: route, parse, check, print."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Protocol

from lamina.wire.coming import ComingJson, Place
from lamina.wire.constraints import Checker
from lamina.wire.deviations import CLOUDFORMATION, LAMBDA, LOGS, NONE, Deviations
from lamina.wire.faults import violated
from lamina.wire.json_rpc import JsonRpc
from lamina.wire.model import Operation, ServiceModel, StructureShape
from lamina.wire.query import QueryRpc
from lamina.wire.recall import Recall
from lamina.wire.request import takes_coming
from lamina.wire.response import Response
from lamina.wire.rest_json import RestJson
from lamina.wire.routes import Route
from lamina.wire.second_look import look_again

_DEVIATIONS = {"cloudformation": CLOUDFORMATION, "lambda": LAMBDA, "logs": LOGS}
_NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class _Protocol(Protocol):
    """How a service's requests and answers look; one implementation for each protocol of the models."""

    def route(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: Callable[[], bytes], /
    ) -> Route: ...

    def parse(
        self, shape: StructureShape, route: Route, headers: Mapping[str, str], body: bytes, /
    ) -> dict[str, Any]: ...

    def print_output(self, operation: Operation, output: Mapping[str, Any], request_id: str, /) -> Response: ...

    def print_error(
        self,
        shape: StructureShape | None,
        code: str,
        status: int,
        message: str | None,
        kind: str | None,
        members: Mapping[str, Any],
        request_id: str,
        /,
    ) -> Response: ...


class Api:
    """One service. Reading the model is the only state; safe to use from any thread."""

    def __init__(self, service: ServiceModel, deviations: Deviations = NONE) -> None:
        self._deviations = deviations
        self._service = service
        self._operations = service.operations
        self._protocol: _Protocol
        if service.metadata["protocol"] == "json":
            self._protocol = JsonRpc(self._operations, service.metadata)
        elif service.metadata["protocol"] == "query":
            self._protocol = QueryRpc(self._operations, service.metadata)
        else:
            self._protocol = RestJson(self._operations.values(), deviations)
        self._checkers: dict[str, Checker] = {}
        self._recall = Recall(self._operations.values() if isinstance(self._protocol, RestJson) else ())

    @classmethod
    def load(cls, service: str = "lambda") -> Api:
        """The API of *service* as the installed botocore knows it, with what is recorded of it besides."""
        return cls(ServiceModel.load(service), _DEVIATIONS.get(service, NONE))

    @property
    def operations(self) -> tuple[str, ...]:
        """The names of all operations, in alphabetical order."""
        return tuple(sorted(self._operations))

    def route(
        self,
        method: str,
        raw_path: str,
        raw_query: str = "",
        headers: Mapping[str, str] = _NO_HEADERS,
        body: Callable[[], bytes] = bytes,
    ) -> Route:
        """The operation behind a request line, path and query as sent, and *headers*; raises UnknownOperation.

        *body* is called for a service whose operations are named in it.
        """
        return self._protocol.route(method, raw_path, raw_query, headers, body)

    def recall(
        self, method: str, raw_path: str, raw_query: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[str, dict[str, Any]] | None:
        """The operation and its input, if a request that differs in *body* only was parsed before; else `route` it."""
        return self._recall.find(method, raw_path, raw_query, headers, body)

    def remember(
        self,
        method: str,
        raw_path: str,
        raw_query: str,
        headers: Mapping[str, str],
        operation: str,
        params: Mapping[str, Any],
    ) -> None:
        """Have `recall` know what such a request was parsed to, where its body decides nothing."""
        self._recall.keep(method, raw_path, raw_query, headers, operation, params)

    def parse(self, route: Route, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The input of *route*'s operation by the model's member names; *headers* have lower-case names.

        Blobs are bytes, timestamps aware datetimes; absent members are absent. Raises Invalid with AWS's words.
        """
        shape = self._operations[route.operation].input_shape
        if not isinstance(shape, StructureShape):
            return {}
        return self._checked(route, shape, self._protocol.parse(shape, route, headers, body))

    def coming(self, route: Route, open_place: Callable[[], Place]) -> ComingJson | None:
        """What reads the body of a request for *route* as it comes, for `parse_coming`; None where that gains nothing.

        The bytes of a very long blob go to a place, and what that gives in the end is the blob's value.
        """
        shape = self._operations[route.operation].input_shape
        if not (isinstance(self._protocol, RestJson) and isinstance(shape, StructureShape) and takes_coming(shape)):
            return None
        return ComingJson(open_place)

    def parse_coming(self, route: Route, headers: Mapping[str, str], body: ComingJson) -> dict[str, Any]:
        """As `parse`, with a *body* that was read as it came and is all there. Raises OSError besides."""
        shape = self._operations[route.operation].input_shape
        assert isinstance(self._protocol, RestJson)
        assert isinstance(shape, StructureShape)
        return self._checked(route, shape, self._protocol.parse(shape, route, headers, body))

    def _checked(self, route: Route, shape: StructureShape, params: dict[str, Any]) -> dict[str, Any]:
        if violations := self._checker(route.operation, shape).violations(params):
            raise violated(violations, self._deviations.violation_code)
        if checks := self._deviations.second_look.get(route.operation):
            look_again(checks, shape, params)
        return params

    def serialise(self, operation: str, output: Mapping[str, Any], request_id: str) -> Response:
        """*output* as the answer to *operation*; members that are None or missing are absent from it."""
        return self._protocol.print_output(self._operations[operation], output, request_id)

    def serialise_error(
        self,
        code: str,
        status: int,
        message: str | None,
        kind: str | None,
        members: Mapping[str, Any],
        request_id: str,
    ) -> Response:
        """An error answer: *kind* is the member `Type` ("User", "Service" or absent), *members* the further ones."""
        return self._protocol.print_error(
            self._service.error_shape(code), code, status, message, kind, members, request_id
        )

    def refusal_code(self, operation: str) -> str:
        """The code of the error by which *operation* says that it asks for what cannot be."""
        codes = self._deviations.refusal_codes
        modelled = {shape.error_code for shape in self._operations[operation].error_shapes}
        return next((code for code in codes if code in modelled), codes[0])

    def _checker(self, operation: str, shape: StructureShape) -> Checker:
        checker = self._checkers.get(operation)
        if checker is None:
            checker = self._checkers[operation] = Checker(operation, shape, self._deviations)
        return checker
