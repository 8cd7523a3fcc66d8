"""Resource policies: how they grow and shrink, and whom they let in."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from lamina.errors import ApiError
from lamina.layers import policies
from lamina.layers.policies import ANY_ORGANIZATION, Policy, Statement, grants, layer_statement, statement
from lamina.names import LayerArn, Scope

ARN = LayerArn(Scope("123456789012", "eu-west-1"), "l").version(1)
OTHER = "111122223333"


def granted(sid: str = "s1", principal: str = "*", **request: Any) -> Statement:
    basics = {"StatementId": sid, "Principal": principal, "Action": "lambda:GetLayerVersion"}
    return layer_statement(ARN, basics | request)


def policy(*statements: Statement) -> Policy:
    return Policy(statements or (granted(),), "r1")


def test_layers_6_the_words_of_a_statement() -> None:
    assert granted().text == (
        '{"Sid":"s1","Effect":"Allow","Principal":"*","Action":"lambda:GetLayerVersion",'
        '"Resource":"arn:aws:lambda:eu-west-1:123456789012:layer:l:1"}'
    )
    root = {"AWS": f"arn:aws:iam::{OTHER}:root"}
    assert json.loads(granted(principal=OTHER).text)["Principal"] == root
    assert json.loads(granted(principal=root["AWS"]).text)["Principal"] == root
    of_organisation = json.loads(granted(OrganizationId="o-1234567890").text)
    assert of_organisation["Condition"] == {"StringEquals": {"aws:PrincipalOrgID": "o-1234567890"}}


def test_layers_6_statements_stand_in_the_order_they_were_added() -> None:
    both = policies.added(policies.added(None, granted("s2"), "r1"), granted("s1"), "r2")
    assert both.revision_id == "r2"
    assert both.text == (
        f'{{"Version":"2012-10-17","Id":"default","Statement":[{granted("s2").text},{granted("s1").text}]}}'
    )
    assert policies.removed(both, "s2", "r3") == Policy((granted("s1"),), "r3")
    assert policies.removed(policy(), "s1", "r2") is None


def test_a_statement_id_is_taken_once() -> None:
    with pytest.raises(ApiError) as raised:
        policies.added(policy(), granted(principal=OTHER), "r2")
    assert raised.value.code == "ResourceConflictException"
    assert raised.value.message == (
        "The statement id (s1) provided already exists. "
        "Please provide a new statement id, or remove the existing statement."
    )


def test_a_policy_has_at_most_20_kb() -> None:
    grown = policy()
    while len(grown.text) + len(granted("more-100").text) < 20_480:
        grown = policies.added(grown, granted(f"more-{len(grown.statements) + 100}"), "r")
    with pytest.raises(ApiError) as raised:
        policies.added(grown, granted("more-999"), "r")
    assert raised.value.code == "PolicyLengthExceededException"
    assert re.fullmatch(r"The final policy size \(\d{5}\) is bigger than the limit \(20480\)\.", raised.value.message)


def test_what_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(ApiError, match="No policy is associated with the given resource"):
        policies.check_has(None, "s1")
    with pytest.raises(ApiError, match="Statement s2 is not found in resource policy"):
        policies.check_has(policy(), "s2")


@pytest.mark.parametrize(
    ("statement", "lets_in"),
    [
        (granted(), True),
        (granted(principal=OTHER), True),
        (granted(principal=f"arn:aws:iam::{OTHER}:root"), True),
        (granted(principal="999999999999"), False),
        (granted(OrganizationId="o-1234567890"), True),
        (granted(Action="lambda:*"), True),
        (granted(Action="lambda:InvokeFunction"), False),
        (policies.statement("s", {"AWS": f"arn:aws:iam::{OTHER}:role/r"}, "*", "r", {}), False),
        (policies.statement("s", {"Service": "s3.amazonaws.com"}, "*", "r", {}), False),
        (policies.statement("s", "*", "*", "r", {"ArnLike": {"AWS:SourceArn": "arn:aws:s3:::b"}}), False),
        (policies.statement("s", "*", "*", "r", {"StringEquals": {"lambda:FunctionUrlAuthType": "NONE"}}), False),
    ],
)
def test_whom_a_statement_lets_in(statement: Statement, lets_in: bool) -> None:
    assert policies.grants(policy(statement), OTHER, "GetLayerVersion") is lets_in


def test_nobody_is_let_in_without_a_policy() -> None:
    assert not policies.grants(None, OTHER, "GetLayerVersion")


@pytest.mark.parametrize(
    ("organization", "allowed"),
    [(ANY_ORGANIZATION, True), ("o-1234567890", True), ("o-0987654321", False), ("", False)],
)
def test_a_grant_to_an_organisation_is_for_its_members(organization: str, allowed: bool) -> None:
    policy = Policy((granted(OrganizationId="o-1234567890"),), "r")
    assert grants(policy, "210987654321", "GetLayerVersion", organization) is allowed


@pytest.mark.parametrize(("url_type", "allowed"), [("AWS_IAM", True), ("NONE", False), (None, False)])
def test_a_grant_on_a_url_is_for_calls_of_that_url(url_type: str | None, allowed: bool) -> None:
    condition = {"StringEquals": {"lambda:FunctionUrlAuthType": "AWS_IAM"}}
    new = statement("s", {"AWS": "arn:aws:iam::210987654321:root"}, "lambda:InvokeFunctionUrl", "arn", condition)
    assert grants(Policy((new,), "r"), "210987654321", "InvokeFunctionUrl", url_type=url_type) is allowed
