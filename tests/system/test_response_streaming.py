"""Responses that are streamed: InvokeWithResponseStream and function URLs, what ends them, who is too slow or gone."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Generator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import pytest

from tests.support import streamer
from tests.support.functions import Function, create, wait_until
from tests.support.refusals import refusal
from tests.support.server import Server

MEGABYTE = 1024 * 1024


@pytest.fixture(scope="module")
def function(shared_server: Server) -> Function:
    """A function that streams as it is told."""
    return create(shared_server, streamer.CODE, Timeout=30)


@pytest.fixture(scope="module")
def plain(shared_server: Server) -> Function:
    """A function that knows nothing of streams."""
    return create(
        shared_server,
        """
        def handler(event, context):
            if event and event.get("fail"):
                raise ValueError("as told")
            return {"statusCode": 418, "body": "short"}
        """,
    )


def events_of(function: Function, event: Any, **options: Any) -> Generator[Any, None, None]:
    asked = {"FunctionName": function.name, "Payload": json.dumps(event)}
    answer = function.client.invoke_with_response_stream(**asked, **options)
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "$LATEST")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    with closing(answer["EventStream"]) as events:
        yield from events


def streamed(function: Function, event: Any, **options: Any) -> tuple[bytes, dict[str, str]]:
    """All that came of an invocation: the payload put together, and how it was completed."""
    *chunks, last = events_of(function, event, **options)
    complete: dict[str, str] = last["InvokeComplete"]
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), complete


def details(complete: dict[str, str]) -> Any:
    assert complete["ErrorCode"] == "Unhandled"
    return json.loads(complete["ErrorDetails"])


def environments(server: Server) -> dict[str, int]:
    """How many environments there are."""
    with closing(HTTPConnection(urlsplit(server.endpoint).netloc, timeout=60)) as connection:
        connection.request("GET", "/_lamina/health")
        counted: dict[str, int] = json.loads(connection.getresponse().read())["environments"]
        return counted


class Url:
    """A function's URL."""

    def __init__(self, function: Function, mode: str = "RESPONSE_STREAM", **settings: Any) -> None:
        self._client, self._named = function.client, {"FunctionName": function.name}
        made = self._client.create_function_url_config(AuthType="NONE", InvokeMode=mode, **settings, **self._named)
        assert made["InvokeMode"] == mode
        self._parts = urlsplit(made["FunctionUrl"])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.delete_function_url_config(**self._named)

    def fetch(self, event: Any, method: str = "POST", **headers: str) -> tuple[HTTPResponse, bytes]:
        connection = HTTPConnection(self._parts.netloc, timeout=60)
        try:
            connection.request(method, self._parts.path, json.dumps(event), headers)
            answer = connection.getresponse()
            return answer, answer.read()
        finally:
            connection.close()


def test_each_piece_comes_while_the_function_still_runs(shared_server: Server) -> None:
    function = create(shared_server, streamer.CODE, Timeout=3)
    events = events_of(function, {"chunks": ["first"], "end": "hang"})
    assert next(events) == {"PayloadChunk": {"Payload": b"first"}}
    assert environments(shared_server)["busy"] >= 1
    events.close()


def test_a_stream_ends_with_its_completion_and_the_log_if_asked_for(function: Function) -> None:
    payload, complete = streamed(function, {"chunks": ["one", "é"]}, LogType="Tail")
    assert payload == "oneé".encode()
    log = base64.b64decode(complete.pop("LogResult")).decode()
    assert complete == {}
    assert [line.split()[0] for line in log.splitlines()] == ["START", "STREAMER", "END", "REPORT"]
    assert streamed(function, {}) == (b"", {})


def test_an_error_behind_the_response_is_told_at_the_end(function: Function) -> None:
    payload, complete = streamed(function, {"chunks": ["one"], "end": "error"})
    assert (payload, details(complete)) == (b"one", {"errorType": "Mine", "errorMessage": "behind"})


@pytest.mark.parametrize(
    ("end", "kind", "text"),
    [
        ("exit", "Runtime.ExitError", "Runtime exited with error: exit status 3"),
        ("drop", "Runtime.TruncatedResponse", "Runtime ended its response before it was complete"),
        ("hang", "Sandbox.Timedout", "Task timed out after 2.00 seconds"),
    ],
)
def test_what_ends_a_function_ends_its_stream(shared_server: Server, end: str, kind: str, text: str) -> None:
    function = create(shared_server, streamer.CODE, Timeout=2)
    payload, complete = streamed(function, {"chunks": ["one"], "end": end})
    assert payload == b"one"
    told = details(complete)
    assert told["errorType"] == kind
    assert told["errorMessage"].endswith(f"Error: {text}")
    assert streamed(function, {"chunks": ["again"]}) == (b"again", {})


