"""What a journal can do without: exactly what a later question undid."""

from __future__ import annotations

import pytest

from lamina.companions.messages import Question
from lamina.companions.shortening import needless

FORM = ("content-type", "application/x-www-form-urlencoded")


def s3(line: str, **headers: str) -> Question:
    method, target = line.split()
    return Question(method, target, [(name.replace("_", "-"), value) for name, value in headers.items()])


def iam(action: str, account: str = "1", **members: str) -> Question:
    credential = "Credential=k/20260101/us-east-1/iam/aws4_request"
    body = "&".join(f"{name}={value}" for name, value in {"Action": action, **members}.items())
    headers = [FORM, ("authorization", credential), ("x-moto-account-id", account)]
    return Question("POST", "/", headers, (body.encode(),))


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        (["PUT /b", "PUT /b/k", "PUT /b/k?x-id=PutObject"], [0, 2]),
        (["PUT /b", "PUT /b/k", "PUT /b/k?tagging", "DELETE /b/k"], [0]),
        (["PUT /b", "PUT /b/k", "PUT /b/other", "DELETE /b/k"], [0, 2]),
        (["PUT /b", "PUT /b/k", "PUT /other/k", "DELETE /b"], [2]),
        (["PUT /b", "DELETE /b", "PUT /b", "PUT /b/k"], [2, 3]),
        # In parts: complete, it is an object as any other; begun, it is needed.
        (["PUT /b", "POST /b/k?uploads", "PUT /b/k?uploadId=1", "POST /b/k?uploadId=1", "PUT /b/k"], [0, 4]),
        (["PUT /b", "POST /b/k?uploads=", "PUT /b/k?partNumber=1&uploadId=1", "PUT /b/k"], [0, 1, 2, 3]),
        (["PUT /b", "POST /b/k?uploads", "DELETE /b/k?uploadId=1", "DELETE /b/k"], [0]),
        # With versions nothing is gone.
        (["PUT /b", "PUT /b?versioning", "PUT /b/k", "PUT /b/k", "DELETE /b/k"], [0, 1, 2, 3, 4]),
        (["PUT /b", "PUT /b/k", "DELETE /b/k?versionId=null"], [0, 1, 2]),
        (["PUT /b", "PUT /b/k", "POST /b?delete"], [0, 1, 2]),
    ],
)
def test_what_was_undone_in_a_bucket_is_left_out(lines: list[str], left: list[int]) -> None:
    gone = needless([s3(line) for line in lines])
    assert [place for place in range(len(lines)) if place not in gone] == left


def test_what_was_copied_is_needed() -> None:
    copying = [
        s3("PUT /b"),
        s3("PUT /b/k"),
        s3("PUT /c/k", x_amz_copy_source="/b/k"),
        s3("DELETE /b/k"),
        s3("DELETE /b"),
    ]
    assert needless(copying) == set()


def test_a_role_that_was_deleted_leaves_nothing() -> None:
    questions = [
        iam("CreateRole", RoleName="r"),
        iam("CreateRole", RoleName="r2"),
        iam("AttachRolePolicy", RoleName="r", PolicyArn="p"),
        iam("CreateRole", account="2", RoleName="r"),
        iam("DetachRolePolicy", RoleName="r", PolicyArn="p"),
        iam("DeleteRole", RoleName="r"),
        iam("CreateRole", RoleName="r"),
        iam("CreatePolicy", PolicyName="r"),
    ]
    assert needless(questions) == {0, 2, 4, 5}
