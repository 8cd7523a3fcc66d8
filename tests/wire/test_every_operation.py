"""Every operation of the Lambda model, both ways, against botocore's own client code, with any valid values."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.awsrequest import HeadersDict, create_request_object, prepare_request_dict
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, StructureShape
from botocore.parsers import RestJSONParser
from botocore.serialize import RestJSONSerializer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lamina.wire import Api
from tests.wire.shapes import members

API = Api.load("lambda")
MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")
OPERATIONS = [MODEL.operation_model(name) for name in MODEL.operation_names]

# Valid values are made by the hundred through regular expressions, which hypothesis finds slow.
_THOROUGH = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), database=None)


def _named(operation: OperationModel) -> str:
    return str(operation.name)


def test_every_operation_of_the_model_is_known() -> None:
    assert API.operations == tuple(sorted(MODEL.operation_names))


@pytest.mark.parametrize("operation", OPERATIONS, ids=_named)
def test_what_the_client_sends_parses_to_what_it_was_given(operation: OperationModel) -> None:
    shape = operation.input_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(params: dict[str, Any]) -> None:
        request = RestJSONSerializer().serialize_to_request(params, operation)
        prepare_request_dict(request, "http://127.0.0.1:4566")
        sent = create_request_object(request).prepare()
        url = urlsplit(sent.url)
        headers = {name.lower(): _text(value) for name, value in sent.headers.items()}
        route = API.route(sent.method, url.path, url.query)
        assert route.operation == operation.name
        parsed = API.parse(route, headers, sent.body or b"")
        assert _without_empty_payload(shape, parsed) == _without_empty_payload(shape, params)

    holds()


@pytest.mark.parametrize("operation", [one for one in OPERATIONS if not one.has_event_stream_output], ids=_named)
def test_what_we_print_the_client_reads_back(operation: OperationModel) -> None:
    shape = operation.output_shape

    @_THOROUGH
    @given(members(shape) if isinstance(shape, StructureShape) else st.just({}))
    def holds(output: dict[str, Any]) -> None:
        answer = API.serialise(operation.name, output, "the-id")
        # A client is given a blob payload unread.
        body = BytesIO(answer.body) if operation.has_streaming_output else answer.body
        raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": body}
        parsed = RestJSONParser().parse(raw | {"context": {}}, shape)
        if operation.has_streaming_output:
            parsed["Payload"] = parsed["Payload"].read()
        assert parsed.pop("ResponseMetadata")["RequestId"] == "the-id"
        assert _without_empty_payload(shape, parsed) == _with_status(shape, output, answer.status)

    holds()


@pytest.mark.parametrize("code", sorted(shape.name for shape in MODEL.error_shapes))
def test_every_error_of_the_model_reads_back(code: str) -> None:
    shape = MODEL.shape_for_error_code(code)
    status = shape.metadata["error"]["httpStatusCode"]
    answer = API.serialise_error(code, status, "the message", "User", {}, "the-id")
    raw = {"status_code": answer.status, "headers": HeadersDict(dict(answer.headers)), "body": answer.body}
    general = RestJSONParser().parse(raw | {"context": {}}, None)
    assert general["Error"] == {"Code": code, "Message": "the message"}
    assert general["ResponseMetadata"]["RequestId"] == "the-id"
    # As a client that knows the error's shape reads it: the message is spelt as that shape spells it.
    modelled = RestJSONParser().parse(raw | {"context": {}}, shape)
    assert modelled["Type"] == "User"
    assert "the message" in (modelled.get("message"), modelled.get("Message"))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _without_empty_payload(shape: StructureShape | None, parsed: dict[str, Any]) -> dict[str, Any]:
    """*parsed* but for a payload that is empty: on the wire it is the same as none."""
    payload = shape.serialization.get("payload") if shape else None
    return {name: value for name, value in parsed.items() if name != payload or value}


def _with_status(shape: StructureShape | None, output: dict[str, Any], status: int) -> dict[str, Any]:
    """What was printed, with the status where the model makes it a member: an answer always has one."""
    for name, member in shape.members.items() if shape else ():
        if member.serialization.get("location") == "statusCode":
            return {**output, name: status}
    return output
