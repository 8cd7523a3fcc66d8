"""Subscriptions to telemetry: what may be asked, what is sent in which words, and how much may wait."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lamina.runtime_api import subscriptions
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.subscriptions import Allowance, Api, Destination, Event, Subscription, Waiting

REQUEST: dict[str, Any] = {
    "schemaVersion": "2022-12-13",
    "types": ["platform", "function", "platform"],
    "destination": {"protocol": "HTTP", "URI": "http://sandbox.localdomain:8080/path?x=1"},
}


def parsed(api: Api = Api.TELEMETRY, **changes: Any) -> Subscription:
    result = subscriptions.parse("e", api, json.dumps({**REQUEST, **changes}).encode())
    assert isinstance(result, Subscription), result
    return result


def refused(api: Api = Api.TELEMETRY, **changes: Any) -> tuple[int, str, str]:
    result = subscriptions.parse("e", api, json.dumps({**REQUEST, **changes}).encode())
    assert isinstance(result, Reply), result
    body = json.loads(result.body)
    return result.status, body["errorType"], body["errorMessage"]


def test_a_subscription_with_what_is_not_said() -> None:
    assert parsed() == Subscription(
        name="e",
        api=Api.TELEMETRY,
        schema="2022-12-13",
        types=("platform", "function"),
        destination=Destination("169.254.100.1", 8080, "sandbox.localdomain:8080", "/path?x=1"),
        items_max=1_000,
        bytes_max=262_144,
        timeout_ms=1_000,
    )


def test_the_older_api_has_other_defaults() -> None:
    request = {name: value for name, value in REQUEST.items() if name != "schemaVersion"}
    result = subscriptions.parse("e", Api.LOGS, json.dumps(request).encode())
    assert isinstance(result, Subscription)
    assert (result.schema, result.items_max) == ("2020-08-15", 10_000)


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("http://sandbox:1", "169.254.100.1"),
        ("http://127.0.0.1:65535/", "127.0.0.1"),
        ("http://localhost:80", "127.0.0.1"),
    ],
)
def test_every_name_of_the_environment_itself_will_do(uri: str, address: str) -> None:
    assert parsed(destination={"protocol": "HTTP", "URI": uri}).destination.address == address


@pytest.mark.parametrize(
    "destination",
    [
        None,
        "http://sandbox:8080",
        {},
        {"protocol": "HTTPS", "URI": "https://sandbox:8080"},
        {"protocol": "HTTP"},
        {"protocol": "HTTP", "URI": 1},
        {"protocol": "HTTP", "URI": "https://sandbox:8080"},
        {"protocol": "HTTP", "URI": "http://example.com:8080"},
        {"protocol": "HTTP", "URI": "http://sandbox.localdomain"},
        {"protocol": "HTTP", "URI": "http://sandbox.localdomain:99999"},
        {"protocol": "HTTP", "URI": "http://sandbox.localdomain:port"},
        {"protocol": "HTTP", "URI": "http://sandbox.localdomain:9001"},
        {"protocol": "HTTP", "URI": "http://[:8080"},
        {"protocol": "HTTP", "URI": "http://sandbox:8080/\r\nHost: x"},
        {"protocol": "HTTP", "URI": "http://sandbox:8080/a b"},
        {"protocol": "HTTP", "URI": "http://sandbox:8080/" + "x" * 3000},
        {"protocol": "HTTP", "URI": "http://sandbox:8080", "method": "DELETE"},
        {"protocol": "TCP"},
        {"protocol": "TCP", "port": True},
        {"protocol": "TCP", "port": 0},
        {"protocol": "TCP", "port": 9001},
    ],
)
def test_nothing_else_is_a_destination(destination: Any) -> None:
    assert refused(destination=destination)[:2] == (400, "ValidationError")


@pytest.mark.parametrize(
    "changes",
    [
        {"types": []},
        {"types": ["other"]},
        {"types": [{}]},
        {"types": "platform"},
        {"schemaVersion": None},
        {"schemaVersion": ["2022-07-01"]},
        {"buffering": [1]},
        {"buffering": {"maxItems": 10_001}},
        {"buffering": {"maxBytes": 1}},
        {"buffering": {"timeoutMs": 25.5}},
        {"buffering": {"timeoutMs": True}},
    ],
)
def test_what_else_is_refused(changes: dict[str, Any]) -> None:
    assert refused(**changes)[0] == 400
    assert refused(Api.LOGS, **changes)[1] == "Logs.ValidationError"


@pytest.mark.parametrize("body", [b"", b"\xff", b"[]", b"[" * 100_000, b"null"])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    assert isinstance(subscriptions.parse("e", Api.TELEMETRY, body), Reply)


def worded(kind: str, record: object, api: Api, schema: str = "2022-07-01") -> Any:
    text = subscriptions.worded(Event("NOW", kind, record), api, schema)
    return None if text is None else json.loads(text)


def test_each_api_has_its_own_words() -> None:
    done = {"requestId": "ID", "status": "success", "metrics": {"durationMs": 1.0}}
    assert worded("platform.runtimeDone", done, Api.TELEMETRY) == {
        "time": "NOW",
        "type": "platform.runtimeDone",
        "record": done,
    }
    assert worded("platform.runtimeDone", done, Api.LOGS, "2020-08-15") is None
    newer = worded("platform.runtimeDone", done, Api.LOGS, "2021-03-18")
    assert newer["record"] == {"requestId": "ID", "status": "success"}
    subscribed = worded("platform.telemetrySubscription", {}, Api.LOGS, "2020-08-15")
    assert subscribed["type"] == "platform.logsSubscription"
    assert worded("platform.initStart", {}, Api.LOGS, "2020-08-15") is None
    for kind in ("platform.end", "platform.fault"):
        assert worded(kind, {}, Api.TELEMETRY) is None
        assert worded(kind, {}, Api.LOGS) is not None


def test_any_text_can_be_sent() -> None:
    assert worded("function", "\ud800 ü \x00", Api.TELEMETRY)["record"] == "? ü \x00"


def test_what_waits_is_bounded_and_what_was_dropped_is_told() -> None:
    waiting = Waiting(parsed(buffering={"maxBytes": 262_144}))
    event = b"x" * 1024
    for _ in range(300):
        waiting.add(event)
    assert waiting.full
    *events, dropped = waiting.take("NOW")
    assert events == [event] * 256
    told = json.loads(dropped)
    assert told["type"] == "platform.logsDropped"
    assert (told["record"]["droppedRecords"], told["record"]["droppedBytes"]) == (44, 44 * 1024)
    assert not waiting
    waiting.add(event)
    assert waiting.take("NOW") == [event]


def test_so_is_their_number() -> None:
    waiting = Waiting(parsed(buffering={"maxItems": 1000}))
    for _ in range(1001):
        waiting.add(b"{}")
    assert len(waiting.take("NOW")) == 1000 + 1


def test_what_goes_over_the_connection() -> None:
    http = subscriptions.request(parsed().destination, [b"1", b"2"])
    head, _, body = http.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /path?x=1 HTTP/1.1\r\nHost: sandbox.localdomain:8080\r\n")
    assert b"Content-Length: 5" in head
    assert body == b"[1,2]"
    tcp = parsed(destination={"protocol": "TCP", "port": 99}).destination
    assert subscriptions.request(tcp, [b"1", b"2"]) == b"1\n2\n"


def test_a_flood_is_put_into_words_only_as_fast_as_is_allowed() -> None:
    allowance = Allowance(0.0, per_second=100, at_once=50)
    assert [allowance.take(40, 0.0), allowance.take(40, 0.0), allowance.take(40, 0.0)] == [40, 10, 0]
    assert allowance.take(40, 0.1) == 10
    assert allowance.take(1000, 100.0) == 50, "what was not used is not saved up"
