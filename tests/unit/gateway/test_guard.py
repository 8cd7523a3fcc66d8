"""The guard before a server with accounts: whatever is changed of what botocore signed is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from lamina.accounts import AccessKey, AccountsFile, Policy, Register
from lamina.errors import ApiError
from lamina.gateway.failures import Failures
from lamina.gateway.guard import Guard
from lamina.gateway.messages import Request
from lamina.names import Scope

pytestmark = pytest.mark.anybody

DEFAULT = Scope("000000000000", "us-east-1")
ACCOUNT, OTHER = "111122223333", "444455556666"
KEY = AccessKey("AKIAEXAMPLEKEY000001", "a-secret-of-sixteen-and-more", "2026")
OTHERS = AccessKey("AKIAEXAMPLEKEY000002", "another-secret-of-sixteen", "2026")


@dataclass
class Kept:
    """Accounts without a file."""

    register: Register


GUARD = Guard(
    cast(
        AccountsFile,
        Kept(
            Register()
            .added(ACCOUNT, "admin", Policy.FULL, KEY, "o-a1b2c3d4e5")
            .added(OTHER, "admin", Policy.FULL, OTHERS, None)
        ),
    ),
    b"secret of sessions",
)


def signed(
    method: str = "POST",
    target: str = "/2015-03-31/functions/f/invocations?Qualifier=live",
    body: bytes = b'{"a": 1}',
    headers: dict[str, str] | None = None,
    *,
    auth: type[Any] = SigV4Auth,
    service: str = "lambda",
    **options: Any,
) -> Request:
    """A request as it arrives that botocore signed this moment."""
    request = AWSRequest(method, f"http://127.0.0.1:4566{target}", headers or {}, body)
    auth(Credentials(KEY.id, KEY.secret), service, "eu-west-1", **options).add_auth(request)
    url = urlsplit(str(request.prepare().url))
    arrived = {name.lower(): str(value) for name, value in request.headers.items()} | {"host": url.netloc}
    whole = url.path + (f"?{url.query}" if url.query else "")
    return Request(method, whole, arrived, keep_alive=True, pieces=[body], body_bytes=len(body))


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def check(request: Request, threads: Executor, ours: str | None = "lambda") -> None:
    asyncio.run(GUARD.check(request, GUARD.look(request, DEFAULT), threads, ours))


def test_a_caller_is_in_the_account_of_the_key(threads: Executor) -> None:
    request = signed()
    caller = GUARD.look(request, DEFAULT)
    assert caller.scope == Scope(ACCOUNT, "eu-west-1")
    assert caller.identity is not None
    assert caller.identity.arn == f"arn:aws:iam::{ACCOUNT}:user/admin"
    check(request, threads)
    assert (GUARD.organization(ACCOUNT), GUARD.organization(OTHER)) == ("o-a1b2c3d4e5", "")


PLACES = ("method", "target", "body", "authorization", "host", "x-amz-date", "x-amz-invocation-type")


@given(place=st.sampled_from(PLACES), at=st.integers(min_value=0), bit=st.integers(0, 6))
def test_whichever_byte_of_a_request_is_flipped_it_is_refused(place: str, at: int, bit: int) -> None:
    request = signed(headers={"X-Amz-Invocation-Type": "RequestResponse"})

    def flipped(text: str) -> str:
        where = at % len(text)
        return text[:where] + chr(ord(text[where]) ^ 1 << bit) + text[where + 1 :]

    if place == "method":
        request.method = flipped(request.method)
    elif place == "target":
        request = replace(request, target=flipped(request.target))
    elif place == "body":
        request.pieces = [flipped(bytes(request.pieces[0]).decode()).encode()]
    else:
        request.headers = {**request.headers, place: flipped(request.headers[place])}
        if request.headers[place].split() == signed().headers.get(place, "").split():
            # One kind of blank for another.
            return
    with ThreadPoolExecutor(1) as pool, pytest.raises(ApiError) as caught:
        check(request, pool)
    assert caught.value.status == 403


@pytest.mark.parametrize("header", ["x-amz-target", "x-amz-security-token", "x-amz-copy-source"])
def test_a_header_of_awss_that_was_not_signed_is_refused(header: str, threads: Executor) -> None:
    request = signed()
    request.headers = {**request.headers, header: "added"}
    with pytest.raises(ApiError):
        check(request, threads)


def test_a_key_of_another_account_does_not_sign_for_this_one(threads: Executor) -> None:
    request = signed()
    forged = request.headers["authorization"].replace(KEY.id, OTHERS.id)
    request.headers = {**request.headers, "authorization": forged}
    assert GUARD.look(request, DEFAULT).scope.account == OTHER
    with pytest.raises(ApiError, match="does not match"):
        check(request, threads)


@pytest.mark.parametrize(
    "authorization",
    [
        "{0}, Credential=" + OTHERS.id + "/20261121/eu-west-1/lambda/aws4_request",
        "AWS4-HMAC-SHA256 Credential=" + OTHERS.id + "/20261121/eu-west-1/lambda/aws4_request, {1}",
    ],
)
def test_a_credential_that_is_there_twice_is_neither(authorization: str, threads: Executor) -> None:
    request = signed()
    given_ = request.headers["authorization"]
    twice = authorization.format(given_, given_.partition(" ")[2])
    request.headers = {**request.headers, "authorization": twice}
    with pytest.raises(ApiError) as caught:
        check(request, threads)
    assert caught.value.code == "IncompleteSignatureException"


def test_what_s3_leaves_unsigned_is_not_left_so_to_others(threads: Executor) -> None:
    """The header that names an operation of another service must not lend S3's ease to it."""
    headers = {"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD", "X-Amz-Target": "Logs_20140328.DeleteLogGroup"}
    request = signed("POST", "/", b"{}", headers, service="s3", auth=SigV4Auth)
    check(request, threads, None)
    with pytest.raises(ApiError, match="Credential should be scoped to correct service: 'logs'"):
        check(request, threads, "logs")


