"""Who wants to be sent telemetry, and what of it: subscriptions to the Telemetry API and to the older Logs API.

Pure: a request is parsed into a subscription or refused, an event is put into the words of a subscription's schema, and
what waits to be sent is bounded; what does not fit any more is counted, and the next thing sent says so.
Source: the Telemetry API's reference (2022-07-01) and the Logs API's (2020-08-15).
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

from lamina.invocations import platform_events
from lamina.runtime_api.replies import JSON, Reply, refusal

SUBSCRIPTION_BYTES_MAX: Final = 64 * 1024
_TYPES: Final = ("platform", "function", "extension")
_HOSTS: Final = {
    "sandbox.localdomain": "169.254.100.1",
    "sandbox": "169.254.100.1",
    "169.254.100.1": "169.254.100.1",
    "localhost": "127.0.0.1",
    "127.0.0.1": "127.0.0.1",
}
_OWN_PORT: Final = 9001
_PATH_CHARACTERS_MAX: Final = 2048
# (least, most, where nothing is said)
_MAX_BYTES: Final = (262_144, 1_048_576, 262_144)
_TIMEOUT_MS: Final = (25, 30_000, 1_000)
_LOGS_WITH_RUNTIME_DONE: Final = "2021-03-18"


class Api(Enum):
    """Which of the two a subscription was made with; how it names its errors and its schemas."""

    TELEMETRY = "Telemetry"
    LOGS = "Logs"

    @property
    def schemas(self) -> tuple[str, ...]:
        if self is Api.TELEMETRY:
            return ("2022-07-01", "2022-12-13", "2025-01-29")
        return ("2020-08-15", _LOGS_WITH_RUNTIME_DONE)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where to send: a port inside the environment. No *target*: lines over plain TCP, not HTTP."""

    address: str
    port: int
    authority: str = ""
    target: str | None = None
    method: str = "POST"


@dataclass(frozen=True, slots=True)
class Subscription:
    """What an extension asked for."""

    name: str
    api: Api
    schema: str
    types: tuple[str, ...]
    destination: Destination
    items_max: int
    bytes_max: int
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Event:
    """Something to tell of. *kind* is "platform.start" and the like, "function" or "extension"; *time* ISO 8601."""

    time: str
    kind: str
    record: object

    @property
    def category(self) -> str:
        return self.kind.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Structured:
    """A record that is JSON already, as text: taken apart it would be a hundred times as large."""

    text: str

    @classmethod
    def of(cls, line: bytes) -> Structured:
        """The JSON in *line*, without its white space. Raises ValueError, RecursionError."""
        return cls(_compact(json.loads(line)))


class Recent:
    """The last events, up to *count* of them and *bytes_max* of what they tell."""

    def __init__(self, count: int, bytes_max: int) -> None:
        self._count, self._bytes_max = count, bytes_max
        self.events: deque[Event] = deque()
        self._size = 0

    def add(self, event: Event) -> None:
        self.events.append(event)
        self._size += _told_bytes(event)
        while len(self.events) > self._count or self._size > self._bytes_max:
            self._size -= _told_bytes(self.events.popleft())


def _told_bytes(event: Event) -> int:
    """What *event* holds of a process's own words; the platform's are few."""
    text = event.record.text if isinstance(event.record, Structured) else event.record
    return len(text) if isinstance(text, str) else 0


class _Invalid(Exception):
    """What is wrong with a request to subscribe."""


def parse(name: str, api: Api, body: bytes) -> Subscription | Reply:
    """The subscription that the extension *name* asks for in *body*, or the refusal."""
    try:
        return _parse(name, api, body)
    except _Invalid as error:
        kind = "ValidationError" if api is Api.TELEMETRY else "Logs.ValidationError"
        return refusal(400, kind, str(error))


def closed(api: Api) -> Reply:
    """The refusal of whoever asks when initialisation is over."""
    already = "" if api is Api.TELEMETRY else " already"
    return refusal(403, f"{api.value}.SubscriptionClosed", f"{api.value} API subscription is closed{already}")


def other_api(api: Api) -> Reply:
    """The refusal of whoever has subscribed with the other of the two."""
    other = Api.LOGS if api is Api.TELEMETRY else Api.TELEMETRY
    kind = "ValidationError" if api is Api.TELEMETRY else "Logs.ValidationError"
    return refusal(400, kind, f"the extension is subscribed to the {other.value} API, which cannot go together")


SUBSCRIBED: Final = Reply(200, b'"OK"', {"Content-Type": JSON})


def _parse(name: str, api: Api, body: bytes) -> Subscription:
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise _Invalid("the request is no JSON") from None
    if not isinstance(request, dict):
        raise _Invalid("the request is no JSON object")
    schema = request.get("schemaVersion", None if api is Api.TELEMETRY else api.schemas[0])
    if schema not in api.schemas:
        raise _Invalid(f"schemaVersion must be one of {', '.join(api.schemas)}")
    types = request.get("types")
    if not isinstance(types, list) or not types:
        raise _Invalid("types should not be empty")
    if not all(isinstance(each, str) and each in _TYPES for each in types):
        raise _Invalid(f"types must be of {', '.join(_TYPES)}")
    buffering = request.get("buffering") or {}
    if not isinstance(buffering, dict):
        raise _Invalid("buffering must be an object")
    items = (1_000, 10_000, 10_000 if api is Api.LOGS else 1_000)
    return Subscription(
        name,
        api,
        schema,
        tuple(dict.fromkeys(types)),
        _destination(request.get("destination")),
        items_max=_within(buffering, "maxItems", items),
        bytes_max=_within(buffering, "maxBytes", _MAX_BYTES),
        timeout_ms=_within(buffering, "timeoutMs", _TIMEOUT_MS),
    )


