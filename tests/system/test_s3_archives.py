"""Archives from S3, against moto's S3 server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest

from lamina.errors import ApiError
from lamina.names import Scope
from lamina.operations.call import Call
from lamina.operations.s3 import S3Archives
from tests.support import foreign

CALL = Call("request-id", Scope("123456789012", "us-east-1"), "http://127.0.0.1:4566", {})
GET_OBJECT = "Error occurred while GetObject."


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with foreign.moto() as address:
        yield address


@pytest.fixture
def s3(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in (("ACCESS_KEY_ID", "k"), ("SECRET_ACCESS_KEY", "s"), ("DEFAULT_REGION", "us-east-1")):
        monkeypatch.setenv(f"AWS_{name}", value)
    client = boto3.client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="bucket")
    client.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    return client


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
def test_an_object_is_fetched_from_the_endpoint_that_is_configured(s3: Any, endpoint: str, variable: str) -> None:
    s3.put_object(Bucket="bucket", Key="/layercontent.zip", Body=b"content")
    archives = S3Archives({variable: endpoint})
    assert archives.fetch(CALL, "bucket", "/layercontent.zip", None, 7) == b"content"


def test_the_version_that_is_named_is_fetched(s3: Any, endpoint: str) -> None:
    first = s3.put_object(Bucket="bucket", Key="k", Body=b"first")["VersionId"]
    s3.put_object(Bucket="bucket", Key="k", Body=b"second")
    archives = S3Archives({"AWS_ENDPOINT_URL_S3": endpoint})
    assert archives.fetch(CALL, "bucket", "k", first, 100) == b"first"
    assert archives.fetch(CALL, "bucket", "k", None, 100) == b"second"


@pytest.mark.usefixtures("s3")
@pytest.mark.parametrize(
    ("bucket", "error"),
    [
        ("nowhere", "S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"),
        ("bucket", "S3 Error Code: NoSuchKey. S3 Error Message: The specified key does not exist."),
    ],
)
def test_what_s3_refuses_is_told_in_its_words(endpoint: str, bucket: str, error: str) -> None:
    with pytest.raises(ApiError) as refused:
        S3Archives({"AWS_ENDPOINT_URL_S3": endpoint}).fetch(CALL, bucket, "missing", None, 100)
    assert refused.value.message == f"{GET_OBJECT} {error}"
    assert (refused.value.code, refused.value.status) == ("InvalidParameterValueException", 400)


def test_an_object_that_could_not_be_unpacked_within_the_limit_is_not_read(s3: Any, endpoint: str) -> None:
    s3.put_object(Bucket="bucket", Key="large", Body=b"x" * 101)
    with pytest.raises(ApiError, match="Unzipped size must be smaller than 100 bytes"):
        S3Archives({"AWS_ENDPOINT_URL_S3": endpoint}).fetch(CALL, "bucket", "large", None, 100)


def test_code_in_a_function_does_not_read_aws_in_the_name_of_whoever_runs_the_server() -> None:
    with pytest.raises(ApiError, match="AccessDenied"):
        S3Archives({}).fetch(replace(CALL, inside=True), "private", "secret.zip", None, 100)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_lamina_without_companions_is_no_s3(host: str) -> None:
    with pytest.raises(ApiError, match="AWS_ENDPOINT_URL_S3"):
        S3Archives({"AWS_ENDPOINT_URL": f"http://{host}:4566"}).fetch(CALL, "bucket", "k", None, 100)


def test_an_endpoint_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "k")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s")
    with pytest.raises(ApiError, match=r"http://127\.0\.0\.1:9") as refused:
        S3Archives({"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9"}).fetch(CALL, "bucket", "k", None, 100)
    assert refused.value.status == 400
