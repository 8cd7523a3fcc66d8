"""Bodies that are signed chunk by chunk, beginning with the example that AWS prints."""

from __future__ import annotations

import hashlib
import hmac

import pytest

from lamina.environments.variables import Credentials
from lamina.errors import ApiError
from lamina.gateway.chunks import check_chunks
from lamina.gateway.signatures import Claim, sign

pytestmark = pytest.mark.anybody

# https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
KEY = Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
CLAIM = Claim(
    access_key=KEY.access_key_id,
    date="20130524",
    region="us-east-1",
    service="s3",
    terminator="aws4_request",
    signed_headers=("host",),
    signature="4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    time="20130524T000000Z",
    token="",
    expires_s=None,
    query=(),
)
BODY = b"".join(
    (
        b"10000;chunk-signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\n",
        b"a" * 65536,
        b"\r\n400;chunk-signature=0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497\r\n",
        b"a" * 1024,
        b"\r\n0;chunk-signature=b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9\r\n\r\n",
    )
)


def test_awss_own_example_is_right() -> None:
    check_chunks(BODY, CLAIM, KEY, trailer=False)


@pytest.mark.parametrize("at", [0, 30, 200, 65536 + 120, len(BODY) - 90, len(BODY) - 20])
def test_whatever_is_changed_is_noticed(at: int) -> None:
    forged = BODY[:at] + bytes((BODY[at] ^ 1,)) + BODY[at + 1 :]
    with pytest.raises(ApiError, match="does not match"):
        check_chunks(forged, CLAIM, KEY, trailer=False)


@pytest.mark.parametrize("body", [b"", BODY[:-100], BODY + b"more", BODY[65536 + 90 :], b"0" * 200])
def test_chunks_that_are_missing_or_too_many_are_noticed(body: bytes) -> None:
    with pytest.raises(ApiError, match="does not match"):
        check_chunks(body, CLAIM, KEY, trailer=False)


def test_trailers_are_signed_as_well() -> None:
    digest = hashlib.sha256(b"x-amz-checksum-crc32c:sOO8/Q==\n").hexdigest()
    last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9"
    text = f"AWS4-HMAC-SHA256-TRAILER\n{CLAIM.time}\n{CLAIM.scope}\n{last}\n{digest}"
    signature = sign(CLAIM, KEY, text).encode()
    trailer = b"x-amz-checksum-crc32c:sOO8/Q==\r\nx-amz-trailer-signature:" + signature + b"\r\n\r\n"
    check_chunks(BODY[:-2] + trailer, CLAIM, KEY, trailer=True)
    for forged in (trailer.replace(b"sOO8", b"sOO9"), b"", trailer.replace(signature, b"0" * 64)):
        with pytest.raises(ApiError):
            check_chunks(BODY[:-2] + forged, CLAIM, KEY, trailer=True)


def test_the_signing_key_is_the_one_that_is_documented() -> None:
    derived = b"AWS4" + KEY.secret_access_key.encode()
    for part in ("20130524", "us-east-1", "s3", "aws4_request", "text"):
        derived = hmac.digest(derived, part.encode(), "sha256")
    assert sign(CLAIM, KEY, "text") == derived.hex()
