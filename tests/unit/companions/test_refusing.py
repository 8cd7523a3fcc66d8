"""Refusals in the form that each protocol's clients read."""

from __future__ import annotations

import json

import pytest

from lamina.companions.messages import Question
from lamina.companions.refusing import NOT_INSTALLED, refusal


def test_s3_is_refused_in_its_own_xml() -> None:
    answer = refusal(Question("PUT", "/b/k", []), "s3", "NotImplemented", 501, "a < b")
    assert isinstance(answer.body, bytes)
    assert answer.body.endswith(b"<Error><Code>NotImplemented</Code><Message>a &lt; b</Message></Error>")
    assert answer.length == len(answer.body)


def test_the_query_protocol_is_refused_in_xml() -> None:
    form = [("content-type", "application/x-www-form-urlencoded")]
    answer = refusal(Question("POST", "/", form), "iam", "NotImplemented", 501, "no")
    assert b"<ErrorResponse><Error><Type>Receiver</Type><Code>NotImplemented</Code>" in answer.body  # type: ignore[operator]


def test_all_others_are_refused_in_json() -> None:
    answer = refusal(Question("POST", "/", [("x-amz-target", "AmazonSSM.Get")]), "ssm", "NotImplemented", 501, "no")
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body) == {"__type": "NotImplemented", "message": "no", "Message": "no"}


@pytest.mark.parametrize("word", ["pip install 'lamina[aws]'"])
def test_what_is_not_installed_says_what_to_install(word: str) -> None:
    assert word in NOT_INSTALLED
