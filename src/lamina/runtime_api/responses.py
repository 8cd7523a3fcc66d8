"""The runtime's answer to an invocation: all at once, or as a stream of pieces with a failure told behind it.

A runtime streams by saying so in a header, sending its response in chunks, and naming in the trailers the error that
ended it, if one did. Where the caller waits for the whole answer, the pieces are put together as if they had been one.
"""

from __future__ import annotations

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Final

from lamina.invocations.streams import STREAM_BYTES_MAX, Flow
from lamina.runtime_api.bodies import Body
from lamina.runtime_api.connections import Exchange, Head, Peer
from lamina.runtime_api.replies import Reply
from lamina.runtime_api.session import INVALID_REQUEST_ID, RESPONSE_BYTES_MAX, Answer, RuntimeSession

_MODE: Final = b"lambda-runtime-function-response-mode"
_STREAMING: Final = "streaming"
_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"
_ERROR_BODY: Final = b"lambda-runtime-function-error-body"


def open_response(runtime: RuntimeSession, request_id: str, head: Head, peer: Peer) -> Exchange:
    """The exchange that POST /runtime/invocation/{id}/response begins."""
    content_type = head.headers.get(b"content-type")
    if head.headers.get(_MODE, "").lower() == _STREAMING and runtime.takes_stream(request_id):
        return Streamed(runtime, request_id, content_type, peer)
    return Whole(runtime, request_id, content_type)


class Whole:
    """An answer that is handed over when all of it is there."""

    def __init__(self, runtime: RuntimeSession, request_id: str, content_type: str | None) -> None:
        self._runtime, self._request_id, self._content_type = runtime, request_id, content_type
        self._body = Body(RESPONSE_BYTES_MAX, wanted=runtime.takes_answer(request_id))
        self.take = self._body.take

    @property
    def held_bytes(self) -> int:
        return self._body.held_bytes

    def end(self, trailers: Mapping[bytes, str]) -> Reply | None:
        runtime, body = self._runtime, self._body
        error_type, error = _told_behind(trailers)
        if body.too_large:
            return runtime.response_too_large(self._request_id)
        if not body.kept:
            # Not even where it has become the one that is awaited, by now.
            return INVALID_REQUEST_ID
        if error_type:
            return runtime.error(self._request_id, error, error_type)
        return runtime.response(self._request_id, body.content, self._content_type)

    def drop(self) -> None:
        """Nothing was done yet."""


class Streamed:
    """An answer that is handed on as it comes, which nobody can take back."""

    def __init__(self, runtime: RuntimeSession, request_id: str, content_type: str | None, peer: Peer) -> None:
        self._runtime, self._request_id, self._peer = runtime, request_id, peer
        self._sink = runtime.begin_stream()
        self._size = 0
        self._began = time.perf_counter()
        self._over = False
        self._sink.begin(content_type, peer)

    @property
    def held_bytes(self) -> int:
        return 0 if self._over else self._sink.held_bytes

    def take(self, piece: bytes) -> None:
        if self._over:
            return
        self._size += len(piece)
        if self._size <= STREAM_BYTES_MAX:
            self._sink.put(piece)
            return
        flow = self._leave()
        self._runtime.end_stream(Answer(self._request_id, b"", too_large=True, streamed=flow))
        # There may be no end to what comes.
        self._peer.close()

    def end(self, trailers: Mapping[bytes, str]) -> Reply | None:
        flow = self._leave()
        error_type, error = _told_behind(trailers)
        return self._runtime.end_stream(Answer(self._request_id, error, error_type or None, streamed=flow))

    def drop(self) -> None:
        if not self._over:
            self._runtime.break_stream(self._leave())

    def _leave(self) -> Flow:
        self._over = True
        self._sink.end()
        return Flow(self._size, self._began, time.perf_counter())


def _told_behind(trailers: Mapping[bytes, str]) -> tuple[str, bytes]:
    """The type of the error that the *trailers* tell of, empty for none, and its payload."""
    error_type = trailers.get(_ERROR_TYPE, "")
    encoded = trailers.get(_ERROR_BODY, "")
    if encoded and not error_type:
        error_type = "Runtime.Unknown"
    try:
        return error_type, base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return error_type, encoded.encode("latin-1")
