"""The page of metrics, and who may read it.

It names functions of every account, so that it is for whoever runs the server: a program on the same machine, or one
that knows the token that was set for it. A proxy on this machine asks for somebody else, and code in an environment
has no such page at all.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable

from lamina import errors
from lamina.gateway.messages import Answer, Request

PATH = "/_lamina/metrics"
# The text format of Prometheus.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_OF_PROXIES = ("forwarded", "via", "x-forwarded-for", "x-real-ip")


class MetricsPage:
    """What *text* gives, for those who show *token*; without one, for this machine alone."""

    def __init__(self, text: Callable[[], Awaitable[str]], token: str | None) -> None:
        self._text = text
        self._token = token

    async def answer(self, request: Request, request_id: str) -> Answer:
        """The page. Raises AccessDenied for those whom it is not for."""
        if not may_read(request, self._token):
            means = "LAMINA_METRICS_TOKEN holds" if self._token else "LAMINA_METRICS_TOKEN is to be set to"
            raise errors.access_denied(
                f"The metrics are for this machine, and for those who send the token that {means}, as "
                "'Authorization: Bearer TOKEN'."
            )
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", CONTENT_TYPE)]
        return Answer.whole(200, headers, (await self._text()).encode())


def may_read(request: Request, token: str | None) -> bool:
    """Whether the page is for whoever sent *request*. Where there is a *token*, everybody has to show it."""
    if token is not None:
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(shown.strip().encode(), token.encode())
    nearby = request.peer == "::1" or request.peer.removeprefix("::ffff:").startswith("127.")
    return nearby and not any(name in request.headers for name in _OF_PROXIES)