def _within(buffering: Mapping[str, Any], name: str, limits: tuple[int, int, int]) -> int:
    least, most, default = limits
    value = buffering.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise _Invalid(f"{name} must be between {least} and {most}")
    return value


def _destination(asked: object) -> Destination:
    if not isinstance(asked, dict):
        raise _Invalid("destination is not provided")
    if asked.get("protocol") == "TCP":
        return Destination("169.254.100.1", _port(asked.get("port")))
    if asked.get("protocol") != "HTTP":
        raise _Invalid("protocol must be HTTP or TCP")
    uri = asked.get("URI")
    if not isinstance(uri, str) or len(uri) > _PATH_CHARACTERS_MAX or not uri.isascii() or not uri.isprintable():
        raise _Invalid("URI is not provided")
    method = asked.get("method", "POST")
    if method not in ("POST", "PUT"):
        raise _Invalid("method must be POST or PUT")
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise _Invalid("URI is invalid") from None
    if parts.scheme != "http" or " " in uri:
        raise _Invalid("URI must begin with http://")
    if host not in _HOSTS:
        raise _Invalid("URI host must be sandbox.localdomain")
    if port is None:
        raise _Invalid("URI port is not provided")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Destination(_HOSTS[host], _port(port), f"{host}:{port}", target, method)


def _port(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 65536:
        raise _Invalid("port is not provided")
    if value == _OWN_PORT:
        raise _Invalid(f"port {_OWN_PORT} is reserved")
    return value


_ONLY_IN_LOGS: Final = ("platform.end", "platform.fault")
_LOGS_KINDS: Final[Mapping[str, Sequence[str] | None]] = {
    # kind -> the members of its record that the Logs API has; None: all
    "platform.start": ("requestId", "version"),
    "platform.end": None,
    "platform.report": ("requestId", "metrics"),
    "platform.fault": None,
    "platform.extension": None,
    "platform.logsDropped": None,
}


def worded(event: Event, api: Api, schema: str) -> bytes | None:
    """*event* as JSON in the words of *schema*; None if that does not have it."""
    kind, record = event.kind, event.record
    if event.category == "platform":
        if api is Api.TELEMETRY:
            if kind in _ONLY_IN_LOGS:
                return None
        elif kind == "platform.telemetrySubscription":
            kind = "platform.logsSubscription"
        elif kind == "platform.runtimeDone":
            if schema != _LOGS_WITH_RUNTIME_DONE:
                return None
            record = _only(record, ("requestId", "status"))
        elif kind not in _LOGS_KINDS:
            return None
        else:
            members = _LOGS_KINDS[kind]
            record = record if members is None else _only(record, members)
    if isinstance(record, Structured):
        told = f'{_compact({"time": event.time, "type": kind})[:-1]},"record":{record.text}}}'
    else:
        told = _compact({"time": event.time, "type": kind, "record": record})
    return told.encode("utf-8", "replace")


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _only(record: object, members: Sequence[str]) -> object:
    assert isinstance(record, dict)
    return {name: record[name] for name in members if name in record}


class Waiting:
    """What is to be sent to one subscriber. Of what is too much, only the number and the size are kept."""

    def __init__(self, subscription: Subscription) -> None:
        self.subscription = subscription
        self._events: deque[bytes] = deque()
        self._size = 0
        self._dropped = 0
        self._dropped_bytes = 0

    def __bool__(self) -> bool:
        return bool(self._events or self._dropped)

    @property
    def full(self) -> bool:
        """Whether it is time to send, whatever the clock says."""
        subscription = self.subscription
        return len(self._events) >= subscription.items_max or self._size >= subscription.bytes_max

    def add(self, event: bytes) -> None:
        """Have *event* sent, or counted as dropped where as much waits as may."""
        if self.full:
            self.drop(1, len(event))
            return
        self._events.append(event)
        self._size += len(event)

    def drop(self, records: int, size: int) -> None:
        """So much was, or could not be, sent."""
        self._dropped += records
        self._dropped_bytes += size

    def take(self, now: str) -> list[bytes]:
        """All that waits, and what was dropped since the last time."""
        events = list(self._events)
        self._events.clear()
        self._size = 0
        if self._dropped:
            record = platform_events.logs_dropped(self._dropped, self._dropped_bytes)
            self._dropped = self._dropped_bytes = 0
            dropped = worded(
                Event(now, "platform.logsDropped", record), self.subscription.api, self.subscription.schema
            )
            assert dropped is not None
            events.append(dropped)
        return events


class Allowance:
    """How many lines of output may still be put into words: so many a second, so many at once, however many come."""

    def __init__(self, now: float, per_second: int, at_once: int) -> None:
        self._last, self._per_second, self._at_once = now, per_second, at_once
        self._left = float(at_once)

    def take(self, count: int, now: float) -> int:
        """As many of *count* as there is room for at the time *now*, in seconds."""
        self._left = min(self._at_once, self._left + (now - self._last) * self._per_second)
        self._last = now
        taken = min(count, int(self._left))
        self._left -= taken
        return taken


def request(destination: Destination, events: Sequence[bytes]) -> bytes:
    """What goes over the connection: an HTTP request with all *events*, or a line for each."""
    if destination.target is None:
        return b"".join(event + b"\n" for event in events)
    body = b"[" + b",".join(events) + b"]"
    head = (
        f"{destination.method} {destination.target} HTTP/1.1\r\nHost: {destination.authority}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
