"""Whose request it is, from what it claims."""

from __future__ import annotations

import pytest

from lamina.gateway.callers import Caller, caller_of
from lamina.names import Scope

TOKEN = "FQoGZXIvYXdzEBYaD"
DEFAULT = Scope("000000000000", "us-east-1")


def signed(key: str, region: str, service: str = "lambda") -> dict[str, str]:
    return {
        "authorization": f"AWS4-HMAC-SHA256 Credential={key}/20251121/{region}/{service}/aws4_request, "
        "SignedHeaders=host;x-amz-date, Signature=0123abcd"
    }


@pytest.mark.parametrize(
    ("key", "region", "scope"),
    [
        ("test", "eu-central-1", Scope("000000000000", "eu-central-1")),
        ("123456789012", "us-east-1", Scope("123456789012", "us-east-1")),
        ("123456789012", "us-gov-west-1", Scope("123456789012", "us-gov-west-1")),
        ("AKIAIOSFODNN7EXAMPLE", "eusc-de-east-1", Scope("000000000000", "eusc-de-east-1")),
        ("12345678901", "us-east-1", DEFAULT),
        ("1234567890123", "us-east-1", DEFAULT),
        ("١٢٣٤٥٦٧٨٩٠١٢", "us-east-1", DEFAULT),
        # What could not stand in an ARN.
        ("test", "local", DEFAULT),
        ("test", "US-EAST-1", DEFAULT),
        ("test", "us-east-1:x", DEFAULT),
    ],
)
def test_the_key_gives_the_account_and_the_credential_scope_the_region(key: str, region: str, scope: Scope) -> None:
    assert caller_of(signed(key, region), "", DEFAULT) == Caller(scope, "lambda")


def test_a_presigned_url_says_it_in_its_query() -> None:
    query = "X-Amz-Expires=60&X-Amz-Credential=123456789012%2F20251121%2Feu-west-3%2Flambda%2Faws4_request"
    assert caller_of({}, query, DEFAULT) == Caller(Scope("123456789012", "eu-west-3"), "lambda")


def test_a_signature_for_every_region_says_no_region() -> None:
    headers = {
        "authorization": "AWS4-ECDSA-P256-SHA256 Credential=123456789012/20251121/lambda/aws4_request, Signature=x"
    }
    assert caller_of(headers, "", DEFAULT) == Caller(Scope("123456789012", "us-east-1"), "lambda")


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": ""}, {"authorization": "Bearer abc"}, {"authorization": "AWS4-HMAC-SHA256 Credential="}],
)
def test_who_says_nothing_is_the_default_caller(headers: dict[str, str]) -> None:
    assert caller_of(headers, "", DEFAULT) == Caller(DEFAULT, None)


def test_the_service_it_was_signed_for_is_told() -> None:
    assert caller_of(signed("test", "us-east-1", "s3"), "", DEFAULT).service == "s3"


@pytest.mark.parametrize(
    ("key", "account"),
    [
        ("ASIARTX3GSDSYLV4SQQA", "111122223333"),
        ("ASIAQAAAAAAAONS5GUFS", "000000000000"),
        ("ASIAQAAAAAAAZXQ5WSSC", "000000000001"),
        ("ASIA6RVFFB77FBUDE6Q7", "999999999998"),
    ],
)
def test_a_role_that_was_assumed_is_of_its_own_account(key: str, account: str) -> None:
    headers = {**signed(key, "us-east-1", "s3"), "x-amz-security-token": f"{TOKEN}xyz"}
    assert caller_of(headers, "", DEFAULT).scope.account == account
    query = f"X-Amz-Credential={key}%2F20251121%2Feu-west-3%2Fs3%2Faws4_request&X-Amz-Security-Token={TOKEN}xyz"
    assert caller_of({}, query, DEFAULT).scope.account == account


@pytest.mark.parametrize(
    ("key", "token"), [("ASIARTX3GSDSWEF6WXGC", "IQoJb3JpZ2luX2Vj"), ("AKIARTX3GSDSWEF6WXGC", TOKEN)]
)
def test_keys_of_aws_itself_tell_no_account(key: str, token: str) -> None:
    headers = {**signed(key, "us-east-1", "s3"), "x-amz-security-token": token}
    assert caller_of(headers, "", DEFAULT).scope == DEFAULT
