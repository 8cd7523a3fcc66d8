"""Downloads of archives: addresses that are signed, expire, and need no credentials, as S3's presigned ones.

    http://127.0.0.1:4566/_lamina/content/<digest>?Expires=<seconds since the epoch>&Signature=<hex>

The signature covers the digest and the time. The host is the one the caller asked for, so that the address works
wherever the question came from: another machine, a container, a tunnel.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from lamina.names import Digest
from lamina.operations.call import Call
from lamina.store import BlobMissing, Blobs

PREFIX = "/_lamina/content/"
VALID_S = 600


@dataclass(frozen=True, slots=True)
class Download:
    """The answer to a download: `length` bytes in `chunks`, which is lazy where the bytes are many."""

    status: int
    headers: Mapping[str, str]
    length: int
    chunks: Iterator[bytes]


class Contents:
    """Makes addresses of archives, and answers them. *now* gives seconds since the epoch."""

    def __init__(self, blobs: Blobs, secret: bytes, now: Callable[[], float]) -> None:
        self._blobs = blobs
        self._secret = secret
        self._now = now

    def location(self, call: Call, digest: Digest) -> str:
        """Where whoever has this address can download the archive for the next ten minutes."""
        expires = str(int(self._now()) + VALID_S)
        query = urlencode({"Expires": expires, "Signature": self._signature(digest.hex, expires)})
        return f"{call.endpoint}{PREFIX}{digest.hex}?{query}"

    def download(self, path: str, query: Mapping[str, str]) -> Download:
        """The archive that *path* names, if *query* holds what `location` put there; else S3's error for it."""
        name, expires = path.removeprefix(PREFIX), query.get("Expires", "")
        signature = self._signature(name, expires)
        if not hmac.compare_digest(signature.encode(), query.get("Signature", "").encode("utf-8", "replace")):
            return _refusal(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided.",
            )
        # Signed by us: so it is a number, and the name is a digest.
        if int(expires) < self._now():
            return _refusal(403, "AccessDenied", "Request has expired")
        digest = Digest.from_hex(name)
        try:
            length = self._blobs.size(digest)
            chunks = self._blobs.stream(digest)
        except BlobMissing:
            return _refusal(404, "NoSuchKey", "The specified key does not exist.")
        return Download(200, {"Content-Type": "application/zip", "ETag": f'"{digest.hex}"'}, length, chunks)

    def _signature(self, name: str, expires: str) -> str:
        signed = f"content\n{name}\n{expires}".encode("utf-8", "replace")
        return hmac.new(self._secret, signed, hashlib.sha256).hexdigest()


def _refusal(status: int, code: str, message: str) -> Download:
    body = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    ).encode()
    return Download(status, {"Content-Type": "application/xml"}, len(body), iter((body,)))
