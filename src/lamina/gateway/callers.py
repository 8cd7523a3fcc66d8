"""Who calls, as the request claims it: the account by the access key, the region by the credential's scope.

Signatures are not verified here. Whoever reaches the server's socket may call it in any account's name, as with every
emulator; the listener that execution environments get is another one, and verifies.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lamina.names import Scope
from lamina.wire import parse_query

# access key / date / region / service / aws4_request; SigV4a's has no region.
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/(?:([^/,\s]+)/)?([^/,\s]+)/aws4_request")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
_REGION = re.compile(r"(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """The scope to answer in; `service` is what the request was signed for, None where it was not signed."""

    scope: Scope
    service: str | None


def caller_of(headers: Mapping[str, str], query: str, default: Scope) -> Caller:
    """The caller by the Authorization header or the *query* of a presigned URL; *default* for what neither says.

    An access key of 12 digits is the account's id, any other belongs to the default account. A region that is none
    (a tool's "local") is the default one, because it could not stand in an ARN.
    """
    credential = headers.get("authorization")
    if not credential:
        if not query:
            return Caller(default, None)
        credential = f"Credential={parse_query(query).get('X-Amz-Credential', [''])[0]}"
    match = _CREDENTIAL.search(credential)
    if match is None:
        return Caller(default, None)
    key, region, service = match.groups()
    account = account_of(key, default.account)
    return Caller(Scope(account, region if region and _REGION.fullmatch(region) else default.region), service)


def account_of(access_key: str, default: str) -> str:
    """The account that *access_key* stands for: itself, or else *default*."""
    return access_key if _ACCOUNT.fullmatch(access_key) else default
