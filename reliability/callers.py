"""Many callers from one process: each has a connection of its own and calls again once it was answered."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

THROTTLED: Final = 429
# As long as an SDK waits at least, on the average, before it asks again.
_PAUSE_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Call:
    """How a call was answered: HTTP's status, AWS's reason where there is one, and milliseconds."""

    status: int
    reason: str | None
    ms: float


class Unanswered(AssertionError):
    """A call that came back with nothing."""


def crowd(endpoint: str, path: str, body: bytes, *, callers: int, seconds: float, event: bool = False) -> list[Call]:
    """POST *body* to *path* by so many *callers* at once for *seconds*; as an *event*, without waiting for its outcome.

    Who is turned away waits for a moment. Raises Unanswered, OSError.
    """
    address = urlsplit(endpoint)
    kind = "Event" if event else "RequestResponse"
    head = (
        f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nX-Amz-Invocation-Type: {kind}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    assert address.hostname is not None
    return asyncio.run(_crowd(address.hostname, address.port or 80, request, callers, seconds))


async def _crowd(host: str, port: int, request: bytes, callers: int, seconds: float) -> list[Call]:
    until = time.monotonic() + seconds
    answered = await asyncio.gather(*(_caller(host, port, request, until) for _ in range(callers)))
    return [call for calls in answered for call in calls]


async def _caller(host: str, port: int, request: bytes, until: float) -> list[Call]:
    calls = []
    reader, writer = await asyncio.open_connection(host, port)
    while time.monotonic() < until:
        began = time.perf_counter()
        writer.write(request)
        status, body, ends = await _answer(reader)
        calls.append(Call(status, _reason(body) if status >= 400 else None, (time.perf_counter() - began) * 1000))
        if ends:
            writer.close()
            reader, writer = await asyncio.open_connection(host, port)
        if status == THROTTLED:
            await asyncio.sleep(_PAUSE_S)
    writer.close()
    return calls


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """Status, body, and whether the connection ends with it."""
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        lines = head.split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    except asyncio.IncompleteReadError as error:
        raise Unanswered(f"the connection ended after {error.partial!r}") from error
    return int(lines[0].split(" ")[1]), body, headers.get("connection") == "close"


def _reason(body: bytes) -> str | None:
    told: dict[str, str] = json.loads(body)
    return told.get("Reason") or told.get("Type")


def percentile(values: Sequence[float], percent: float) -> float:
    """The value that *percent* of *values* do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] if ordered else 0.0
