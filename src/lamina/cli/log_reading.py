"""Reads a log group through the CloudWatch Logs API: once, or on and on, every event once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

Event = Mapping[str, Any]
Search = Callable[[int], Iterator[Event]]

_AGO: Final = re.compile(r"(\d{1,9})([smhdw])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
# An event may come in this much after one with a later time: of another environment, or when the disk was slow.
_LATE_MS: Final = 15_000
_LOOK_EVERY_S: Final = 0.5


def moment_ms(text: str, now_ms: int) -> int:
    """The moment that *text* means, in milliseconds since 1970: "5m" ago, or a time by ISO 8601; ValueError else.

    A time without an offset is UTC.
    """
    match = _AGO.fullmatch(text)
    if match is not None:
        return max(0, now_ms - int(match[1]) * _UNIT_S[match[2]] * 1000)
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0, int(moment.timestamp() * 1000))


def follow(
    search: Search, since_ms: int, wait: Callable[[float], None] = time.sleep, look_every_s: float = _LOOK_EVERY_S
) -> Iterator[Event]:
    """Every event from *since_ms* on, once, and without end: *search* gives those of a time and later."""
    seen: dict[str, int] = {}
    latest_ms = since_ms
    while True:
        for event in search(max(since_ms, latest_ms - _LATE_MS)):
            if event["eventId"] not in seen:
                seen[event["eventId"]] = event["timestamp"]
                latest_ms = max(latest_ms, event["timestamp"])
                yield event
        # What the next search cannot give need not be remembered.
        seen = {event_id: ms for event_id, ms in seen.items() if ms >= latest_ms - _LATE_MS}
        wait(look_every_s)


def as_json(event: Event) -> str:
    """*event* as one line of JSON."""
    kept = ("timestamp", "ingestionTime", "logStreamName", "eventId", "message")
    return json.dumps({name: event[name] for name in kept}, ensure_ascii=False)


def as_text(event: Event, *, coloured: bool) -> str:
    """*event* for a person: its time (UTC), and what it says."""
    moment = datetime.fromtimestamp(event["timestamp"] / 1000, UTC)
    when = f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
    text = event["message"].rstrip("\n")
    # What could move a terminal's cursor or change its colours is shown, not done.
    text = "".join(
        character if character >= " " or character in "\t\n" else repr(character)[1:-1] for character in text
    )
    return f"\033[2m{when}\033[0m {text}" if coloured else f"{when} {text}"
