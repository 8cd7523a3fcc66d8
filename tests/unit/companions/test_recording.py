"""What is kept for the next process, and what is not."""

from __future__ import annotations

import pytest

from lamina.companions.messages import Question
from lamina.companions.recording import changes, operation_of, service_of

FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")


def of_query(action: str) -> Question:
    return Question("POST", "/", [FORM], (b"Version=2010-05-08&Action=", f"{action}&RoleName=r".encode()))


def of_json(action: str) -> Question:
    return Question("POST", "/", [("x-amz-target", f"AmazonSSM.{action}")], (b"{}",))


@pytest.mark.parametrize("action", ["CreateRole", "PutRolePolicy", "DeleteQueue", "TagRole"])
def test_what_changes_something_is_kept(action: str) -> None:
    assert changes(of_query(action), "iam")
    assert changes(of_json(action), "ssm")


@pytest.mark.parametrize("action", ["GetRole", "ListRoles", "DescribeParameters", "BatchGetImage"])
def test_what_only_reads_is_not(action: str) -> None:
    assert not changes(of_query(action), "iam")
    assert not changes(of_json(action), "ssm")


@pytest.mark.parametrize("action", ["SendMessage", "ReceiveMessage", "DeleteMessage", "Publish", "PutEvents"])
def test_messages_are_not(action: str) -> None:
    assert not changes(of_json(action), "sqs")


def test_credentials_for_a_while_are_not() -> None:
    assert not changes(of_query("AssumeRole"), "sts")


@pytest.mark.parametrize(
    ("method", "kept"), [("PUT", True), ("POST", True), ("DELETE", True), ("GET", False), ("HEAD", False)]
)
def test_where_the_path_tells_the_operation_the_method_tells_what_it_does(method: str, kept: bool) -> None:
    assert changes(Question(method, "/bucket/key?Action=GetObject", []), "s3") is kept


def test_an_operation_is_found_in_a_query_as_well() -> None:
    assert operation_of(Question("POST", "/?Action=CreateQueue", [FORM])) == "CreateQueue"


def test_a_service_is_what_a_question_was_signed_for() -> None:
    credential = "AWS4-HMAC-SHA256 Credential=k/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=x"
    assert service_of(Question("POST", "/", [("authorization", credential)])) == "ssm"
    assert service_of(Question("GET", "/b/k", [])) == "s3"
