"""Records for destinations: api.md 23.2."""

from __future__ import annotations

import json

from lamina.invocations.calls import Outcome
from lamina.invocations.records import Ended, record
from lamina.names import FunctionArn, Scope

FUNCTION = FunctionArn(Scope("123456789012", "eu-west-1"), "f")
NOW = 1_767_323_045.678


def written(ended: Ended) -> str:
    return record("id", FUNCTION, b'{"a": 1}', ended, NOW)


def test_23_2_success_has_all_members_in_their_order() -> None:
    assert written(Ended("Success", 1, Outcome(b'{"b":2}', version="3"))) == (
        '{"version":"1.0","timestamp":"2026-01-02T03:04:05.678Z","requestContext":{"requestId":"id",'
        '"functionArn":"arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST","condition":"Success",'
        '"approximateInvokeCount":1},"requestPayload":{"a":1},"responseContext":{"statusCode":200,'
        '"executedVersion":"3"},"responsePayload":{"b":2}}'
    )


def test_23_2_a_failure_says_so_last_and_keeps_its_status() -> None:
    members = json.loads(written(Ended("RetriesExhausted", 3, Outcome(b'{"errorType":"E"}', "Unhandled"))))
    assert list(members["responseContext"].items()) == [
        ("statusCode", 200),
        ("executedVersion", "$LATEST"),
        ("functionError", "Unhandled"),
    ]
    assert members["requestContext"]["approximateInvokeCount"] == 3


def test_23_2_what_never_ran_has_no_response() -> None:
    members = json.loads(written(Ended("ZeroReservedConcurrency", 0, None)))
    assert members.keys() == {"version", "timestamp", "requestContext", "requestPayload"}


def test_what_is_no_json_is_told_as_text() -> None:
    assert json.loads(written(Ended("Success", 1, Outcome(b"plain \xff"))))["responsePayload"] == "plain \ufffd"
