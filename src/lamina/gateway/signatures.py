"""Signature Version 4, verified: by the Authorization header, or by the query of a presigned URL.

The texts are those of AWS's front door, which stands before every service. The hash of a payload is always that of the
bytes that came: Lambda takes neither unsigned nor streamed payloads, and answers both as any signature that is wrong.
S3 alone takes them, and signs paths as they were sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from lamina.environments.variables import Credentials
from lamina.errors import ApiError

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_TERMINATOR: Final = "aws4_request"
_SKEW: Final = timedelta(minutes=5)
_DATE: Final = re.compile(r"\d{8}T\d{6}Z", re.ASCII)
_SERVICE: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
_EXPIRES_S_MAX: Final = 604_800
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
# A path in which there is nothing to normalise or to encode.
_PLAIN: Final = re.compile(r"(?:/[\w~-][\w.~-]*)+/?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Signed:
    """A request as it was signed: `path` and `query` undecoded, header names in lower case, a digest in hex."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    payload_sha256: str


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature."""

    access_key: str
    date: str
    region: str
    service: str
    terminator: str
    signed_headers: tuple[str, ...]
    signature: str
    time: str
    token: str
    expires_s: int | None  # of a presigned URL
    query: tuple[tuple[str, str], ...]  # to be signed, decoded

    @property
    def is_s3(self) -> bool:
        return self.service == "s3"

    @property
    def scope(self) -> str:
        return f"{self.date}/{self.region}/{self.service}/{self.terminator}"


def verify(request: Signed, key: Credentials, now: datetime) -> None:
    """Returns if *request* was signed with *key* about *now*. Raises ApiError, in AWS's words, for everything else."""
    claim = claim_of(request.headers, request.query)
    check_claim(claim, request.headers, key, now)
    check_signature(claim, request, key)


def claim_of(headers: Mapping[str, str], query: str) -> Claim:
    """What a request with *headers* and *query* says of its signature. Raises ApiError where it says nothing whole."""
    pairs = tuple(_decoded(query)) if query else ()
    authorization = headers.get("authorization")
    if authorization is not None:
        return _from_header(headers, authorization, pairs)
    named = dict(pairs)
    if "X-Amz-Algorithm" in named or "X-Amz-Signature" in named:
        return _from_query(named, pairs)
    if "AWSAccessKeyId" in named:
        raise _of_version_2()
    raise ApiError("MissingAuthenticationTokenException", 403, "Missing Authentication Token", None)


def is_signed(headers: Mapping[str, str], query: str) -> bool:
    """Whether a request says that it is signed, in this way: an Authorization may be anything else as well."""
    return headers.get("authorization", "").startswith(_ALGORITHM) or "X-Amz-Signature=" in query


