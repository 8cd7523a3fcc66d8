"""What is asked of the companions and what they answer, and how both travel between the two processes.

Each question has a connection of its own. It is a head, in JSON behind its length, and the body up to the end of what
is sent; so is the answer. Each head says how long its body is, so that one cut short is noticed.
"""

from __future__ import annotations

import json
import struct
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

LENGTH: Final = struct.Struct("!I")
# Names which account a question is in; moto's own.
ACCOUNT_HEADER: Final = "x-moto-account-id"
TRACE_HEADER: Final = "x-amzn-trace-id"


@dataclass(frozen=True, slots=True)
class Question:
    """A request as it came in: `target` undecoded, with its query; names of headers in lower case; `body` in pieces."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: Sequence[bytes | bytearray] = ()

    @property
    def head(self) -> dict[str, Any]:
        """All of it but the body, as it is sent."""
        length = sum(len(piece) for piece in self.body)
        return {"method": self.method, "target": self.target, "headers": list(self.headers), "length": length}

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    def header(self, name: str) -> str | None:
        """The value of the header *name*, which is in lower case."""
        return next((value for each, value in self.headers if each == name), None)


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer: `length` bytes of body, all there or coming in pieces. Of one to HEAD, as long as GET's would be."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes | AsyncIterator[bytes]
    length: int

    async def whole(self) -> bytes:
        """All of the body."""
        if isinstance(self.body, AsyncIterator):
            return b"".join([piece async for piece in self.body])
        return self.body


@dataclass(frozen=True, slots=True)
class Trigger:
    """That `function`, an ARN, is to be invoked with `event`, JSON text, by `service` on behalf of `source`.

    `service` is the principal that the function's policy has to let in; `source` the ARN of the topic, bucket or rule,
    which is of `account`; `trace` the header X-Amzn-Trace-Id of the request that was the cause, if it had one.
    """

    function: str
    service: str
    source: str
    account: str
    event: str
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Arrival:
    """That there may be something to receive from `queue`, an ARN, from `at` on, in seconds since the epoch."""

    queue: str
    at: float


def packed(head: dict[str, Any]) -> bytes:
    """*head* as it is sent."""
    text = json.dumps(head).encode()
    return LENGTH.pack(len(text)) + text
