"""Functions of Node.js that stream, by `awslambda.streamifyResponse` and `HttpResponseStream`, on the whole server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, IncompleteRead
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support import node
from tests.support.functions import Function, create
from tests.support.server import Server

VERSION = node.VERSIONS[1]
CODE = b"""
const { pipeline } = require("node:stream/promises");
const { Readable } = require("node:stream");

exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
    const asked = event.rawPath ? JSON.parse(event.body) : event;
    if (asked.head) stream = awslambda.HttpResponseStream.from(stream, asked.head);
    if (asked.type) stream.setContentType(asked.type);
    if (asked.early) throw new Error("early");
    for (const text of asked.chunks ?? []) stream.write(text);
    if (asked.megabytes) {
        const megabyte = Buffer.alloc(1024 * 1024, "x");
        await pipeline(Readable.from(Array(asked.megabytes).fill(megabyte)), stream);
    }
    if (asked.late) throw new Error("late");
    if (!asked.megabytes) stream.end();
});
"""


@pytest.fixture(scope="module")
def function(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Function]:
    state = tmp_path_factory.mktemp("node") / "state"
    node.install(state, VERSION)
    with Server.started(state) as server:
        yield create(server, {"index.js": CODE}, runtime=f"nodejs{VERSION}.x")


def streamed(function: Function, event: Any) -> tuple[bytes, dict[str, str]]:
    answer = function.client.invoke_with_response_stream(FunctionName=function.name, Payload=json.dumps(event))
    with closing(answer["EventStream"]) as events:
        *chunks, last = events
    return b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks), last["InvokeComplete"]


@pytest.fixture(scope="module")
def url(function: Function) -> str:
    made = function.client.create_function_url_config(
        FunctionName=function.name, AuthType="NONE", InvokeMode="RESPONSE_STREAM"
    )
    return str(made["FunctionUrl"])


def fetch(url: str, event: Any) -> tuple[int, Any, bytes]:
    parts = urlsplit(url)
    with closing(HTTPConnection(parts.netloc, timeout=60)) as connection:
        connection.request("POST", parts.path, json.dumps(event))
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()


def test_what_is_written_is_streamed(function: Function) -> None:
    assert streamed(function, {"chunks": ["one", "é"]}) == ("oneé".encode(), {})


def test_an_error_ends_the_stream_it_comes_in(function: Function) -> None:
    payload, complete = streamed(function, {"chunks": ["one"], "late": True})
    assert payload == b"one"
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "late"
    payload, complete = streamed(function, {"early": True})
    assert payload == b""
    assert json.loads(complete["ErrorDetails"])["errorMessage"] == "early"


def test_much_is_streamed_through_a_pipeline(function: Function) -> None:
    payload, complete = streamed(function, {"megabytes": 50})
    assert (len(payload), complete) == (50 * 1024 * 1024, {})


def test_a_stream_of_http_has_its_head_in_a_url(function: Function, url: str) -> None:
    head = {"statusCode": 201, "headers": {"content-type": "text/html", "x-mine": "yes"}, "cookies": ["a=1"]}
    status, headers, body = fetch(url, {"head": head, "chunks": ["<p>", "é"]})
    assert (status, body.decode()) == (201, "<p>é")
    assert (headers["Content-Type"], headers["x-mine"], headers["Set-Cookie"]) == ("text/html", "yes", "a=1")
    status, headers, body = fetch(url, {"type": "text/plain", "chunks": ["plain"]})
    assert (status, headers["Content-Type"], body) == (200, "text/plain", b"plain")


def test_in_a_url_an_early_error_is_a_502_and_a_late_one_a_broken_connection(function: Function, url: str) -> None:
    assert fetch(url, {"early": True})[0] == 502
    with pytest.raises((IncompleteRead, ConnectionResetError)):
        fetch(url, {"chunks": ["one"], "late": True})


def test_a_stream_over_200_mb_is_cut_and_the_next_one_is_answered(function: Function) -> None:
    payload, complete = streamed(function, {"megabytes": 201})
    assert len(payload) <= 200 * 1024 * 1024
    assert json.loads(complete["ErrorDetails"])["errorType"] == "Function.ResponseSizeTooLarge"
    assert streamed(function, {"chunks": ["again"]}) == (b"again", {})