def check_claim(claim: Claim, headers: Mapping[str, str], key: Credentials, now: datetime) -> None:
    """Raise ApiError if *claim* cannot be good with *key* at *now*, whatever its signature is."""
    known = hmac.compare_digest(claim.access_key.encode(), key.access_key_id.encode())
    if not (known and hmac.compare_digest(claim.token.encode(), key.session_token.encode())):
        raise unrecognized()
    if claim.terminator != _TERMINATOR:
        raise _invalid(
            f"Credential should be scoped with a valid terminator: '{_TERMINATOR}', not '{claim.terminator}'."
        )
    if claim.date != claim.time[:8]:
        raise _invalid(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: "
            f"'{claim.date}' != '{claim.time[:8]}', from '{claim.time}'."
        )
    _check_clock(claim, now)
    if "host" not in claim.signed_headers:
        raise _invalid("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
    for name in headers:
        # They tell what is asked for, and by whom; what every client leaves out begins with x-amzn-.
        if name.startswith("x-amz-") and name not in claim.signed_headers:
            raise _invalid(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")


def check_signature(claim: Claim, request: Signed, key: Credentials) -> None:
    """Raise ApiError unless the signature of *claim* is that of *request* with *key*."""
    canonical = hashlib.sha256(_canonical(request, claim)).hexdigest()
    text = f"{_ALGORITHM}\n{claim.time}\n{claim.scope}\n{canonical}"
    if not hmac.compare_digest(sign(claim, key, text).encode(), claim.signature.encode()):
        raise mismatch()


def sign(claim: Claim, key: Credentials, text: str) -> str:
    """The signature, in hex, of *text* with *key* in the scope of *claim*."""
    return hmac.digest(
        _signing_key(key.secret_access_key, claim.date, claim.region, claim.service), text.encode(), "sha256"
    ).hex()


# A day's, of a user in a region: four fifths of the work on a signature.
@lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    derived = f"AWS4{secret}".encode()
    for part in (date, region, service, _TERMINATOR):
        derived = hmac.digest(derived, part.encode(), "sha256")
    return derived


def _from_header(headers: Mapping[str, str], authorization: str, query: tuple[tuple[str, str], ...]) -> Claim:
    algorithm, _, rest = authorization.partition(" ")
    if algorithm == "AWS":
        raise _of_version_2()
    if algorithm != _ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{algorithm}'.")
    listed = [part.partition("=") for part in rest.split(",")]
    parts = {name.strip(): value.strip() for name, _, value in listed}
    time = headers.get("x-amz-date") or headers.get("date") or ""
    wrong = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not time:
        wrong.append("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.")
    if wrong:
        shown = base64.b64encode(hashlib.sha256(authorization.encode("latin-1")).digest()).decode()
        raise _incomplete(f"{' '.join(wrong)} (Hashed with SHA-256 and encoded with Base64) Authorization={shown}")
    if set(parts) != {"Credential", "SignedHeaders", "Signature"} or listed[0][0].strip() != "Credential":
        # Whoever is asked behind us reads the service in what stands first.
        raise _incomplete("Authorization header takes 'Credential', 'SignedHeaders' and 'Signature', in this order.")
    if len(parts) < len(listed):
        raise _incomplete("Authorization header has a parameter twice.")
    return Claim(
        *_credential(parts["Credential"]),
        tuple(parts["SignedHeaders"].split(";")),
        parts["Signature"],
        _time(time),
        headers.get("x-amz-security-token", ""),
        None,
        query,
    )


def _from_query(named: Mapping[str, str], query: tuple[tuple[str, str], ...]) -> Claim:
    wrong = [
        f"AWS query-string parameters must include '{name}'."
        for name in ("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Signature", "X-Amz-SignedHeaders", "X-Amz-Date")
        if not named.get(name)
    ]
    if wrong:
        raise _incomplete(f"{' '.join(wrong)} Re-examine the query-string parameters.")
    if named["X-Amz-Algorithm"] != _ALGORITHM:
        raise _incomplete(f"Unsupported AWS 'algorithm': '{named['X-Amz-Algorithm']}'.")
    expires = named.get("X-Amz-Expires", "300")
    if not (expires.isascii() and expires.isdigit() and len(expires) < 10 and int(expires) <= _EXPIRES_S_MAX):
        raise _invalid(f"X-Amz-Expires must be a number of seconds, and at most a week: {_EXPIRES_S_MAX}.")
    if len(named) < len(query) and any(
        name.startswith("X-Amz-") and sum(each == name for each, _ in query) > 1 for name in named
    ):
        raise _incomplete("AWS query-string parameters must not be there twice.")
    return Claim(
        *_credential(named["X-Amz-Credential"]),
        tuple(named["X-Amz-SignedHeaders"].split(";")),
        named["X-Amz-Signature"],
        _time(named["X-Amz-Date"]),
        named.get("X-Amz-Security-Token", ""),
        int(expires),
        tuple(pair for pair in query if pair[0] != "X-Amz-Signature"),
    )


def _credential(text: str) -> tuple[str, str, str, str, str]:
    parts = text.split("/")
    if len(parts) != 5:
        raise _incomplete(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, "
            f"got '{text}'"
        )
    key, date, region, service, terminator = parts
    if _SERVICE.fullmatch(service) is None:
        raise _invalid(f"Credential should be scoped to correct service, not '{service}'.")
    return key, date, region, service, terminator


def _time(text: str) -> str:
    if _DATE.fullmatch(text) is None:
        raise _incomplete(
            f"Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
        )
    return text


def _check_clock(claim: Claim, now: datetime) -> None:
    text = claim.time
    try:
        # What strptime does takes it longer than all the hashing.
        day = int(text[:4]), int(text[4:6]), int(text[6:8])
        signed = datetime(*day, int(text[9:11]), int(text[11:13]), int(text[13:15]), tzinfo=UTC)
    except ValueError:
        raise _incomplete(f"Date must be in ISO-8601 'basic format'. Got '{claim.time}'.") from None
    if signed - now > _SKEW:
        latest = f"{_basic(now + _SKEW)} ({_basic(now)} + 5 min.)"
        raise _invalid(f"Signature not yet current: {claim.time} is still later than {latest}")
    if claim.expires_s is not None:
        ends = signed + timedelta(seconds=claim.expires_s)
        if now > ends:
            raise _invalid(f"Signature expired: {_basic(ends)} is now earlier than {_basic(now)}")
    elif now - signed > _SKEW:
        earliest = f"{_basic(now - _SKEW)} ({_basic(now)} - 5 min.)"
        raise _invalid(f"Signature expired: {claim.time} is now earlier than {earliest}")


def _basic(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def _canonical(request: Signed, claim: Claim) -> bytes:
    names = claim.signed_headers
    lines = [f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names]
    pairs = sorted((_encoded(name), _encoded(value)) for name, value in claim.query)
    return "\n".join(
        (
            request.method,
            request.path if claim.is_s3 or _PLAIN.fullmatch(request.path) else quote(_normal(request.path), safe="/~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *lines,
            "",
            ";".join(names),
            _payload(request, claim),
        )
    ).encode("latin-1")


def _payload(request: Signed, claim: Claim) -> str:
    """What stands for the payload: the digest of what came, unless S3 is asked not to look at it."""
    if not claim.is_s3:
        return request.payload_sha256
    told = request.headers.get("x-amz-content-sha256", _UNSIGNED if claim.expires_s is not None else "")
    return told if told == _UNSIGNED or told.startswith("STREAMING-") else request.payload_sha256


def _normal(path: str) -> str:
    """*path* without empty and dot segments, as RFC 3986 takes them out."""
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    ends = "/" if kept and path.endswith("/") else ""
    return f"/{'/'.join(kept)}{ends}"


def _decoded(query: str) -> list[tuple[str, str]]:
    pairs = (part.partition("=") for part in query.split("&") if part)
    return [(_plain(name), _plain(value)) for name, _, value in pairs]


def _plain(text: str) -> str:
    # Bytes, not characters: what was encoded need be no UTF-8.
    return unquote_to_bytes(text.encode("latin-1")).decode("latin-1")


def _encoded(text: str) -> str:
    return quote(text.encode("latin-1"), safe="-_.~")


def mismatch() -> ApiError:
    """AWS's error about a signature that is not that of the request."""
    return _invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret "
        "Access Key and signing method. Consult the service documentation for details."
    )


def _of_version_2() -> ApiError:
    # S3's error of regions that never knew version 2; what to do is ours.
    return ApiError(
        "InvalidRequest",
        400,
        "The authorization mechanism you have provided is not supported. Please use AWS4-HMAC-SHA256: "
        "`aws configure set default.s3.signature_version s3v4`, or Config(signature_version='s3v4') with boto3.",
        None,
    )


def _invalid(message: str) -> ApiError:
    return ApiError("InvalidSignatureException", 403, message, None)


def _incomplete(message: str) -> ApiError:
    return ApiError("IncompleteSignatureException", 403, message, None)


def unrecognized() -> ApiError:
    """AWS's error about a key that nobody has."""
    return ApiError("UnrecognizedClientException", 403, "The security token included in the request is invalid.", None)