def test_a_presigned_address_and_a_payload_for_s3_are_verified(threads: Executor) -> None:
    check(signed("GET", body=b"", auth=SigV4QueryAuth, expires=60), threads)
    upload = signed("PUT", "/b/a%20b//c", b"body", auth=S3SigV4Auth, service="s3")
    check(upload, threads, None)
    upload.pieces = [b"other"]
    with pytest.raises(ApiError) as caught:
        check(upload, threads, None)
    # In the words of S3.
    assert caught.value.code == "SignatureDoesNotMatch"


def test_chunks_for_s3_have_to_be_signed(threads: Executor) -> None:
    headers = {"X-Amz-Content-SHA256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "X-Amz-Decoded-Content-Length": "1"}
    body = b"1;chunk-signature=" + b"0" * 64 + b"\r\nx\r\n0;chunk-signature=" + b"0" * 64 + b"\r\n\r\n"
    with pytest.raises(ApiError, match="does not match"):
        check(signed("PUT", "/b/k", body, headers, auth=SigV4Auth, service="s3"), threads, None)


@pytest.mark.parametrize(
    ("method", "target", "is_open"),
    [
        ("GET", "/_lamina/health", True),
        ("PUT", "/_lamina/health", False),
        ("GET", "/_lamina/content/0a?Signature=x", True),
        ("GET", "/2018-10-31/layers", False),
        ("GET", "/_lamina/other", False),
        ("GET", "/", False),
    ],
)
def test_few_requests_need_no_signature(method: str, target: str, is_open: bool) -> None:
    request = Request(method, target, {"host": "h"}, keep_alive=True)
    assert GUARD.opens(request) is is_open
    refused = GUARD.refusal(request)
    assert (refused is None) is is_open
    assert refused is None or (refused.status, refused.code) == (403, "MissingAuthenticationTokenException")


def test_whose_key_or_clock_is_wrong_is_refused_before_the_body_is_there() -> None:
    request = signed()
    assert GUARD.refusal(request) is None
    request.headers = {**request.headers, "x-amz-date": "20200101T000000Z"}
    refused = GUARD.refusal(request)
    assert refused is not None
    assert refused.code == "InvalidSignatureException"


def limited(a_minute: int) -> Guard:
    return Guard(GUARD._accounts, b"secret of sessions", Failures(a_minute))


def refused(guard: Guard, request: Request, threads: Executor, ours: str | None = "lambda") -> tuple[int, str]:
    request.peer = "192.0.2.7"
    with pytest.raises(ApiError) as caught:
        asyncio.run(guard.check(request, guard.look(request, DEFAULT), threads, ours))
    return caught.value.status, caught.value.code


def test_an_address_that_is_wrong_too_often_is_told_to_wait_in_each_services_words(threads: Executor) -> None:
    guard = limited(2)
    for _ in range(2):
        assert refused(guard, replace(signed(), pieces=[b"{}"]), threads)[1] == "InvalidSignatureException"
    assert refused(guard, signed(), threads) == (429, "TooManyRequestsException")
    assert refused(guard, signed(service="ssm"), threads, None) == (429, "ThrottlingException")
    assert refused(guard, signed(service="s3", auth=S3SigV4Auth), threads, None) == (429, "SlowDown")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert refused(guard, signed(service="sns", headers=form), threads, None) == (429, "Throttling")
    large = signed()
    large.peer = "192.0.2.7"
    refusal = guard.refusal(large)
    assert refusal is not None
    assert (refusal.status, refusal.code) == (429, "TooManyRequestsException")
    elsewhere = signed()
    elsewhere.peer = "192.0.2.8"
    asyncio.run(guard.check(elsewhere, guard.look(elsewhere, DEFAULT), threads, "lambda"))


def test_large_bodies_by_keys_that_nobody_has_count_too(threads: Executor) -> None:
    guard = limited(3)
    for _ in range(3):
        unknown = signed()
        unknown.headers = {
            name: value.replace(KEY.id, "AKIANOBODYHASTHIS000") for name, value in unknown.headers.items()
        }
        unknown.peer = "192.0.2.7"
        refusal = guard.refusal(unknown)
        assert refusal is not None
        assert refusal.code == "UnrecognizedClientException"
    assert refused(guard, signed(), threads) == (429, "TooManyRequestsException")
