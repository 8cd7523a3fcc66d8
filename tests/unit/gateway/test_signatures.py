"""Signatures: what botocore signs is accepted, and whatever is not that is refused in AWS's words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from lamina.environments.variables import Credentials
from lamina.errors import ApiError
from lamina.gateway.signatures import Signed, mismatch, verify

KEY = Credentials("ASIAEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", "a-token/with+signs==")
HOST = "http://169.254.100.1:4566"


def signed(
    method: str = "GET",
    target: str = "/2015-03-31/functions/",
    body: bytes = b"",
    key: Credentials = KEY,
    headers: dict[str, str] | None = None,
    auth: type[Any] = SigV4Auth,
    **options: Any,
) -> Signed:
    """A request as botocore signs it at this moment, the way it arrives."""
    request = AWSRequest(method, HOST + target, headers or {}, body)
    credentials = BotocoreCredentials(key.access_key_id, key.secret_access_key, key.session_token)
    auth(credentials, options.pop("service", "lambda"), "eu-west-1", **options).add_auth(request)
    url = urlsplit(request.prepare().url)
    arrived = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": url.netloc}
    return Signed(method, url.path, url.query, arrived, hashlib.sha256(body).hexdigest())


def refusal(request: Signed, now: datetime | None = None) -> ApiError:
    with pytest.raises(ApiError) as caught:
        verify(request, KEY, now or datetime.now(UTC))
    assert caught.value.status == 403
    return caught.value


@pytest.mark.parametrize(
    ("method", "target", "body"),
    [
        ("GET", "/2015-03-31/functions/", b""),
        ("POST", "/2015-03-31/functions/f/invocations?Qualifier=%24LATEST", b'{"a": 1}'),
        ("GET", "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aeu-west-1%3A000000000000%3Afunction%3Af/policy", b""),
        ("GET", "/2018-10-31/layers?MaxItems=5&Marker=a%2Bb%2F%3D%3D&CompatibleRuntime=python3.12", b""),
        ("DELETE", "/2017-03-31/tags/arn%3Aaws%3Alambda?tagKeys=z&tagKeys=a&tagKeys=%C3%A9%20x", b""),
        ("POST", "/", "é".encode()),
    ],
)
def test_what_botocore_signs_is_accepted_by_header_and_by_query(method: str, target: str, body: bytes) -> None:
    verify(signed(method, target, body), KEY, datetime.now(UTC))
    # botocore would move a body into the query.
    verify(signed(method, target, auth=SigV4QueryAuth, expires=60), KEY, datetime.now(UTC))


@pytest.mark.parametrize("target", ["/bucket/a%2Fb%20c/../d//e?versionId=1", "/", "/bucket/%C3%BC?uploads="])
def test_what_botocore_signs_for_s3_is_accepted_by_header_and_by_query(target: str) -> None:
    verify(signed("PUT", target, b"body", service="s3", auth=S3SigV4Auth), KEY, datetime.now(UTC))
    presigned = signed("GET", target, service="s3", auth=S3SigV4QueryAuth, expires=60)
    # Whatever is sent to such an address: its payload was not known when it was signed.
    verify(replace(presigned, payload_sha256="0" * 64), KEY, datetime.now(UTC))


@pytest.mark.parametrize("stands_for", ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"])
def test_s3_takes_payloads_that_are_not_signed(stands_for: str) -> None:
    request = signed("PUT", "/b/k", b"x", headers={"X-Amz-Content-SHA256": stands_for}, service="s3", auth=SigV4Auth)
    verify(replace(request, payload_sha256="0" * 64), KEY, datetime.now(UTC))


def test_a_payload_that_was_signed_for_s3_must_be_what_came() -> None:
    request = signed("PUT", "/bucket/key", b"body", service="s3", auth=S3SigV4Auth)
    assert refusal(replace(request, payload_sha256="0" * 64)).code == "InvalidSignatureException"


def test_header_values_count_without_the_blanks_around_and_between_their_words() -> None:
    request = signed(headers={"X-Amz-Client-Context": "a b"})
    spread = {**request.headers, "x-amz-client-context": "  a   b "}
    verify(replace(request, headers=spread), KEY, datetime.now(UTC))


def test_no_signature_is_a_missing_token() -> None:
    error = refusal(Signed("GET", "/", "", {"host": "x"}, ""))
    assert (error.code, error.message) == ("MissingAuthenticationTokenException", "Missing Authentication Token")


@pytest.mark.parametrize(
    "key",
    [
        replace(KEY, access_key_id="ASIASOMEBODYELSE"),
        replace(KEY, access_key_id="000000000000"),
        replace(KEY, session_token="another"),
        replace(KEY, session_token=""),
    ],
)
def test_somebody_elses_key_or_token_is_not_recognised(key: Credentials) -> None:
    error = refusal(signed(key=key))
    assert error.code == "UnrecognizedClientException"
    assert error.message == "The security token included in the request is invalid."


@pytest.mark.parametrize(
    "change",
    [
        {"method": "DELETE"},
        {"path": "/2015-03-31/functions/other"},
        {"query": "MaxItems=1"},
        {"payload_sha256": hashlib.sha256(b"other").hexdigest()},
    ],
)
def test_whatever_was_changed_after_signing_makes_the_signature_wrong(change: dict[str, Any]) -> None:
    error = refusal(replace(signed(), **change))
    assert error.code == "InvalidSignatureException"
    assert error.message.startswith("The request signature we calculated does not match the signature you provided.")


def test_a_wrong_secret_makes_the_signature_wrong() -> None:
    assert refusal(signed(key=replace(KEY, secret_access_key="other"))).code == "InvalidSignatureException"


@pytest.mark.parametrize("stands_for", ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"])
def test_payloads_that_are_not_signed_are_answered_as_wrong_signatures(stands_for: str) -> None:
    request = signed("POST", body=b"{}", headers={"X-Amz-Content-SHA256": stands_for})
    assert refusal(request).code == "InvalidSignatureException"


def test_a_clock_may_be_wrong_by_five_minutes_and_no_more() -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    request = signed()
    for minutes in (-4, 4):
        verify(request, KEY, now + timedelta(minutes=minutes))
    late = refusal(request, now + timedelta(minutes=6))
    assert late.code == "InvalidSignatureException"
    assert late.message.startswith("Signature expired: ")
    assert late.message.endswith(" - 5 min.)")
    early = refusal(request, now - timedelta(minutes=6))
    assert early.message.startswith("Signature not yet current: ")
    assert early.message.endswith(" + 5 min.)")


def test_a_presigned_address_is_good_until_it_expires() -> None:
    request = signed(auth=SigV4QueryAuth, expires=1800)
    verify(request, KEY, datetime.now(UTC) + timedelta(minutes=29))
    assert refusal(request, datetime.now(UTC) + timedelta(minutes=31)).message.startswith("Signature expired: ")


def test_half_a_header_is_incomplete() -> None:
    request = signed()
    for authorization, expected in {
        "AWS4-HMAC-SHA256": "Authorization header requires 'Credential' parameter.",
        "AWS4-ECDSA-P256-SHA256 Credential=a": "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256'.",
        "Bearer secret": "Unsupported AWS 'algorithm': 'Bearer'.",
        "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=0": "Credential must have exactly 5 slash-",
    }.items():
        error = refusal(replace(request, headers={**request.headers, "authorization": authorization}))
        assert error.code == "IncompleteSignatureException"
        assert error.message.startswith(expected)


@pytest.mark.parametrize(
    ("written", "instead", "code"),
    [
        # Whoever reads the first of them for the claim would read another one than we.
        ("Credential=", "X=a/b/us-east-1/iam/aws4_request, Credential=", "IncompleteSignatureException"),
        ("Signature=", "X=1, Signature=", "IncompleteSignatureException"),
        ("/lambda/aws4", "/LAMBDA/aws4", "InvalidSignatureException"),
        ("/lambda/aws4", "//aws4", "InvalidSignatureException"),
    ],
)
def test_there_is_one_way_to_write_a_claim(written: str, instead: str, code: str) -> None:
    request = signed()
    authorization = request.headers["authorization"].replace(written, instead)
    error = refusal(replace(request, headers={**request.headers, "authorization": authorization}))
    assert error.code == code
    assert error.message != mismatch().message


@pytest.mark.parametrize("date", ["", "yesterday", "20269999T999999Z", "2026-11-21T00:00:00Z"])
def test_a_date_that_is_none_is_incomplete(date: str) -> None:
    request = signed()
    scope = request.headers["authorization"].replace(request.headers["x-amz-date"][:8], date[:8] or "20261121")
    headers = {**request.headers, "x-amz-date": date, "authorization": scope}
    assert refusal(replace(request, headers=headers)).code == "IncompleteSignatureException"


def test_a_signature_that_leaves_the_host_out_is_refused() -> None:
    request = signed()
    without = request.headers["authorization"].replace("SignedHeaders=host;", "SignedHeaders=")
    error = refusal(replace(request, headers={**request.headers, "authorization": without}))
    assert error.message == "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."
