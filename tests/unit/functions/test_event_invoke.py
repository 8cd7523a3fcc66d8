"""Event invoke configurations: what a put and an update make of them, and which destinations there can be."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions.event_invoke import EventInvoke, changed, describe
from lamina.names import FunctionArn, Scope

FUNCTION = FunctionArn(Scope("123456789012", "eu-west-1"), "f", "$LATEST")
TARGET = "arn:aws:lambda:eu-west-1:123456789012:function:told"


def test_a_put_forgets_what_it_does_not_send_and_an_update_keeps_it() -> None:
    request: dict[str, Any] = {"MaximumRetryAttempts": 0, "DestinationConfig": {"OnFailure": {"Destination": TARGET}}}
    before = changed(None, request, 1.0)
    assert before == EventInvoke(1.0, retries=0, on_failure=TARGET)
    assert changed(None, {"MaximumEventAgeInSeconds": 60}, 2.0) == EventInvoke(2.0, age_s=60)
    assert changed(before, {"MaximumEventAgeInSeconds": 60}, 2.0) == EventInvoke(2.0, 0, 60, None, TARGET)
    gone = changed(before, {"DestinationConfig": {"OnFailure": {}}}, 2.0)
    assert gone == EventInvoke(2.0, retries=0)


def test_asking_for_nothing_is_refused() -> None:
    with pytest.raises(ApiError, match="You must specify at least one of error handling or destination setting."):
        changed(None, {"DestinationConfig": {}}, 1.0)


def test_what_was_not_set_is_not_shown_but_for_empty_destinations() -> None:
    assert describe(EventInvoke(1.5), FUNCTION) == {
        "LastModified": 1.5,
        "FunctionArn": "arn:aws:lambda:eu-west-1:123456789012:function:f:$LATEST",
        "DestinationConfig": {"OnSuccess": {}, "OnFailure": {}},
    }
