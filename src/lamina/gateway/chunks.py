"""Bodies for S3 that are signed chunk by chunk: whether each signature goes on from the one before.

A chunk is `<size in hex>;chunk-signature=<hex>`, CRLF, its bytes, CRLF; the last is empty. Trailers behind it, where
the client said that there are some, are signed as one more.
https://docs.aws.amazon.com/AmazonS3/latest/API/sigv4-streaming.html
"""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import Final

from lamina.environments.variables import Credentials
from lamina.gateway.signatures import Claim, mismatch, sign

PREFIX: Final = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
WITH_TRAILER: Final = f"{PREFIX}-TRAILER"
_HEAD: Final = re.compile(rb"([0-9a-fA-F]{1,8});chunk-signature=([0-9a-f]{64})\r\n")
_TRAILER: Final = re.compile(rb"x-amz-trailer-signature:([0-9a-f]{64})", re.IGNORECASE)
_NOTHING: Final = hashlib.sha256(b"").hexdigest()


def check_chunks(body: bytes, claim: Claim, key: Credentials, *, trailer: bool) -> None:
    """Raise AWS's error unless *body* is chunks that are all signed with *key*, beginning with the head's signature."""
    before, at = claim.signature, 0
    while True:
        head = _HEAD.match(body, at)
        if head is None:
            raise mismatch()
        start, size = head.end(), int(head[1], 16)
        data = memoryview(body)[start : start + size]
        before = _next(claim, key, before, data, head[2])
        at = start + size
        if not size:
            break
        if body[at : at + 2] != b"\r\n":
            raise mismatch()
        at += 2
    rest = body[at:].strip(b"\r\n")
    if trailer:
        _check_trailer(rest, claim, key, before)
    elif rest:
        raise mismatch()


def _next(claim: Claim, key: Credentials, before: str, data: memoryview, signature: bytes) -> str:
    digest = hashlib.sha256(data).hexdigest()
    text = f"AWS4-HMAC-SHA256-PAYLOAD\n{claim.time}\n{claim.scope}\n{before}\n{_NOTHING}\n{digest}"
    return _same(sign(claim, key, text), signature)


def _check_trailer(lines: bytes, claim: Claim, key: Credentials, before: str) -> None:
    *trailers, last = lines.replace(b"\r\n", b"\n").split(b"\n")
    signature = _TRAILER.fullmatch(last.strip())
    if signature is None:
        raise mismatch()
    digest = hashlib.sha256(b"".join(b"%s\n" % each.strip() for each in trailers)).hexdigest()
    text = f"AWS4-HMAC-SHA256-TRAILER\n{claim.time}\n{claim.scope}\n{before}\n{digest}"
    _same(sign(claim, key, text), signature[1])


def _same(expected: str, signature: bytes) -> str:
    if not hmac.compare_digest(expected.encode(), signature):
        raise mismatch()
    return expected
