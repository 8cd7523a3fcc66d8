"""What a function gets of a queue's messages, and what its answer means for them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.functions.queue_batches import PAYLOAD_BYTES_MAX, Message, done, fitting, message, payload

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:orders"
PARTIAL = {"FunctionResponseTypes": ["ReportBatchItemFailures"]}
RECEIVED = {
    "MessageId": "id",
    "ReceiptHandle": "handle",
    "MD5OfBody": "digest",
    "Body": 'the "body"',
    "Attributes": {"ApproximateReceiveCount": "1", "SentTimestamp": "1", "SenderId": "s"},
}


def messages(*identifiers: str) -> list[Message]:
    return [message({**RECEIVED, "MessageId": each, "ReceiptHandle": f"of {each}"}, QUEUE) for each in identifiers]


def left(answer: Any, *, mapping: dict[str, Any] = PARTIAL) -> list[str]:
    """Of a, b and c, what is not deleted."""
    batch = messages("a", "b", "c")
    text = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    deleted = done(mapping, batch, text)
    return [each.id for each in batch if each not in deleted]


def test_an_event_is_as_aws_has_it() -> None:
    attributes = {
        "kind": {"DataType": "String", "StringValue": "new"},
        "bytes": {"DataType": "Binary", "BinaryValue": "AAE="},
    }
    told = message({**RECEIVED, "MessageAttributes": attributes, "MD5OfMessageAttributes": "another"}, QUEUE)
    none: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert json.loads(payload([told])) == {
        "Records": [
            {
                "messageId": "id",
                "receiptHandle": "handle",
                "body": 'the "body"',
                "attributes": RECEIVED["Attributes"],
                "messageAttributes": {
                    "kind": {"stringValue": "new", **none, "dataType": "String"},
                    "bytes": {"binaryValue": "AAE=", **none, "dataType": "Binary"},
                },
                "md5OfBody": "digest",
                "md5OfMessageAttributes": "another",
                "eventSource": "aws:sqs",
                "eventSourceARN": QUEUE,
                "awsRegion": "eu-west-1",
            }
        ]
    }
    (plain,) = json.loads(payload(messages("a")))["Records"]
    assert (plain["messageAttributes"], "md5OfMessageAttributes" in plain) == ({}, False)


def test_a_batch_is_as_large_as_a_payload_may_be() -> None:
    large = [message({**RECEIVED, "MessageId": each, "Body": "x" * 1_000_000}, QUEUE) for each in "abcdefgh"]
    count = fitting(large, 10)
    assert len(payload(large[:count])) <= PAYLOAD_BYTES_MAX < len(payload(large[: count + 1]))
    assert fitting(large, 2) == 2
    assert fitting(large[:1], 10) == 1
    assert fitting([], 10) == 0


def test_a_function_that_does_not_report_is_done_with_all() -> None:
    assert left({"batchItemFailures": [{"itemIdentifier": "b"}]}, mapping={}) == []


@pytest.mark.parametrize("answer", [None, b"", {}, {"batchItemFailures": []}, {"batchItemFailures": None}])
def test_no_failures_are_a_success(answer: Any) -> None:
    assert left(answer) == []


def test_what_is_reported_stays() -> None:
    assert left({"batchItemFailures": [{"itemIdentifier": "c"}, {"itemIdentifier": "a"}]}) == ["a", "c"]


@pytest.mark.parametrize(
    "answer",
    [
        b"no JSON",
        "text",
        [],
        {"batchItemFailures": 1},
        *({"batchItemFailures": [each]} for each in ({"itemIdentifier": ""}, {"itemIdentifier": None}, {"id": "a"}, 1)),
        {"batchItemFailures": [{"itemIdentifier": "unknown"}]},
    ],
)
def test_what_is_no_report_is_a_failure_of_all(answer: Any) -> None:
    assert left(answer) == ["a", "b", "c"]
