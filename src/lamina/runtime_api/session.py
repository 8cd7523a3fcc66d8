"""The Runtime API of one environment as a state machine, without sockets.

One runtime process asks for an invocation, answers it, asks for the next. The worker offers invocations and is told
what came of them. Answers that come too late, twice, or for another invocation are refused as the service refuses them.
Source: the Runtime API's documentation, and the errors of AWS's emulator as its users see them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from lamina.invocations.calls import TRUNCATED, truncated
from lamina.invocations.streams import Flow, Sink
from lamina.runtime_api.replies import ACCEPTED, JSON, Reply, refusal
from lamina.values import dataclass

RESPONSE_BYTES_MAX: Final = 6 * 1024 * 1024 + 100


@dataclass(frozen=True, slots=True)
class Offer:
    """An invocation as the runtime will see it: *headers* are the Lambda-Runtime-* ones.

    A response that the runtime streams goes to *sink*; without one it is awaited whole.
    """

    request_id: str
    headers: Mapping[str, str]
    payload: bytes
    sink: Sink | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the runtime said of an invocation. *error_type* is set when it reported a failure.

    What was *streamed* went to the offer's sink already; the payload is the error that ended it, if there was one.
    """

    request_id: str
    payload: bytes
    error_type: str | None = None
    too_large: bool = False
    content_type: str | None = None
    streamed: Flow | None = None


@dataclass(frozen=True, slots=True)
class InitFailed:
    """The runtime could not get ready, and said why."""

    payload: bytes
    error_type: str


INVALID_REQUEST_ID: Final = refusal(400, "InvalidRequestID", "Invalid request ID")


class RuntimeSession:
    """The conversation with one runtime process; a new process gets a new session.

    *ready* is called when it asks for an invocation, *answered* and *init_failed* when it reports.
    """

    def __init__(
        self,
        ready: Callable[[], None],
        answered: Callable[[Answer], None],
        init_failed: Callable[[InitFailed], None],
    ) -> None:
        self._ready, self._answered, self._init_failed = ready, answered, init_failed
        self._was_ready = False
        self._offered: Offer | None = None
        self._current: str | None = None
        self._sink: Sink | None = None
        # Whether the response of the current invocation has begun to come in pieces, and what it was if it broke off.
        self._streaming = False
        self._broken: Flow | None = None
        self._waiting: Callable[[Reply], None] | None = None
        # Whether what was given out last was never read, where anybody can tell.
        self._unread: Callable[[], bool] | None = None

    @property
    def untaken(self) -> bool:
        """Whether there is an invocation that the runtime has not asked for, or not read; for when it has ended."""
        if self._offered is not None:
            return True
        return self._current is not None and self._unread is not None and self._unread()

    @property
    def waiting(self) -> bool:
        """Whether the runtime has asked for an event and has none."""
        return self._waiting is not None

    def offer(self, offer: Offer) -> None:
        """Give the runtime its next invocation, now or when it asks."""
        assert self._offered is None, "one event at a time"
        assert self._current is None, "one event at a time"
        self._offered = offer
        self._deliver()

    def next(self, reply: Callable[[Reply], None], unread: Callable[[], bool] | None = None) -> Reply | None:
        """GET /runtime/invocation/next: the reply; None if *reply* is called once there is one.

        *unread* says, once the runtime has ended, whether it ended before it read what *reply* gave it.
        """
        if self._current is not None and self._broken is not None:
            # It was not that the process died: it has thought better of its answer.
            self._finish(Answer(self._current, truncated(self._current), TRUNCATED, streamed=self._broken))
        if self._current is not None:
            return refusal(403, "InvalidStateTransition", "State transition from Running to Ready failed")
        self._waiting, self._unread = reply, unread
        self._was_ready = True
        self._ready()
        self._deliver()
        return None

    def hung_up(self, reply: Callable[[Reply], None]) -> None:
        """The connection on which *reply* waits has gone."""
        if self._waiting is reply:
            self._waiting = None

    def takes_answer(self, request_id: str) -> bool:
        """Whether an answer for *request_id* would be taken now: the body of any other need not be kept."""
        return self._current == request_id and not self._streaming

    def takes_stream(self, request_id: str) -> bool:
        """Whether its answer may come in pieces."""
        return self.takes_answer(request_id) and self._sink is not None

    def takes_init_error(self) -> bool:
        """The same of /runtime/init/error; once it is not taken it never will be."""
        return not self._was_ready

    def begin_stream(self) -> Sink:
        """The sink for the response of the current invocation; ask `takes_stream` before."""
        assert self._sink is not None, "the answer is awaited whole"
        self._streaming = True
        return self._sink

    def end_stream(self, answer: Answer) -> Reply:
        """The response that was begun has come to its end, which *answer* tells."""
        assert self._streaming
        assert self._current == answer.request_id
        self._finish(answer)
        return ACCEPTED

    def break_stream(self, flow: Flow) -> None:
        """The connection of the response that was begun has gone. Why, the next thing to happen will tell."""
        self._broken = flow

    def response(self, request_id: str, payload: bytes, content_type: str | None = None) -> Reply:
        """POST /runtime/invocation/{id}/response"""
        if refused := self._not_current(request_id):
            return refused
        if len(payload) > RESPONSE_BYTES_MAX:
            return self.response_too_large(request_id)
        self._finish(Answer(request_id, payload, content_type=content_type))
        return ACCEPTED

    def response_too_large(self, request_id: str) -> Reply:
        """The same, of a body that was not even read to its end."""
        if refused := self._not_current(request_id):
            return refused
        self._finish(Answer(request_id, b"", too_large=True))
        message = f"Exceeded maximum allowed payload size ({RESPONSE_BYTES_MAX} bytes)."
        return refusal(413, "RequestEntityTooLarge", message)

    def error(self, request_id: str, payload: bytes, error_type: str) -> Reply:
        """POST /runtime/invocation/{id}/error"""
        if refused := self._not_current(request_id):
            return refused
        self._finish(Answer(request_id, payload, error_type=error_type or "Runtime.Unknown"))
        return ACCEPTED

    def init_error(self, payload: bytes, error_type: str) -> Reply:
        """POST /runtime/init/error"""
        if self._was_ready:
            return refusal(403, "InvalidStateTransition", "State transition from Ready to InitError failed")
        self._init_failed(InitFailed(payload, error_type or "Runtime.Unknown"))
        return ACCEPTED

    def _not_current(self, request_id: str) -> Reply | None:
        # Once a response streams, a failure is told behind it.
        return None if self.takes_answer(request_id) else INVALID_REQUEST_ID

    def _finish(self, answer: Answer) -> None:
        self._current = self._sink = None
        self._streaming, self._broken = False, None
        self._answered(answer)

    def _deliver(self) -> None:
        if self._offered is None or self._waiting is None:
            return
        offer, self._offered = self._offered, None
        reply, self._waiting = self._waiting, None
        self._current, self._sink = offer.request_id, offer.sink
        reply(Reply(200, offer.payload, {"Content-Type": JSON, **offer.headers}))
