"""AWS's front door speaks differently before S3 and before the query protocol: its refusals in those words. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from lamina.errors import ApiError

_IN_QUERIES: Final = {
    "UnrecognizedClientException": "InvalidClientTokenId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "IncompleteSignatureException": "IncompleteSignature",
    "MissingAuthenticationTokenException": "MissingAuthenticationToken",
    "ExpiredTokenException": "ExpiredToken",
    "AccessDeniedException": "AccessDenied",
    "ThrottlingException": "Throttling",
}
_TO_S3: Final = {
    "UnrecognizedClientException": (
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    "InvalidSignatureException": ("SignatureDoesNotMatch", None),
    "IncompleteSignatureException": ("AuthorizationHeaderMalformed", None),
    "MissingAuthenticationTokenException": ("AccessDenied", "Access Denied"),
    "ExpiredTokenException": ("ExpiredToken", "The provided token has expired."),
    "AccessDeniedException": ("AccessDenied", None),
    "ThrottlingException": ("SlowDown", "Please reduce your request rate."),
}


def worded(error: ApiError, service: str | None, headers: Mapping[str, str]) -> ApiError:
    """*error* as *service* has it, by the name that requests are signed for."""
    if service == "s3":
        code, message = _TO_S3.get(error.code, (error.code, None))
        expired = message is None and error.message.startswith(("Signature expired", "Signature not yet"))
        return ApiError("RequestTimeTooSkewed" if expired else code, error.status, message or error.message, error.kind)
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return ApiError(_IN_QUERIES.get(error.code, error.code), error.status, error.message, "Sender")
    return error
