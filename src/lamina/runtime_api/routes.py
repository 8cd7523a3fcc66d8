"""Which request belongs to which step of the Runtime API's conversation."""

from __future__ import annotations

import re
from functools import partial
from typing import Final

from lamina.invocations.calls import response_too_large
from lamina.runtime_api import responses
from lamina.runtime_api.bodies import Body, Buffered, Waiting
from lamina.runtime_api.connections import Exchange, Head, Peer
from lamina.runtime_api.replies import NOT_FOUND, Reply
from lamina.runtime_api.session import INVALID_REQUEST_ID, RESPONSE_BYTES_MAX, RuntimeSession

_INVOCATION: Final = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT: Final = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"


class Routes:
    """Leads requests to the session of the runtime that is running."""

    def __init__(self, runtime: RuntimeSession) -> None:
        self._runtime = runtime

    def open(self, head: Head, peer: Peer) -> Exchange:
        """The exchange that *head* begins."""
        runtime, path = self._runtime, head.path
        error_type = head.headers.get(_ERROR_TYPE, "")
        if head.method == b"GET" and path == _NEXT:
            answer = peer.reply
            return Waiting(partial(runtime.next, answer), partial(runtime.hung_up, answer))
        if head.method == b"POST":
            if path == _INIT_ERROR:
                body = Body(RESPONSE_BYTES_MAX, wanted=runtime.takes_init_error())
                return Buffered(body, partial(_init_error, runtime, error_type))
            if invocation := _INVOCATION.fullmatch(path):
                request_id, kind = invocation.groups()
                if kind == "response":
                    return responses.open_response(runtime, request_id, head, peer)
                body = Body(RESPONSE_BYTES_MAX, wanted=runtime.takes_answer(request_id))
                return Buffered(body, partial(_error, runtime, request_id, error_type))
        return Buffered(Body(0, wanted=False), _not_found)


def _init_error(runtime: RuntimeSession, error_type: str, body: Body) -> Reply:
    # Cut short it would be no JSON.
    return runtime.init_error(response_too_large() if body.too_large else body.content, error_type)


def _error(runtime: RuntimeSession, request_id: str, error_type: str, body: Body) -> Reply:
    if body.too_large:
        return runtime.response_too_large(request_id)
    if not body.kept:
        # Not even where it has become the one that is awaited, by now.
        return INVALID_REQUEST_ID
    return runtime.error(request_id, body.content, error_type)


def _not_found(_body: Body) -> Reply:
    return NOT_FOUND
