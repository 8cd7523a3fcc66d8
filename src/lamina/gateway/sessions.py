"""Keys for a while, as STS hands them out: whose they are, and until when.

They are kept in memory only: after a restart of the server they are asked for anew, as when they have expired. A
session is never good for more than the user is who asked for it, in no other account, and ends with that user.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from html import unescape
from typing import Final

from lamina.accounts import Identity
from lamina.environments.variables import Credentials

# The oldest go for new ones beyond this.
_KEPT_MAX: Final = 100_000


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
    """All that were handed out since the server began."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[str, Session] = OrderedDict()

    def find(self, access_key: str) -> Session | None:
        """The session of which *access_key* is the key, also when its time is over."""
        return self._sessions.get(access_key)

    def note(self, answer: bytes, holder: Identity) -> None:
        """Keep the credentials that an *answer* of STS holds, if it does, for *holder*, who asked."""
        session = _session(answer.decode("utf-8", "replace"), holder)
        if session is not None:
            self._sessions[session.key.access_key_id] = session
            if len(self._sessions) > _KEPT_MAX:
                self._sessions.popitem(last=False)


def _session(answer: str, holder: Identity) -> Session | None:
    credentials, end, _ = answer.partition("<Credentials>")[2].partition("</Credentials>")
    found = {name: unescape(value) for name, value in _MEMBER.findall(credentials)}
    if not end or not {"AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration"} <= found.keys():
        return None
    try:
        expires = datetime.fromisoformat(found["Expiration"])
    except ValueError:
        return None
    key = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    arn, holder_id = _ARN.search(answer), _ID.search(answer)
    return Session(
        key,
        holder.account,
        holder.user,
        holder.arn if arn is None else unescape(arn[1]),
        holder.id if holder_id is None else unescape(holder_id[1]),
        expires,
    )


_MEMBER: Final = re.compile(r"<(\w+)>([^<]*)</\1>")
_ARN: Final = re.compile(r"<Arn>([^<]*)</Arn>")
_ID: Final = re.compile(r"<(?:AssumedRoleId|FederatedUserId)>([^<]*)</")