def test_a_function_that_does_not_stream_gives_one_piece(plain: Function) -> None:
    payload, complete = streamed(plain, {})
    assert (json.loads(payload)["statusCode"], complete) == (418, {})
    payload, complete = streamed(plain, {"fail": 1})
    assert (payload, details(complete)["errorMessage"]) == (b"", "as told")


def test_what_cannot_be_run_is_refused_before_any_stream(shared_server: Server) -> None:
    function = create(shared_server, streamer.CODE)
    invoke = function.client.invoke_with_response_stream
    assert refusal(invoke, FunctionName="missing")[:2] == (404, "ResourceNotFoundException")
    assert refusal(invoke, FunctionName=function.name, Payload=b"no JSON")[1] == "InvalidRequestContentException"
    dry = invoke(FunctionName=function.name, InvocationType="DryRun")
    dry["EventStream"].close()
    assert dry["StatusCode"] == 204
    function.client.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    assert refusal(invoke, FunctionName=function.name)[:2] == (429, "TooManyRequestsException")


def test_invoke_waits_for_the_whole_of_a_streamed_response(function: Function) -> None:
    answer = function.client.invoke(FunctionName=function.name, Payload=b'{"chunks": ["one", "two"]}')
    assert (answer["Payload"].read(), "FunctionError" in answer) == (b"onetwo", False)
    failed = function.call({"chunks": ["one"], "end": "error"})
    assert (failed.error, failed.value["errorMessage"]) == ("Unhandled", "behind")
    large = function.call({"size": MEGABYTE, "count": 7})
    assert (large.error, large.value["errorType"]) == ("Unhandled", "Function.ResponseSizeTooLarge")


def test_the_platform_tells_how_much_was_streamed_and_when(shared_server: Server) -> None:
    logging = {"LogFormat": "JSON", "SystemLogLevel": "DEBUG"}
    function = create(shared_server, streamer.CODE, LoggingConfig=logging)
    _, complete = streamed(function, {"chunks": ["one"], "size": 1000, "count": 5}, LogType="Tail")
    lines = [json.loads(line) for line in base64.b64decode(complete["LogResult"]).splitlines() if line[:1] == b"{"]
    [done] = [line["record"] for line in lines if line["type"] == "platform.runtimeDone"]
    assert done["metrics"]["producedBytes"] == 5003
    latency, duration = done["spans"]
    assert (latency["name"], duration["name"]) == ("responseLatency", "responseDuration")
    assert latency["start"] <= duration["start"]
    assert latency["durationMs"] + duration["durationMs"] <= done["metrics"]["durationMs"]


# Who is too fast, too slow, or gone


def resident_mb(server: Server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) // 1024


def test_200_mb_can_be_streamed_and_not_a_byte_more_and_never_lie_in_memory(server: Server) -> None:
    function = create(server, streamer.CODE, Timeout=60)
    streamed(function, {})
    before = resident_mb(server)
    size, most = 0, 0
    told: dict[str, str] = {}
    for event in events_of(function, {"size": MEGABYTE, "count": 10_000, "chunks": ["x"]}):
        if "PayloadChunk" in event:
            size += len(event["PayloadChunk"]["Payload"])
            most = max(most, resident_mb(server))
        else:
            told = details(event["InvokeComplete"])
    assert told["errorType"] == "Function.ResponseSizeTooLarge"
    assert "(209715200 bytes)" in told["errorMessage"]
    # Cut at a piece, as they came.
    assert 199 * MEGABYTE < size <= 200 * MEGABYTE
    assert most - before < 40
    assert streamed(function, {"size": MEGABYTE, "count": 200})[1] == {}


def asking(server: Server, function: Function, event: Any) -> socket.socket:
    """A connection on which the function was asked to stream, and from which nothing is read."""
    address = urlsplit(server.endpoint)
    connection = socket.create_connection((address.hostname, address.port), timeout=60)
    body = json.dumps(event).encode()
    head = f"POST /2021-11-15/functions/{function.name}/response-streaming-invocations HTTP/1.1\r\nHost: h\r\n"
    connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
    return connection


def test_a_client_that_stops_reading_holds_its_function_up_and_nobody_else(server: Server) -> None:
    function = create(server, streamer.CODE, Timeout=30)
    process = function.value({"mode": "whole"})["process"]
    before = resident_mb(server)
    much = {"size": MEGABYTE, "count": 60}
    with asking(server, function, much) as stalled:
        assert stalled.recv(1)
        # Another environment serves others meanwhile; the first one's function cannot finish.
        for _ in range(5):
            other = function.value({"mode": "whole"})
            assert other["finished"] == 0
            assert other["process"] != process
        assert resident_mb(server) - before < 20
    # Its client gone, it goes on to its end, and serves again.
    wait_until(lambda: environments(server)["busy"] == 0, 30)
    found = function.value({"mode": "whole"})
    if found["process"] != process:
        with asking(server, function, much) as stalled:
            assert stalled.recv(1)
            found = function.value({"mode": "whole"})
    assert found == {"finished": 1, "process": process}


