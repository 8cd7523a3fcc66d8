"""Where functions answer for custom resources: one address for each request, which nobody else can know."""

from __future__ import annotations

import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "/_lamina/stacks/"
# AWS takes 4,096 bytes; whoever has more is told it sooner by AWS than by us.
BYTES_MAX = 64 * 1024
_TOKEN_BYTES = 24


@dataclass(slots=True)
class _Awaited:
    came: threading.Event = field(default_factory=threading.Event)
    answer: Mapping[str, Any] | None = None


class Answers:
    """Gives out addresses, and takes what is sent there. For any thread.

    *base* is where functions reach this server; None where they reach it as everybody does.
    """

    def __init__(self, base: str | None) -> None:
        self._base = base
        self._awaited: dict[str, _Awaited] = {}
        self._closed = False

    def expect(self, endpoint: str) -> tuple[str, str]:
        """A token, and the address for its answer, of a server that everybody else reaches at *endpoint*."""
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._awaited[token] = _Awaited()
        return token, f"{self._base or endpoint}{PREFIX}{token}"

    def wait(self, token: str, seconds: float) -> Mapping[str, Any] | None:
        """What was answered to *token*, which is good for nothing any more; None if nothing came for that long."""
        awaited = self._awaited[token]
        try:
            if self._closed or not awaited.came.wait(seconds):
                return None
            return awaited.answer
        finally:
            self._awaited.pop(token, None)

    def take(self, path: str, body: bytes) -> bool:
        """Whether anybody waits for the answer *body* that was sent to *path*."""
        awaited = self._awaited.get(path.removeprefix(PREFIX))
        if awaited is None:
            return False
        try:
            answer = json.loads(body)
        except ValueError:
            answer = None
        awaited.answer = answer if isinstance(answer, dict) else {"Status": "FAILED", "Reason": "Invalid response"}
        awaited.came.set()
        return True

    def close(self) -> None:
        """Have nobody wait any longer."""
        self._closed = True
        for awaited in list(self._awaited.values()):
            awaited.came.set()
