"""What can be told how an asynchronous invocation ended."""

from __future__ import annotations

import pytest

from lamina.errors import ApiError
from lamina.functions.destinations import Elsewhere, check_success, destination, read
from lamina.names import FunctionArn, Scope

FUNCTION = FunctionArn(Scope("123456789012", "eu-west-1"), "f", "$LATEST")
TARGET = "arn:aws:lambda:eu-west-1:123456789012:function:told"
BUCKET = Elsewhere("s3", "arn:aws:s3:::bucket", "", "", "bucket")


def test_records_go_to_functions_of_the_same_account_and_region() -> None:
    assert destination(f"{TARGET}:live", FUNCTION) == FunctionArn(FUNCTION.scope, "told", "live")


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        ("arn:aws:sqs:eu-west-1:210987654321:q", "q"),
        ("arn:aws:sns:eu-west-1:210987654321:t", "t"),
        ("arn:aws:events:eu-west-1:210987654321:event-bus/default", "default"),
    ],
)
def test_records_go_to_queues_topics_and_buses_of_any_account(arn: str, name: str) -> None:
    service = arn.split(":")[2]
    assert destination(arn, FUNCTION) == Elsewhere(service, arn, "210987654321", "eu-west-1", name) == read(arn)


def test_a_bucket_takes_records_of_failures_only() -> None:
    assert destination(BUCKET.arn, FUNCTION) == BUCKET
    with pytest.raises(ApiError, match="an Amazon S3 bucket can be an OnFailure destination only"):
        check_success(BUCKET)
    check_success(FUNCTION)


@pytest.mark.parametrize(
    ("arn", "words"),
    [
        ("arn:aws:kinesis:eu-west-1:123456789012:s", "Lamina does not support destinations in kinesis (arn:aws:kin"),
        ("arn:aws:events:eu-west-1:123456789012:rule/r", "Lamina does not support destinations in events (arn:aws:"),
        ("arn:aws:sqs:::q", "Lamina does not support destinations in sqs (arn:aws:sqs:::q)"),
        ("kafka://topic", "Lamina does not support destinations in this (kafka://topic)"),
        (TARGET.replace("eu-west-1", "us-east-1"), "The destination ARN "),
        (TARGET.replace("123456789012", "210987654321"), "The destination ARN "),
        (TARGET.replace("told", "f"), "You can't specify the function as a destination for itself."),
    ],
)
def test_other_destinations_are_refused(arn: str, words: str) -> None:
    with pytest.raises(ApiError) as caught:
        destination(arn, FUNCTION)
    assert str(caught.value.message).startswith(words)
