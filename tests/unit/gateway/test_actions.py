"""What requests to services beside Lambda ask for, by all that could be read in them."""

from __future__ import annotations

import pytest

from lamina.companions import Question
from lamina.gateway.actions import permissions_of

pytestmark = pytest.mark.anybody

FORM = ("content-type", "application/x-www-form-urlencoded; charset=utf-8")
JSON = ("content-type", "application/x-amz-json-1.1")


@pytest.mark.parametrize(
    ("service", "question", "permissions"),
    [
        ("iam", Question("POST", "/", [FORM], (b"Action=ListRoles&Version=1",)), {"iam:ListRoles"}),
        ("iam", Question("GET", "/?Action=ListRoles", []), {"iam:ListRoles"}),
        ("ssm", Question("POST", "/", [JSON, ("x-amz-target", "AmazonSSM.PutParameter")]), {"ssm:PutParameter"}),
        ("sqs", Question("POST", "/1/q", [FORM], (b"Action=SendMessage",)), {"sqs:SendMessage"}),
        # Whichever of them is believed in the end, each has to be allowed.
        (
            "iam",
            Question("POST", "/?Action=ListRoles", [FORM], (b"Action=DeleteRole",)),
            {"iam:ListRoles", "iam:DeleteRole"},
        ),
        ("iam", Question("POST", "/", [FORM], (b"%41ction=DeleteRole",)), {"iam:DeleteRole"}),
        (
            "iam",
            Question("POST", "/", [FORM, ("x-amz-target", "X.GetRole")], (b"Action=DeleteRole",)),
            {"iam:GetRole", "iam:DeleteRole"},
        ),
        # Services with paths are told by them, whatever else is said, and that counts as well.
        (
            "apigateway",
            Question("POST", "/restapis?Action=GetApi", []),
            {"apigateway:PutResource", "apigateway:GetApi"},
        ),
        # moto reads any body as a form, and any number of slashes as one.
        ("sns", Question("POST", "/", [("content-type", "Text/Plain")], (b"Action=CreateTopic",)), {"sns:CreateTopic"}),
        ("sns", Question("GET", "//?Action=CreateTopic", []), {"sns:CreateTopic"}),
        ("sns", Question("GET", "/%2F?Action=CreateTopic", []), {"sns:CreateTopic"}),
        (
            "ssm",
            Question(
                "POST", "/", [JSON, ("x-amz-target", "X.GetParameter")], (b'{"Name":"a&Action=DeleteParameter&"}',)
            ),
            {"ssm:GetParameter", "ssm:DeleteParameter"},
        ),
        ("s3", Question("DELETE", "/b/k?Action=GetObject", [("x-amz-target", "S3.GetObject")]), {"s3:DeleteObject"}),
        ("iam", Question("POST", "/", []), {"iam:PutResource"}),
    ],
)
def test_every_operation_that_could_be_meant_counts(service: str, question: Question, permissions: set[str]) -> None:
    assert permissions_of(question, service) == permissions
