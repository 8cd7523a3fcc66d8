"""Statements of functions' policies: principals and conditions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions.permissions import function_statement
from lamina.names import FunctionArn, Scope

ARN = FunctionArn(Scope("123456789012", "eu-west-1"), "f")


def text(**request: Any) -> str:
    basics = {"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "*"}
    return function_statement(ARN, basics | request).text


def test_14_1_the_order_of_a_statement() -> None:
    assert text() == (
        f'{{"Sid":"s","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunction","Resource":"{ARN}"}}'
    )
    assert list(json.loads(text(SourceAccount="1"))) == [
        "Sid",
        "Effect",
        "Principal",
        "Action",
        "Resource",
        "Condition",
    ]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("*", "*"),
        ("s3.amazonaws.com", {"Service": "s3.amazonaws.com"}),
        ("logs.eu-west-1.amazonaws.com", {"Service": "logs.eu-west-1.amazonaws.com"}),
        ("alexa-appkit.amazon.com", {"Service": "alexa-appkit.amazon.com"}),
        ("111122223333", {"AWS": "arn:aws:iam::111122223333:root"}),
        ("arn:aws:iam::111122223333:role/r", {"AWS": "arn:aws:iam::111122223333:role/r"}),
        ("arn:aws:sts::111122223333:assumed-role/r/s", {"AWS": "arn:aws:sts::111122223333:assumed-role/r/s"}),
    ],
)
def test_14_2_principals(sent: str, shown: object) -> None:
    assert json.loads(text(Principal=sent))["Principal"] == shown


@pytest.mark.parametrize("principal", ["invalid.nonaws.com", "amazonaws.com", "12345", "arn:aws:s3:::b", "évil"])
def test_14_2_what_is_no_principal(principal: str) -> None:
    with pytest.raises(ApiError) as raised:
        text(Principal=principal)
    assert raised.value.message == "The provided principal was invalid. Please check the principal and try again."


def test_14_3_all_conditions_in_their_order() -> None:
    statement = text(
        SourceArn="arn:aws:s3:::b",
        PrincipalOrgID="o-1234567890",
        FunctionUrlAuthType="NONE",
        SourceAccount="111122223333",
    )
    assert statement.endswith(
        '"Condition":{"StringEquals":{"AWS:SourceAccount":"111122223333","lambda:FunctionUrlAuthType":"NONE",'
        '"aws:PrincipalOrgID":"o-1234567890"},"ArnLike":{"AWS:SourceArn":"arn:aws:s3:::b"}}}'
    )


def test_14_3_the_token_of_an_event_source_and_the_way_through_a_url() -> None:
    assert json.loads(text(EventSourceToken="t", InvokedViaFunctionUrl=True))["Condition"] == {
        "StringEquals": {"lambda:EventSourceToken": "t"},
        "Bool": {"lambda:InvokedViaFunctionUrl": "true"},
    }
