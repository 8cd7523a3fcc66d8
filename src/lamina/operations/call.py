"""Who called, and how: what every operation's handler gets besides the request's members."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from lamina.layers.policies import ANY_ORGANIZATION
from lamina.names import Scope
from lamina.values import dataclass


@dataclass(frozen=True, slots=True)
class Call:
    """One request as the gateway understood it.

    `endpoint` is the scheme and the request's own Host ("http://127.0.0.1:4566", no slash at the end), so that
    addresses handed out work for whoever asked. `headers` has lower-case names. `inside`: code in an execution
    environment asked, whose account may do what it likes, but not in the name of whoever runs this server.
    `organization` is the one that the account is a member of: empty for none, and whichever a policy names where the
    server has no accounts.
    """

    request_id: str
    scope: Scope
    endpoint: str
    headers: Mapping[str, str]
    inside: bool = False
    organization: str = ANY_ORGANIZATION

    @property
    def has_account(self) -> bool:
        """Whether the account is one that the server keeps, and so is not simply whoever runs it."""
        return self.organization != ANY_ORGANIZATION


Parameters = Mapping[str, Any]
Output = Mapping[str, Any]
# A plain function runs in the gateway's threads; a coroutine function is awaited on its loop.
Handler = Callable[[Call, Parameters], Output | Awaitable[Output]]