def test_a_client_that_goes_away_does_not_end_its_function(server: Server) -> None:
    function = create(server, streamer.CODE, Timeout=30)
    process = function.value({"mode": "whole"})["process"]
    with asking(server, function, {"chunks": ["one"], "size": MEGABYTE, "count": 20}) as leaving:
        assert leaving.recv(1)
    wait_until(lambda: environments(server)["busy"] == 0, 30)
    assert function.value({"mode": "whole"}) == {"finished": 1, "process": process}


# Function URLs


def test_a_prelude_is_the_head_of_the_answer(function: Function) -> None:
    with Url(function) as url:
        prelude = {"statusCode": 201, "headers": {"x-mine": "yes", "content-type": "text/html"}, "cookies": ["a=1"]}
        integration = "application/vnd.awslambda.http-integration-response"
        answer, body = url.fetch({"type": integration, "prelude": prelude, "chunks": ["<p>", "é"]})
        assert (answer.status, body.decode()) == (201, "<p>é")
        assert answer.headers["Transfer-Encoding"] == "chunked"
        assert (answer.headers["x-mine"], answer.headers["Content-Type"]) == ("yes", "text/html")
        assert answer.headers["Set-Cookie"] == "a=1"
        answer, body = url.fetch({"type": integration, "prelude": {}})
        assert (answer.status, body) == (200, b"")
        answer, _ = url.fetch({"type": integration, "chunks": ["no prelude"]})
        assert answer.status == 502
        answer, _ = url.fetch({"type": integration, "size": MEGABYTE, "count": 3})
        assert answer.status == 502


def test_a_stream_without_a_prelude_is_the_body(function: Function) -> None:
    with Url(function) as url:
        answer, body = url.fetch({"chunks": ["one", "two"]})
        assert (answer.status, body) == (200, b"onetwo")
        assert answer.headers["Content-Type"] == "application/octet-stream"
        answer, body = url.fetch({"type": "text/event-stream", "chunks": ["data: 1\n\n"]})
        assert (answer.headers["Content-Type"], body) == ("text/event-stream", b"data: 1\n\n")


def test_a_failure_is_a_502_until_something_was_sent_and_a_broken_connection_then(function: Function) -> None:
    with Url(function) as url:
        for event in ({"mode": "error"}, {"end": "error"}, {"end": "exit"}, {"end": "drop"}):
            answer, body = url.fetch(event)
            assert (answer.status, json.loads(body)) == (502, {"Message": "Internal Server Error"})
        for end in ("error", "exit", "drop"):
            with pytest.raises((IncompleteRead, ConnectionResetError)):
                url.fetch({"chunks": ["one"], "end": end})
        assert url.fetch({"chunks": ["again"]})[1] == b"again"


def test_what_does_not_stream_is_answered_as_it_is(plain: Function) -> None:
    with Url(plain) as url:
        answer, body = url.fetch({})
        assert (answer.status, answer.headers["Content-Type"]) == (200, "application/json")
        assert json.loads(body) == {"statusCode": 418, "body": "short"}


def test_a_url_that_does_not_stream_puts_the_answer_together(function: Function) -> None:
    with Url(function, "BUFFERED") as url:
        integration = "application/vnd.awslambda.http-integration-response"
        answer, body = url.fetch({"type": integration, "prelude": {"statusCode": 201}, "chunks": ["one", "two"]})
        assert (answer.status, answer.headers["Content-Length"], body) == (201, "6", b"onetwo")
        answer, body = url.fetch({"chunks": ["no ", "JSON"]})
        assert (answer.status, body) == (200, b"no JSON")


def test_pages_of_other_sites_may_read_streams_as_cors_says(function: Function) -> None:
    with Url(function, Cors={"AllowOrigins": ["https://a.test"]}) as url:
        answer, body = url.fetch({"chunks": ["one"]}, Origin="https://a.test")
        assert (answer.headers["Access-Control-Allow-Origin"], body) == ("https://a.test", b"one")
        answer, _ = url.fetch({"chunks": ["one"]}, Origin="https://b.test")
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_aws_command_makes_a_url_that_streams(shared_server: Server) -> None:
    function = create(shared_server, streamer.CODE)
    named = ("--function-name", function.name, "--auth-type", "NONE")
    made = shared_server.aws_json("create-function-url-config", *named, "--invoke-mode", "RESPONSE_STREAM")
    assert made["InvokeMode"] == "RESPONSE_STREAM"
    found = shared_server.aws_json("update-function-url-config", *named, "--invoke-mode", "BUFFERED")
    assert found["InvokeMode"] == "BUFFERED"
