"""Whose resources a question is about, by the ARNs in it."""

from __future__ import annotations

import json

import pytest

from lamina.companions import Question
from lamina.companions.owning import foreign_arn

pytestmark = pytest.mark.anybody

FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")
JSON = ("content-type", "application/x-amz-json-1.1")
OWN, OTHER = "111122223333", "444455556666"


def of_json(**members: object) -> Question:
    return Question("POST", "/", [JSON], (json.dumps(members).encode(),))


@pytest.mark.parametrize(
    ("service", "question"),
    [
        ("sns", Question("POST", "/", [FORM], (f"TopicArn=arn%3Aaws%3Asns%3Aus-east-1%3A{OTHER}%3At".encode(),))),
        ("sns", Question("POST", "/", [FORM], (f"Endpoint=arn:aws:sqs:us-east-1:{OTHER}:q".encode(),))),
        ("sts", Question("POST", "/", [FORM], (f"RoleArn=arn:aws:iam::{OTHER}:role/r".encode(),))),
        ("secretsmanager", of_json(SecretId=f"arn:aws:secretsmanager:us-east-1:{OTHER}:secret:s")),
        ("events", of_json(Targets=[{"Id": "1", "Arn": f"arn:aws:lambda:us-east-1:{OTHER}:function:f"}])),
        ("scheduler", Question("POST", f"/tags/arn%3Aaws%3Ascheduler%3Aus-east-1%3A{OTHER}%3Aschedule%2Fa", [])),
    ],
)
def test_another_accounts_resource_is_found_and_ones_own_is_not(service: str, question: Question) -> None:
    found = foreign_arn(question, service, OWN)
    assert found is not None
    assert OTHER in found
    assert foreign_arn(question, service, OTHER) is None


@pytest.mark.parametrize(
    ("service", "question"),
    [
        # A channel may point at a version of a layer that somebody shares.
        ("ssm", of_json(Name="/lamina/channels/l/stable", Value=f"arn:aws:lambda:us-east-1:{OTHER}:layer:l:7")),
        ("iam", Question("POST", "/", [FORM], (b"PolicyArn=arn:aws:iam::aws:policy/ReadOnlyAccess",))),
        ("iam", Question("POST", "/", [FORM], (f'Policy={{"AWS":"arn:aws:iam::{OTHER}:root"}}'.encode(),))),
        ("s3", Question("GET", "/b/k", [])),
        ("ssm", Question("POST", "/", [JSON], (b"no json",))),
    ],
)
def test_what_is_only_talked_about_is_nobodys_business(service: str, question: Question) -> None:
    assert foreign_arn(question, service, OWN) is None
