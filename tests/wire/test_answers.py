"""Answers as bytes and headers: envelopes, statuses, header members, event streams; and mistakes of ours found out."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.parsers import EventStreamJSONParser

from lamina.wire import Api
from lamina.wire.events import EncodedEvents

API = Api.load("lambda")
MODEL = ServiceModel(Loader().load_service_model("lambda", "service-2"), "lambda")


def error(code: str, status: int, kind: str | None = "User", **members: Any) -> tuple[dict[str, str], bytes]:
    answer = API.serialise_error(code, status, "the message", kind, members, "the-id")
    assert answer.status == status
    return dict(answer.headers), answer.body


@pytest.mark.parametrize(
    ("code", "status", "kind", "body"),
    [
        ("ResourceNotFoundException", 404, "User", b'{"Type":"User","Message":"the message"}'),
        ("InvalidParameterValueException", 400, "User", b'{"Type":"User","message":"the message"}'),
        ("InvalidParameterValueException", 400, None, b'{"message":"the message"}'),
        ("ResourceConflictException", 409, "User", b'{"Type":"User","message":"the message"}'),
        ("PreconditionFailedException", 412, "User", b'{"Type":"User","message":"the message"}'),
        ("InvalidRequestContentException", 400, "User", b'{"Type":"User","message":"the message"}'),
        ("ProvisionedConcurrencyConfigNotFoundException", 404, "User", b'{"Type":"User","message":"the message"}'),
        ("ServiceException", 500, "Service", b'{"Type":"Service","Message":"the message"}'),
        ("ValidationException", 400, None, b'{"message":"the message"}'),
        ("RequestEntityTooLargeException", 413, None, b'{"message":"the message"}'),
    ],
)
def test_an_error_has_the_recorded_envelope(code: str, status: int, kind: str | None, body: bytes) -> None:
    headers, sent = error(code, status, kind)
    assert sent == body
    assert headers == {"x-amzn-RequestId": "the-id", "x-amzn-ErrorType": code, "Content-Type": "application/json"}


def test_the_recorded_412_has_its_recorded_length() -> None:
    message = (
        "The Revision Id provided does not match the latest Revision Id. "
        "Call the GetPolicy API to retrieve the latest Revision Id"
    )
    answer = API.serialise_error("PreconditionFailedException", 412, message, "User", {}, "the-id")
    assert len(answer.body) == 149


def test_throttling_has_a_reason_in_the_body_and_a_wait_in_the_headers() -> None:
    headers, body = error(
        "TooManyRequestsException",
        429,
        Reason="ReservedFunctionConcurrentInvocationLimitExceeded",
        retryAfterSeconds="3",
    )
    assert headers["Retry-After"] == "3"
    assert json.loads(body) == {
        "Type": "User",
        "message": "the message",
        "Reason": "ReservedFunctionConcurrentInvocationLimitExceeded",
    }


def test_an_access_error_can_have_a_null_message() -> None:
    answer = API.serialise_error("AccessDeniedException", 403, None, None, {}, "the-id")
    assert answer.body == b'{"message":null}'


def test_an_invocation_answers_with_headers_and_the_bare_payload() -> None:
    answer = API.serialise(
        "Invoke",
        {
            "StatusCode": 200,
            "ExecutedVersion": "$LATEST",
            "FunctionError": "Unhandled",
            "LogResult": "TE9H",
            "Payload": b'{"errorMessage": "x"}',
        },
        "the-id",
    )
    assert (answer.status, answer.body) == (200, b'{"errorMessage": "x"}')
    assert dict(answer.headers) == {
        "x-amzn-RequestId": "the-id",
        "X-Amz-Executed-Version": "$LATEST",
        "X-Amz-Function-Error": "Unhandled",
        "X-Amz-Log-Result": "TE9H",
        "Content-Type": "application/json",
    }


@pytest.mark.parametrize(
    ("operation", "output", "status", "body"),
    [
        ("DeleteLayerVersion", {}, 204, b""),
        ("DeleteFunction", {}, 204, b""),
        ("Invoke", {"StatusCode": 202}, 202, b""),
        ("Invoke", {"StatusCode": 204}, 204, b""),
        ("PublishLayerVersion", {"Version": 3, "Description": ""}, 201, b'{"Version":3,"Description":""}'),
        ("PublishVersion", {}, 201, b"{}"),
        ("ListFunctions", {"Functions": [], "NextMarker": None}, 200, b'{"Functions":[]}'),
        ("ListFunctions", {"Functions": [{"Description": "größe"}]}, 200, '{"Functions":[{"Description":"größe"}]}'),
    ],
)
def test_an_output_has_the_operations_status_and_body(
    operation: str, output: dict[str, Any], status: int, body: bytes | str
) -> None:
    answer = API.serialise(operation, output, "the-id")
    assert (answer.status, answer.body) == (status, body.encode() if isinstance(body, str) else body)


def test_dates_are_strings_where_the_model_says_so_and_numbers_elsewhere() -> None:
    layer = API.serialise("GetLayerVersion", {"CreatedDate": "2025-11-25T02:50:43.000+0000"}, "the-id")
    assert json.loads(layer.body) == {"CreatedDate": "2025-11-25T02:50:43.000+0000"}
    mapping = API.serialise("GetEventSourceMapping", {"LastModified": datetime(2025, 11, 25, tzinfo=UTC)}, "the-id")
    assert json.loads(mapping.body) == {"LastModified": 1764028800}


def test_an_event_stream_reads_back_as_its_events() -> None:
    events = [
        {"PayloadChunk": {"Payload": b"first"}},
        {"PayloadChunk": {"Payload": b""}},
        {"InvokeComplete": {"ErrorCode": "Unhandled", "LogResult": "TE9H"}},
    ]
    answer = API.serialise("InvokeWithResponseStream", {"StatusCode": 200, "EventStream": events}, "the-id")
    assert dict(answer.headers)["Content-Type"] == "application/vnd.amazon.eventstream"
    buffer = EventStreamBuffer()
    buffer.add_data(answer.body)
    shape = MODEL.operation_model("InvokeWithResponseStream").output_shape.members["EventStream"]
    parser = EventStreamJSONParser()
    read = [parser.parse(message.to_response_dict(), shape) for message in buffer]
    assert [{name: value for name, value in event.items() if value} for event in read] == events


def test_events_that_are_yet_to_come_are_printed_one_by_one_and_told_when_no_more_are_wanted() -> None:
    class Coming:
        closed = 0

        def __aiter__(self) -> Coming:
            return self

        async def __anext__(self) -> Mapping[str, Any]:
            return {"PayloadChunk": {"Payload": b"one"}}

        async def aclose(self) -> None:
            self.closed += 1

    async def first_of(events: Coming, *, begun: bool) -> bytes:
        answer = API.serialise("InvokeWithResponseStream", {"EventStream": events}, "the-id")
        assert isinstance(answer.coming, EncodedEvents)
        first = await anext(answer.coming) if begun else b""
        await answer.coming.aclose()
        return first

    events = Coming()
    assert asyncio.run(first_of(events, begun=False)) == b""
    assert events.closed == 1
    buffer = EventStreamBuffer()
    buffer.add_data(asyncio.run(first_of(events, begun=True)))
    assert [message.payload for message in buffer] == [b"one"]
    assert events.closed == 2


@pytest.mark.parametrize(
    ("operation", "output"),
    [
        ("GetLayerVersion", {"Invented": 1}),
        ("GetLayerVersion", {"Content": {"Invented": 1}}),
        ("GetLayerVersion", {"Version": "1"}),
        ("GetLayerVersion", {"Description": 5}),
        ("GetLayerVersion", {"CompatibleRuntimes": "python3.12"}),
        ("GetLayerVersion", {"Content": "here"}),
        ("ListTags", {"Tags": []}),
    ],
)
def test_an_output_the_model_does_not_describe_is_our_mistake(operation: str, output: dict[str, Any]) -> None:
    with pytest.raises((KeyError, TypeError)):
        API.serialise(operation, output, "the-id")


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: x", "a\nb", "\x00", "é"])
def test_a_header_can_not_be_made_to_hold_another(text: str) -> None:
    with pytest.raises(ValueError, match="X-Amz-Function-Error"):
        API.serialise("Invoke", {"FunctionError": text}, "the-id")
