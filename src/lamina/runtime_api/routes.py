"""Which request belongs to which step of which conversation: the runtime's, the extensions', the subscriptions'."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Final

from lamina.invocations.calls import response_too_large
from lamina.runtime_api import responses
from lamina.runtime_api.bodies import Body, Buffered, Waiting
from lamina.runtime_api.connections import Exchange, Head, Peer
from lamina.runtime_api.extensions import Extensions
from lamina.runtime_api.replies import NOT_FOUND, Reply, refusal
from lamina.runtime_api.restoring import Restoring
from lamina.runtime_api.session import INVALID_REQUEST_ID, RESPONSE_BYTES_MAX, RuntimeSession
from lamina.runtime_api.subscriptions import SUBSCRIPTION_BYTES_MAX, Api

_INVOCATION: Final = re.compile(r"/2018-06-01/runtime/invocation/([^/]+)/(response|error)")
_NEXT: Final = "/2018-06-01/runtime/invocation/next"
_INIT_ERROR: Final = "/2018-06-01/runtime/init/error"
_RESTORE: Final = "/2018-06-01/runtime/restore/"
_ERROR_TYPE: Final = b"lambda-runtime-function-error-type"
_EXTENSION: Final = "/2020-01-01/extension/"
_SUBSCRIBE: Final = {"/2022-07-01/telemetry": Api.TELEMETRY, "/2020-08-15/logs": Api.LOGS}
_IDENTIFIER: Final = b"lambda-extension-identifier"
_EXTENSION_BYTES_MAX: Final = 64 * 1024
# By the identifier of an extension: the subscription that a body asks for, or its refusal.
Subscribe = Callable[["str | None", Api, bytes], Reply]


class Routes:
    """Leads requests to the sessions of the processes that are running."""

    def __init__(
        self, runtime: RuntimeSession, restoring: Restoring, extensions: Extensions, subscribe: Subscribe
    ) -> None:
        self.runtime = runtime
        self._restoring = restoring
        self._extensions = extensions
        self._subscribe = subscribe

    def open(self, head: Head, peer: Peer) -> Exchange:
        """The exchange that *head* begins."""
        runtime, path = self.runtime, head.path
        if head.method == b"GET" and path == _NEXT:
            answer = peer.reply
            return Waiting(partial(runtime.next, answer), partial(runtime.hung_up, answer))
        if head.method == b"POST" and (invocation := _INVOCATION.fullmatch(path)):
            request_id, kind = invocation.groups()
            if kind == "response":
                return responses.open_response(runtime, request_id, head, peer)
            body = Body(RESPONSE_BYTES_MAX, wanted=runtime.takes_answer(request_id))
            return Buffered(body, partial(_error, runtime, request_id, head.headers.get(_ERROR_TYPE, "")))
        if head.method == b"POST" and path == _INIT_ERROR:
            body = Body(RESPONSE_BYTES_MAX, wanted=runtime.takes_init_error())
            return Buffered(body, partial(_init_error, runtime, head.headers.get(_ERROR_TYPE, "")))
        if path.startswith(_RESTORE):
            found = self._open_restoring(head, peer)
            return found or Buffered(Body(0, wanted=False), _not_found)
        found = self._open_extensions(head, peer) if path.startswith(_EXTENSION) else self._open_subscription(head)
        return found or Buffered(Body(0, wanted=False), _not_found)

    def _open_restoring(self, head: Head, peer: Peer) -> Exchange | None:
        restoring, asked = self._restoring, head.path.removeprefix(_RESTORE)
        if head.method == b"GET" and asked == "next":
            answer = peer.reply
            return Waiting(partial(restoring.next, answer), partial(restoring.hung_up, answer))
        if head.method == b"POST" and asked == "error":
            body = Body(RESPONSE_BYTES_MAX, wanted=restoring.takes_error())
            return Buffered(body, partial(_restore_error, restoring, head.headers.get(_ERROR_TYPE, "")))
        return None

    def _open_extensions(self, head: Head, peer: Peer) -> Exchange | None:
        extensions, headers = self._extensions, head.headers
        method, asked = head.method, head.path.removeprefix(_EXTENSION)
        identifier = headers.get(_IDENTIFIER)
        if method == b"GET" and asked == "event/next":
            answer = peer.reply
            return Waiting(partial(extensions.next, identifier, answer), partial(extensions.hung_up, answer))
        if method != b"POST":
            return None
        if asked == "register":
            name = _file_name(headers.get(b"lambda-extension-name", ""))
            features = headers.get(b"lambda-extension-accept-feature", "")
            return _small(lambda body: extensions.register(name, body, features))
        error_type = headers.get(b"lambda-extension-function-error-type")
        if asked == "init/error":
            return _small(lambda _body: extensions.init_error(identifier, error_type))
        if asked == "exit/error":
            return _small(lambda _body: extensions.exit_error(identifier, error_type))
        return None

    def _open_subscription(self, head: Head) -> Exchange | None:
        api = _SUBSCRIBE.get(head.path.rstrip("/"))
        if api is None or head.method != b"PUT":
            return None
        identifier = head.headers.get(_IDENTIFIER)
        return _small(lambda body: self._subscribe(identifier, api, body), SUBSCRIPTION_BYTES_MAX)


def _small(finish: Callable[[bytes], Reply], bytes_max: int = _EXTENSION_BYTES_MAX) -> Exchange:
    def answer(body: Body) -> Reply:
        if body.too_large:
            return refusal(413, "RequestEntityTooLarge", f"Exceeded maximum allowed payload size ({bytes_max} bytes).")
        return finish(body.content)

    return Buffered(Body(bytes_max), answer)


def _file_name(header: str) -> str:
    """A header's bytes as the name of a file, which process 1 has told of in the same way."""
    return header.encode("latin-1").decode("utf-8", "surrogateescape")


def _init_error(runtime: RuntimeSession, error_type: str, body: Body) -> Reply:
    # Cut short it would be no JSON.
    return runtime.init_error(response_too_large() if body.too_large else body.content, error_type)


def _restore_error(restoring: Restoring, error_type: str, body: Body) -> Reply:
    return restoring.error(response_too_large() if body.too_large else body.content, error_type)


def _error(runtime: RuntimeSession, request_id: str, error_type: str, body: Body) -> Reply:
    if body.too_large:
        return runtime.response_too_large(request_id)
    if not body.kept:
        # Not even where it has become the one that is awaited, by now.
        return INVALID_REQUEST_ID
    return runtime.error(request_id, body.content, error_type)


def _not_found(_body: Body) -> Reply:
    return NOT_FOUND
