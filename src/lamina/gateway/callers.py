"""Who calls, as the request claims it: the account by the access key, the region by the credential's scope.

Signatures are not verified here. Without accounts, whoever reaches the server's socket may call it in any account's
name, as with every emulator. With accounts the guard verifies; the listener inside of environments always does.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lamina.names import Scope
from lamina.wire import parse_query

if TYPE_CHECKING:
    from lamina.accounts import Identity

# access key / date / region / service / aws4_request; SigV4a's has no region.
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d{8}/(?:([^/,\s]+)/)?([^/,\s]+)/aws4_request")
_ACCOUNT = re.compile(r"\d{12}", re.ASCII)
# A key for a while, of a role in some account: that account's number stands in it, halved, behind a bit that is set.
_TEMPORARY = re.compile(r"ASIA([A-Z2-7]{8})([A-Z2-7])[A-Z2-7]{7}", re.ASCII)
_ACCOUNT_BIT = 1 << 39
# How moto's tokens begin, and AWS's of today do not: AWS's own keys say nothing here, as they never did.
_OUR_TOKEN = "FQoGZXIvYXdz"
_REGION = re.compile(r"(eusc-)?[a-z]{2}(-gov|-iso[a-z]?)?-[a-z]+-\d", re.ASCII)


@dataclass(frozen=True, slots=True)
class Caller:
    """The scope to answer in; `service` is what the request was signed for, None where it was not signed.

    `identity` is whose key it was signed with, where the server has accounts.
    """

    scope: Scope
    service: str | None
    identity: Identity | None = None


def caller_of(headers: Mapping[str, str], query: str, default: Scope) -> Caller:
    """The caller by the Authorization header or the *query* of a presigned URL; *default* for what neither says.

    An access key of 12 digits is the account's id; one of a role that was assumed here is of the role's account; any
    other belongs to the default account. A region that is none
    (a tool's "local") is the default one, because it could not stand in an ARN.
    """
    credential = headers.get("authorization")
    token = headers.get("x-amz-security-token", "")
    if not credential:
        if not query:
            return Caller(default, None)
        presigned = parse_query(query)
        credential = f"Credential={presigned.get('X-Amz-Credential', [''])[0]}"
        token = presigned.get("X-Amz-Security-Token", [""])[0]
    match = _CREDENTIAL.search(credential)
    if match is None:
        return Caller(default, None)
    key, region, service = match.groups()
    account = account_of(key, default.account, token)
    return Caller(Scope(account, region_of(region, default)), service)


def region_of(claimed: str | None, default: Scope) -> str:
    """The region *claimed*, or that of *default* where it is none."""
    return claimed if claimed and _REGION.fullmatch(claimed) else default.region


def account_of(access_key: str, default: str, token: str = "") -> str:
    """The account that *access_key*, used with a session's *token*, stands for; *default* where it tells none."""
    if _ACCOUNT.fullmatch(access_key):
        return access_key
    if not token.startswith(_OUR_TOKEN) or (found := _TEMPORARY.fullmatch(access_key)) is None:
        return default
    half = int.from_bytes(base64.b32decode(found[1]), "big") - _ACCOUNT_BIT
    # Whether the number was odd is told by which half of the alphabet the next letter is of.
    number = half * 2 + (found[2] >= "Q" or found[2].isdigit())
    return f"{number:012d}" if 0 <= number < 10**12 else default
