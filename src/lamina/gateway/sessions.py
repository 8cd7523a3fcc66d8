"""Keys for a while, as STS hands them out: whose they are, and until when, which they say themselves.

A session's token is what there is to know of it, sealed with a secret of this server's; its key's secret follows from
both. So nothing is kept of the sessions, there is no bound on them, and a server that is started again knows them. A
session is never good for more than the user is who asked for it, in no other account, and ends with that user.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from html import escape, unescape
from typing import Final

from lamina.accounts import Identity
from lamina.environments.variables import Credentials

# What all tokens of STS begin with, those that a companion made, too.
_PREFIX: Final = "FQoGZXIvYXdzE"
_SEAL_BYTES: Final = hashlib.sha256().digest_size
_SECRET_LETTERS: Final = 40
# What is sealed and what secrets follow from are two things.
_SEALED, _KEYED = b"session\0", b"secret access key\0"
_MEMBER: Final = re.compile(r"<(\w+)>([^<]*)</\1>")
_IDENTITY: Final = "<GetCallerIdentityResult>"
_ARN: Final = re.compile(r"<Arn>([^<]*)</Arn>")
_ID: Final = re.compile(r"<(?:AssumedRoleId|FederatedUserId)>([^<]*)</")


@dataclass(frozen=True, slots=True)
class Session:
    """A key for a while. `arn` and `id` are what AWS calls its holder; `account` and `user` are whoever asked."""

    key: Credentials = field(repr=False)
    account: str
    user: str
    arn: str
    id: str
    expires: datetime


class Sessions:
    """All that were handed out by a server with this *secret*."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def find(self, access_key: str, token: str) -> Session | None:
        """The session that *token* tells of, also when its time is over; None unless *access_key* is its key."""
        try:
            sealed = base64.urlsafe_b64decode(token.removeprefix(_PREFIX).encode())
        except (binascii.Error, ValueError):
            return None
        seal, told = sealed[:_SEAL_BYTES], sealed[_SEAL_BYTES:]
        # Of one session there is one token, however leniently base64 is read.
        if not hmac.compare_digest(seal, self._digest(_SEALED, told)) or token != _token(seal, told):
            return None
        known, account, user, arn, holder_id, expires = json.loads(told)
        if known != access_key:
            return None
        key = Credentials(access_key, self._secret_key(told), token)
        return Session(key, account, user, arn, holder_id, datetime.fromisoformat(expires))

    def begun(self, answer: bytes, holder: Identity) -> bytes:
        """*answer* of STS to *holder* with credentials of ours in the place of those in it, if it has any.

        Who asks STS who he is, is told that he is *holder*.
        """
        text = answer.decode("utf-8", "replace")
        if _IDENTITY in text:
            for name, value in (("Arn", holder.arn), ("UserId", holder.id)):
                before, begin, rest = text.partition(f"<{name}>")
                text = f"{before}{begin}{escape(value)}{rest[rest.find('</') :]}"
            return text.encode()
        before, begin, rest = text.partition("<Credentials>")
        credentials, end, after = rest.partition("</Credentials>")
        found = {name: unescape(value) for name, value in _MEMBER.findall(credentials)}
        if not end or not {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= found.keys():
            return answer
        arn, holder_id = _ARN.search(text), _ID.search(text)
        told = json.dumps(
            [
                found["AccessKeyId"],
                holder.account,
                holder.user,
                holder.arn if arn is None else unescape(arn[1]),
                holder.id if holder_id is None else unescape(holder_id[1]),
                datetime.fromisoformat(found["Expiration"]).isoformat(),
            ]
        ).encode()
        ours = {
            "SecretAccessKey": self._secret_key(told),
            "SessionToken": _token(self._digest(_SEALED, told), told),
        }
        for name, value in ours.items():
            credentials = re.sub(f"<{name}>[^<]*</{name}>", f"<{name}>{value}</{name}>", credentials)
        return f"{before}{begin}{credentials}{end}{after}".encode()

    def _secret_key(self, told: bytes) -> str:
        return base64.b64encode(self._digest(_KEYED, told)).decode()[:_SECRET_LETTERS]

    def _digest(self, purpose: bytes, told: bytes) -> bytes:
        return hmac.digest(self._secret, purpose + told, "sha256")


def _token(seal: bytes, told: bytes) -> str:
    return _PREFIX + base64.urlsafe_b64encode(seal + told).decode()
