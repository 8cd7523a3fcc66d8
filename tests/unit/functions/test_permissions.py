"""Statements of functions' policies: principals and conditions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.functions.permissions import function_statement, lets_service
from lamina.layers.policies import Policy
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


TOPIC = "arn:aws:sns:eu-west-1:111122223333:orders"


def lets(**request: Any) -> bool:
    statement = function_statement(ARN, {"StatementId": "s", "Action": "lambda:InvokeFunction"} | request)
    return lets_service(Policy((statement,), "r"), "sns.amazonaws.com", TOPIC, "111122223333")


@pytest.mark.parametrize(
    ("request_", "let"),
    [
        ({"Principal": "sns.amazonaws.com"}, True),
        ({"Principal": "*"}, True),
        ({"Principal": "s3.amazonaws.com"}, False),
        ({"Principal": "111122223333"}, False),
        ({"Principal": "sns.amazonaws.com", "Action": "lambda:InvokeFunctionUrl"}, False),
        ({"Principal": "sns.amazonaws.com", "Action": "lambda:*"}, True),
        ({"Principal": "sns.amazonaws.com", "SourceArn": TOPIC}, True),
        ({"Principal": "sns.amazonaws.com", "SourceArn": TOPIC.replace("orders", "ord?r*")}, True),
        ({"Principal": "sns.amazonaws.com", "SourceArn": TOPIC + "2"}, False),
        # What stands for anything does so within one part.
        ({"Principal": "sns.amazonaws.com", "SourceArn": "arn:aws:sns:*:orders"}, False),
        ({"Principal": "sns.amazonaws.com", "SourceArn": TOPIC.replace("orders", "o.ders")}, False),
        ({"Principal": "sns.amazonaws.com", "SourceAccount": "111122223333"}, True),
        ({"Principal": "sns.amazonaws.com", "SourceAccount": "123456789012"}, False),
        ({"Principal": "sns.amazonaws.com", "SourceArn": TOPIC, "SourceAccount": "123456789012"}, False),
        ({"Principal": "sns.amazonaws.com", "EventSourceToken": "t"}, False),
        ({"Principal": "*", "PrincipalOrgID": "o-a1b2c3d4e5"}, False),
    ],
)
def test_a_service_is_let_in_for_whom_a_statement_names(request_: dict[str, Any], let: bool) -> None:
    assert lets(**request_) is let


def test_without_a_policy_no_service_is_let_in() -> None:
    assert not lets_service(None, "sns.amazonaws.com", TOPIC, "111122223333")
