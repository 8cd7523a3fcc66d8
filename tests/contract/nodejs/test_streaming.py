"""Handlers of Node.js that answer in pieces, marked by awslambda.streamifyResponse."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from tests.support.node import VERSIONS, invoke
from tests.support.runtime_clients import Event, Said


def _streaming(body: str, options: str = "") -> str:
    return f"exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {{ {body} }}{options});"


def _error(said: Said) -> dict[str, object]:
    """What the trailers say of a failure."""
    told: dict[str, object] = json.loads(base64.b64decode(said.trailers["lambda-runtime-function-error-body"]))
    assert told["errorType"] == said.trailers["lambda-runtime-function-error-type"]
    return told


@pytest.mark.parametrize("version", VERSIONS)
def test_pieces_arrive_as_one_answer(tmp_path: Path, version: str) -> None:
    body = """
        stream.write("text ü");
        stream.write(Buffer.from([0, 255]));
        stream.write(new Uint8Array([1, 2]));
        stream.write("");
        stream.write({ a: 1 });
        await new Promise((done) => setTimeout(done, 5));
        stream.end("end");
    """
    outcome = invoke(tmp_path, _streaming(body), [Event(), Event()], version=version)
    assert len(outcome.said) == 2
    assert outcome.connections == 1
    for said in outcome.said:
        assert said.kind == "response"
        assert said.whole
        assert said.trailers == {}
        assert said.body == 'text ü\0ÿ\1\2{"a":1}end'.encode().replace("ÿ".encode(), b"\xff")
        assert said.headers["lambda-runtime-function-response-mode"] == "streaming"
        assert said.headers["transfer-encoding"] == "chunked"
        assert said.headers["content-type"] == "application/octet-stream"
        assert said.headers["trailer"] == "Lambda-Runtime-Function-Error-Type, Lambda-Runtime-Function-Error-Body"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_http_answer_has_its_metadata_before_its_body(tmp_path: Path, version: str) -> None:
    metadata = {"statusCode": 418, "headers": {"X-Tea": "ü"}, "cookies": ["a=b"]}
    taken = f"stream = awslambda.HttpResponseStream.from(stream, {json.dumps(metadata)});"
    # As AWS's does, which surprises people.
    said = invoke(tmp_path / "end", _streaming(f"{taken} stream.end('body');"), version=version).only
    assert said.body == b"body"
    said = invoke(
        tmp_path / "write", _streaming(f"{taken} stream.write('bo'); stream.end('dy');"), version=version
    ).only
    assert said.headers["content-type"] == "application/vnd.awslambda.http-integration-response"
    prelude, _, rest = said.body.partition(b"\0" * 8)
    assert json.loads(prelude) == metadata
    assert rest == b"body"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_pipeline_of_much_data_is_not_held_in_memory(tmp_path: Path, version: str) -> None:
    code = """
        const { pipeline } = require("node:stream/promises");
        const { Readable } = require("node:stream");
        function* pieces() { for (let n = 0; n < 320; n++) yield Buffer.alloc(65536, n % 251); }
        let most = 0;
        exports.handler = awslambda.streamifyResponse(async (event, stream) => {
            const watched = function* () {
                for (const piece of pieces()) {
                    most = Math.max(most, stream.writableLength);
                    yield piece;
                }
            };
            await pipeline(Readable.from(watched()), stream);
            console.log(most < 1048576);
        });
    """
    outcome = invoke(tmp_path, code, version=version)
    assert outcome.only.body == b"".join(bytes([n % 251]) * 65536 for n in range(320))
    assert outcome.log.endswith("\ttrue\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_content_type_is_set_before_the_first_piece(tmp_path: Path, version: str) -> None:
    said = invoke(
        tmp_path / "1", _streaming("stream.setContentType('text/plain'); stream.end('x');"), version=version
    ).only
    assert said.headers["content-type"] == "text/plain"
    said = invoke(tmp_path / "2", _streaming("stream.write('x'); stream.setContentType('a/b');"), version=version).only
    told = _error(said)
    assert told["errorType"] == "Runtime.InvalidStreamingOperation"
    assert told["errorMessage"] == "Cannot set content-type, too late."


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("before", ["", "stream.write('some');"])
def test_a_failure_on_the_way_is_told_after_what_was_sent(tmp_path: Path, before: str, version: str) -> None:
    outcome = invoke(tmp_path, _streaming(f"{before} throw new RangeError('r');"), [Event(), Event()], version=version)
    assert len(outcome.said) == 2
    for said in outcome.said:
        assert said.whole
        assert said.body == (b"some" if before else b"")
        assert (_error(said)["errorType"], _error(said)["errorMessage"]) == ("RangeError", "r")
    assert "Invoke Error" in outcome.log


@pytest.mark.parametrize("version", VERSIONS)
def test_a_failure_after_the_end_is_logged_only(tmp_path: Path, version: str) -> None:
    outcome = invoke(
        tmp_path, _streaming("stream.end('all'); throw new RangeError('r');"), [Event(), Event()], version=version
    )
    assert [(said.body, dict(said.trailers)) for said in outcome.said] == [(b"all", {})] * 2
    assert outcome.log.count("Invoke Error") == 2


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_that_breaks_is_seen_to_be_cut(tmp_path: Path, version: str) -> None:
    code = """
        const { pipeline } = require("node:stream/promises");
        const { Readable } = require("node:stream");
        exports.handler = awslambda.streamifyResponse(async (breaks, stream) => {
            const source = async function* () {
                yield "some";
                await new Promise((done) => setTimeout(done, 20));
                if (breaks) throw new RangeError("source");
            };
            await pipeline(Readable.from(source()), stream);
        });
    """
    outcome = invoke(tmp_path, code, [Event.of(True), Event.of(False)], version=version)
    assert sorted((said.body, said.whole) for said in outcome.said) == [(b"some", False), (b"some", True)]
    assert outcome.connections == 2
    assert '"errorMessage":"source"' in outcome.log


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handler_that_streams_has_to_promise(tmp_path: Path, version: str) -> None:
    code = "exports.handler = awslambda.streamifyResponse((event, stream) => { stream.end('x'); });"
    outcome = invoke(tmp_path, code, version=version)
    assert "Streaming does not support non-async handlers." in outcome.log
    assert outcome.status is None


@pytest.mark.parametrize("version", VERSIONS)
def test_what_a_streaming_handler_returns_is_ignored_with_a_word(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path, _streaming("stream.end('x'); return 1;"), version=version)
    assert outcome.only.body == b"x"
    assert outcome.log.endswith("\tWARN\tStreaming handlers ignore return values.\n")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_stream_that_nobody_will_end_ends_the_process(tmp_path: Path, version: str) -> None:
    outcome = invoke(tmp_path, _streaming("await new Promise(() => {});"), version=version)
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("error", "Runtime.NodeJsExit")
    assert outcome.status == 13


def test_before_24_the_next_event_waits_for_the_event_loop(tmp_path: Path) -> None:
    body = "setTimeout(() => { rang += 1; }, event); stream.end(String(rang));"
    code = f"let rang = 0; {_streaming(body)}"
    not_waiting = code.replace("{ setT", "{ context.callbackWaitsForEmptyEventLoop = false; setT", 1)
    soon, never = [Event.of(20)] * 2, [Event.of(60_000)] * 2
    outcome = invoke(tmp_path / "22", code, soon, version="22")
    assert [said.body for said in outcome.said] == [b"0", b"1"]
    outcome = invoke(tmp_path / "24", code, never, version="24")
    assert [said.body for said in outcome.said] == [b"0", b"0"]
    outcome = invoke(tmp_path / "not", not_waiting, never, version="22")
    assert [said.body for said in outcome.said] == [b"0", b"0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_high_water_mark_is_taken(tmp_path: Path, version: str) -> None:
    code = _streaming("stream.end(String(stream.writableHighWaterMark));", ", { highWaterMark: 12345 }")
    assert invoke(tmp_path, code, version=version).only.body == b"12345"


@pytest.mark.parametrize("version", VERSIONS)
def test_only_responses_can_be_streamed(tmp_path: Path, version: str) -> None:
    code = (
        'exports.handler = () => {}; exports.handler[Symbol.for("aws.lambda.runtime.handler.streaming")] = "request";'
    )
    outcome = invoke(tmp_path, code, version=version)
    assert outcome.only.kind == "init error"
    assert outcome.only.value["errorType"] == "Runtime.MalformedStreamingHandler"
