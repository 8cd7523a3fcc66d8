"""botocore's protocol cases, reversed: what its client sends we parse, what its client reads we print."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.awsrequest import HeadersDict
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from botocore.parsers import RestJSONParser

from lamina.wire import Api, model
from tests.wire.protocol_cases import ProtocolCase, protocol_cases

# Cases about what only a client does, or that say nothing when read backwards. Each with its reason.
INPUT_NOT_OURS: Mapping[str, str] = {
    "MediaTypeHeaderInputBase64": "gives the value as its JSON text, where botocore and we give the value (true)",
    "RestJsonHostWithPath": "the path is put in front by an endpoint that the client is configured with",
    "RestJsonHttpPrefixHeadersAreNotPresent": "an empty map of headers leaves no trace in a request",
    "RestJsonHttpWithEmptyStructurePayload": "an empty and an absent structure are sent as {}; we see an empty one",
    "RestJsonHttpWithHeadersButNoPayload": "an empty and an absent structure are sent as {}; we see an empty one",
    "RestJsonOmitsEmptyListQueryValues": "an empty list leaves no trace in a query string",
    "RestJsonQueryIdempotencyTokenAutoFill": "the client makes the token up, so the request holds more than was given",
    "RestJsonQueryParamsStringListMap": "a map of all parameters holds other members' too, as other cases have it",
    "RestJsonQueryPrecedence": "which of two values for one parameter is sent is the client's choice",
    "SDKAppliedContentEncoding_restJson1": "about the client's compression; the case does not have the body",
    "SDKAppendedGzipAfterProvidedEncoding_restJson1": "about the client's compression; the case does not have the body",
}
OUTPUT_NOT_OURS: Mapping[str, str] = {
    "HttpPrefixHeadersResponse": "takes all headers for a member's, also those every answer has",
    "MediaTypeHeaderOutputBase64": "gives the value as its JSON text, where botocore and we take the value (true)",
    "RestJsonHttpPayloadWithUnsetUnion": "botocore's own parser refuses the answer, which is empty",
    "RestJsonDeserializesDenseSetMapAndSkipsNull": "about what a client tolerates; we don't send it",
}


def _parameters(direction: str, not_ours: Mapping[str, str], *, error: bool = False) -> list[Any]:
    cases = (case for case in protocol_cases(direction) if case.id not in not_ours)
    return [pytest.param(case, id=case.id) for case in cases if ("error" in case.case) is error]


@pytest.mark.parametrize("case", _parameters("input", INPUT_NOT_OURS))
def test_a_serialised_request_parses_to_the_parameters_it_was_made_of(case: ProtocolCase) -> None:
    service = ServiceModel(case.service, "protocol")
    api = Api(model.ServiceModel(case.service))
    sent = case.case["serialized"]
    path, _, query = sent.get("uri", "/").partition("?")
    route = api.route(sent["method"], path, query)
    headers = {name.lower(): value for name, value in sent.get("headers", {}).items()}
    assert route.operation == case.operation
    params = api.parse(route, headers, sent.get("body", "").encode())
    shape = service.operation_model(case.operation).input_shape
    assert _comparable(params) == _comparable(_python(shape, case.case["params"]) if shape else {})


@pytest.mark.parametrize("case", _parameters("output", OUTPUT_NOT_OURS))
def test_a_printed_result_reads_back_as_the_result(case: ProtocolCase) -> None:
    service = ServiceModel(case.service, "protocol")
    api = Api(model.ServiceModel(case.service))
    wanted = case.case["response"]
    shape = service.operation_model(case.operation).output_shape
    answer = api.serialise(case.operation, _python(shape, case.case["result"]) if shape else {}, "the-id")
    assert answer.status == wanted["status_code"]
    assert _read(shape, answer.status, dict(answer.headers), answer.body) == _read(
        shape, wanted["status_code"], wanted.get("headers", {}), wanted.get("body", "").encode()
    )


@pytest.mark.parametrize("case", _parameters("output", OUTPUT_NOT_OURS, error=True))
def test_a_printed_error_reads_back_as_the_error(case: ProtocolCase) -> None:
    service = ServiceModel(case.service, "protocol")
    code, wanted = case.case["errorCode"], case.case["response"]
    shape = service.shape_for_error_code(code)
    error = {name: _python(shape.members[name], value) for name, value in case.case["error"].items()}
    message = error.pop("Message", None)
    answer = Api(model.ServiceModel(case.service)).serialise_error(
        code, wanted["status_code"], message, None, error, "the-id"
    )
    parsed = RestJSONParser().parse(_raw(answer.status, dict(answer.headers), answer.body), None)
    assert parsed["Error"]["Code"] == code
    assert parsed["Error"]["Message"] == message
    assert parsed["ResponseMetadata"]["RequestId"] == "the-id"
    assert _read(shape, answer.status, dict(answer.headers), answer.body) == _comparable(case.case["error"])


def test_every_case_that_is_left_out_exists() -> None:
    for direction, not_ours in (("input", INPUT_NOT_OURS), ("output", OUTPUT_NOT_OURS)):
        assert not_ours.keys() <= {case.id for case in protocol_cases(direction)}


def _read(shape: Shape | None, status: int, headers: Mapping[str, str], body: bytes) -> Any:
    """What botocore's client makes of an answer."""
    parsed = RestJSONParser().parse(_raw(status, headers, body), shape)
    parsed.pop("ResponseMetadata", None)
    parsed.pop("Error", None)
    return _comparable(parsed)


def _raw(status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
    return {"status_code": status, "headers": HeadersDict(headers), "body": body, "context": {}}


def _python(shape: Shape, value: Any) -> Any:
    """A case's values, which are JSON, as an operation gets and gives them; nulls are absent."""
    if value is None:
        return value
    if isinstance(shape, StructureShape):
        if shape.metadata.get("document"):
            return value
        return {name: _python(shape.members[name], held) for name, held in value.items() if held is not None}
    if isinstance(shape, ListShape):
        return [_python(shape.member, held) for held in value]
    if isinstance(shape, MapShape):
        return {key: _python(shape.value, held) for key, held in value.items()}
    if shape.type_name == "timestamp":
        return datetime.fromtimestamp(value, UTC)
    if shape.type_name == "blob":
        return value.encode()
    if shape.type_name in ("float", "double"):
        return float(value)
    return value


def _comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _comparable(held) for key, held in value.items()}
    if isinstance(value, list):
        return [_comparable(held) for held in value]
    if isinstance(value, float) and math.isnan(value):
        return "not a number"
    return value
