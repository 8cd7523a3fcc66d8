"""A runtime's answers: whole ones, streamed ones, and those that break off."""

from __future__ import annotations

import base64
from collections.abc import Mapping

import pytest

from lamina.invocations.calls import RESPONSE_BYTES_MAX
from lamina.invocations.streams import STREAM_BYTES_MAX, Sender
from lamina.runtime_api.connections import Exchange, Head
from lamina.runtime_api.extensions import ExtensionFailed, Extensions, Facts
from lamina.runtime_api.replies import NOT_FOUND, Reply
from lamina.runtime_api.restoring import Restoring
from lamina.runtime_api.routes import Routes
from lamina.runtime_api.session import Answer, InitFailed, Offer, RuntimeSession

STREAMING = {b"lambda-runtime-function-response-mode": "streaming", b"content-type": "text/plain"}
ERROR = b'{"errorMessage":"no"}'
FAILED = {
    b"lambda-runtime-function-error-type": "My.Error",
    b"lambda-runtime-function-error-body": base64.b64encode(ERROR).decode(),
}


class FakePeer:
    def __init__(self) -> None:
        self.replies: list[Reply] = []
        self.closed = False

    def reply(self, reply: Reply) -> None:
        self.replies.append(reply)

    def pause(self) -> None: ...

    def resume(self) -> None: ...

    def close(self) -> None:
        self.closed = True


class FakeSink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.content_type: str | None = None
        self.pieces: list[bytes] = []
        self.ended = False
        self.held_bytes = 5

    def begin(self, content_type: str | None, sender: Sender) -> None:
        self.content_type = content_type

    def put(self, piece: bytes) -> None:
        self.pieces.append(piece)

    def end(self) -> None:
        self.ended = True

    async def wait_left(self) -> None:
        assert self.ended


class Runtime:
    """A session that has been given the invocation "id", and what it told of it."""

    def __init__(self, sink: FakeSink | None) -> None:
        self.answers: list[Answer] = []
        self.session = RuntimeSession(lambda: None, self.answers.append, self._no_init_failure)
        extensions = Extensions(Facts("f", "1", "index.handler", "123456789012"), lambda: None, self._no_extension)
        self.routes, self.peer = (
            Routes(self.session, Restoring(False, lambda: None, lambda _: None), extensions, lambda *_: NOT_FOUND),
            FakePeer(),
        )
        self.session.next(self.peer.reply)
        self.session.offer(Offer("id", {}, b"{}", sink))

    def _no_extension(self, failed: ExtensionFailed) -> None:
        raise AssertionError(failed)

    def said(self) -> list[tuple[bytes, str | None, int]]:
        """What was told of streamed answers: payload, type of error, bytes that were streamed."""
        told = []
        for answer in self.answers:
            assert answer.streamed is not None
            assert answer.streamed.began <= answer.streamed.ended
            told.append((answer.payload, answer.error_type, answer.streamed.size))
        return told

    def _no_init_failure(self, failed: InitFailed) -> None:
        raise AssertionError

    def post(self, headers: Mapping[bytes, str], kind: str = "response") -> Exchange:
        return self.routes.open(Head(b"POST", f"/2018-06-01/runtime/invocation/id/{kind}", headers), self.peer)


def status(reply: Reply | None) -> int:
    assert reply is not None
    return reply.status


def test_a_stream_goes_to_its_sink_as_it_comes() -> None:
    sink = FakeSink()
    runtime = Runtime(sink)
    exchange = runtime.post(STREAMING)
    exchange.take(b"one")
    assert (sink.content_type, sink.pieces, exchange.held_bytes) == ("text/plain", [b"one"], 5)
    exchange.take(b"two")
    assert runtime.answers == []
    assert status(exchange.end({})) == 202
    assert (sink.pieces, sink.ended) == ([b"one", b"two"], True)
    assert runtime.said() == [(b"", None, 6)]


def test_an_error_may_be_told_behind_a_stream() -> None:
    runtime = Runtime(FakeSink())
    exchange = runtime.post(STREAMING)
    exchange.take(b"one")
    assert status(exchange.end(FAILED)) == 202
    assert runtime.said() == [(ERROR, "My.Error", 3)]


def test_an_error_body_that_is_no_base64_is_taken_as_it_is() -> None:
    runtime = Runtime(FakeSink())
    runtime.post(STREAMING).end({b"lambda-runtime-function-error-body": "~"})
    assert runtime.said() == [(b"~", "Runtime.Unknown", 0)]


def test_without_a_sink_the_pieces_are_one_answer() -> None:
    runtime = Runtime(None)
    exchange = runtime.post(STREAMING)
    exchange.take(b"one")
    exchange.take(b"two")
    assert exchange.held_bytes == 6
    assert status(exchange.end({})) == 202
    assert runtime.answers == [Answer("id", b"onetwo", content_type="text/plain")]


def test_without_a_sink_the_error_behind_it_is_all_of_the_answer() -> None:
    runtime = Runtime(None)
    exchange = runtime.post(STREAMING)
    exchange.take(b"one")
    assert status(exchange.end(FAILED)) == 202
    assert runtime.answers == [Answer("id", ERROR, "My.Error")]


def test_a_whole_answer_has_its_bound_with_a_sink_too() -> None:
    runtime = Runtime(FakeSink())
    exchange = runtime.post({b"content-type": "application/json"})
    exchange.take(bytes(RESPONSE_BYTES_MAX + 1))
    assert status(exchange.end({})) == 413
    assert runtime.answers == [Answer("id", b"", too_large=True)]


def test_a_stream_without_an_end_is_cut_at_its_bound() -> None:
    sink = FakeSink()
    runtime = Runtime(sink)
    exchange = runtime.post(STREAMING)
    piece = bytes(20 * 1024 * 1024)
    for _ in range(STREAM_BYTES_MAX // len(piece)):
        exchange.take(piece)
    assert (runtime.answers, runtime.peer.closed) == ([], False)
    exchange.take(b"x")
    assert runtime.said() == [(b"", None, STREAM_BYTES_MAX + 1)]
    assert runtime.answers[0].too_large
    assert (runtime.peer.closed, sink.ended) == (True, True)
    exchange.take(b"x")
    exchange.drop()
    assert len(sink.pieces) == 10


@pytest.mark.parametrize("kind", ["response", "error"])
def test_while_it_streams_there_is_no_other_answer(kind: str) -> None:
    runtime = Runtime(FakeSink())
    stream = runtime.post(STREAMING)
    assert status(runtime.post({}, kind).end({})) == 400
    assert status(runtime.post(STREAMING).end({})) == 400
    assert runtime.answers == []
    assert status(stream.end({})) == 202


def test_a_runtime_that_leaves_off_and_asks_for_the_next_event_has_truncated_its_answer() -> None:
    sink = FakeSink()
    runtime = Runtime(sink)
    exchange = runtime.post(STREAMING)
    exchange.take(b"one")
    exchange.drop()
    assert (sink.ended, runtime.answers) == (True, [])
    peer = FakePeer()
    assert runtime.session.next(peer.reply) is None
    [(_, error_type, size)] = runtime.said()
    assert (error_type, size) == ("Runtime.TruncatedResponse", 3)
    runtime.session.offer(Offer("next", {}, b"{}"))
    assert [reply.status for reply in peer.replies] == [200]
    assert runtime.session.takes_answer("next")


def test_a_runtime_that_streams_must_not_ask_for_the_next_event() -> None:
    runtime = Runtime(FakeSink())
    runtime.post(STREAMING)
    assert status(runtime.session.next(FakePeer().reply)) == 403
