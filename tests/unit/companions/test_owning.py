"""Whose resources a question is about, by the ARNs in it."""

from __future__ import annotations

import json
import tracemalloc
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.companions import Question
from lamina.companions.owning import foreign_arn, hides_something, members

pytestmark = pytest.mark.anybody

FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")
JSON = ("content-type", "application/x-amz-json-1.1")
ODD_FORM = ("content-type", "Application/X-WWW-Form-Urlencoded")
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
        # However it is told what they are, moto reads bodies in each of these ways.
        ("sns", Question("POST", "/", [ODD_FORM], (f"TopicArn=arn:aws:sns:us-east-1:{OTHER}:t".encode(),))),
        ("sns", Question("GET", "/", [], (f"TopicArn=arn:aws:sns:us-east-1:{OTHER}:t".encode(),))),
        ("ssm", Question("POST", "/", [], of_json(Name=f"arn:aws:ssm:us-east-1:{OTHER}:parameter/p").body)),
        (
            "kinesis",
            Question(
                "POST",
                "/",
                [("content-type", "application/x-amz-cbor-1.1")],
                (b"\xa1\x69StreamARN\x78\x33arn:aws:kinesis:us-east-1:" + OTHER.encode() + b":stream/s",),
            ),
        ),
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


@given(st.text(alphabet="a=&%+2C5é;Arn:"))
def test_a_form_is_read_as_others_read_it_piece_by_piece(form: str) -> None:
    asked = Question("POST", "/", [FORM], (form.encode(),))
    assert list(members(asked)) == parse_qsl(form, keep_blank_values=True)


def test_a_form_of_very_many_members_takes_no_more_than_itself() -> None:
    asked = Question("POST", "/", [FORM], (b"a&" * 200_000,))
    tracemalloc.start()
    try:
        assert foreign_arn(asked, "sns", OWN) is None
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_bodies_in_parts_and_packed_ones_are_known_for_what_they_are() -> None:
    assert hides_something(Question("POST", "/", [("content-type", "Multipart/Form-Data; boundary=x")]))
    assert hides_something(Question("POST", "/", [JSON, ("content-encoding", "gzip")]))
    assert not hides_something(Question("POST", "/", [FORM, ("content-encoding", "identity")]))
