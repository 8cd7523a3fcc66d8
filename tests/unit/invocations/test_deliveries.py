"""The calls by which other AWS services are told of events that are over."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.functions.destinations import Elsewhere, read
from lamina.invocations.calls import Outcome
from lamina.invocations.deliveries import of_dead_letter, of_record
from lamina.invocations.records import Ended
from lamina.names import FunctionArn, Scope

FUNCTION = FunctionArn(Scope("123456789012", "eu-west-1"), "f")
NOW = 1_767_323_045.678
QUEUE = "arn:aws:sqs:eu-west-1:123456789012:q"
TOPIC = "arn:aws:sns:eu-west-1:123456789012:t"
BUS = "arn:aws:events:eu-west-1:123456789012:event-bus/b"
FAILED = Ended("RetriesExhausted", 3, Outcome(b'{"errorMessage":"no","errorType":"E"}', "Unhandled"))


def target(arn: str) -> Elsewhere:
    found = read(arn)
    assert found is not None
    return found


def record(arn: str, ended: Ended = FAILED) -> dict[str, Any]:
    return of_record(target(arn), FUNCTION, "{}", ended, delivery_id="id", now=NOW)


def dead_letter(ended: Ended, arn: str = QUEUE) -> dict[str, Any]:
    return of_dead_letter(target(arn), "request", b'{"a": 1}', ended)


def test_a_record_is_the_message_of_queues_and_topics() -> None:
    called = record(QUEUE)
    assert (called["service"], called["name"], called["operation"]) == ("sqs", "q", "send_message")
    assert called["parameters"] == {"MessageBody": "{}"}
    assert record(TOPIC)["parameters"] == {"TopicArn": TOPIC, "Message": "{}"}


@pytest.mark.parametrize(("ended", "result"), [(FAILED, "Failure"), (Ended("Success", 1, Outcome(b"1")), "Success")])
def test_a_record_is_the_detail_of_an_event(ended: Ended, result: str) -> None:
    [entry] = record(BUS, ended)["parameters"]["Entries"]
    assert entry == {
        "EventBusName": BUS,
        "Source": "lambda",
        "DetailType": f"Lambda Function Invocation Result - {result}",
        "Detail": "{}",
        "Resources": [BUS, f"{FUNCTION}:$LATEST"],
    }


def test_a_record_is_an_object_under_the_functions_name_and_the_date() -> None:
    called = record("arn:aws:s3:::bucket")
    key = "aws/lambda/async/f/2026/01/02/2026-01-02T03.04.05-id"
    assert (called["operation"], called["parameters"]) == ("put_object", {"Bucket": "bucket", "Key": key, "Body": "{}"})
    assert called["account"] == FUNCTION.scope.account


@pytest.mark.parametrize("arn", [QUEUE, TOPIC])
def test_a_dead_letter_is_the_event_as_it_came_with_what_went_wrong_beside_it(arn: str) -> None:
    parameters = dead_letter(FAILED, arn)["parameters"]
    assert parameters["Message" if arn == TOPIC else "MessageBody"] == '{"a": 1}'
    assert parameters["MessageAttributes"] == {
        "RequestID": {"DataType": "String", "StringValue": "request"},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": "no"},
    }


def said(payload: bytes) -> Any:
    attributes = dead_letter(Ended("RetriesExhausted", 1, Outcome(payload, "Unhandled")))["parameters"]
    return attributes["MessageAttributes"].get("ErrorMessage", {}).get("StringValue")


def test_a_dead_letters_error_message_is_cut_after_a_kilobyte_and_left_out_where_there_is_none() -> None:
    assert said(json.dumps({"errorMessage": "x" * 1023 + "éé"}, ensure_ascii=False).encode()) == "x" * 1023
    assert said(b'{"errorMessage": ""}') is None
    assert said(b"no JSON \xff") == "no JSON \ufffd"


def test_a_dead_letter_of_an_event_that_never_ran_says_that_it_was_throttled() -> None:
    attributes = dead_letter(Ended("ZeroReservedConcurrency", 0, None))["parameters"]["MessageAttributes"]
    assert attributes["ErrorCode"]["StringValue"] == "429"
