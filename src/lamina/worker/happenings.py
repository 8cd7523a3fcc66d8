"""What a phase of an environment's life can end with, and what a caller is told of it."""

from __future__ import annotations

from dataclasses import dataclass

from lamina.invocations import calls
from lamina.invocations.calls import ProcessEnd
from lamina.invocations.streams import STREAM_BYTES_MAX
from lamina.runtime_api.session import Answer, InitFailed
from lamina.worker.platform_log import Verdict


@dataclass(frozen=True, slots=True)
class Ready:
    """The runtime has asked for its first event."""


@dataclass(frozen=True, slots=True)
class Exited:
    """The runtime's process has ended."""

    end: ProcessEnd


@dataclass(frozen=True, slots=True)
class Failed:
    """The sandbox could not be set up."""

    text: str


@dataclass(frozen=True, slots=True)
class TimeIsUp:
    """The phase took too long."""


Happening = Ready | Answer | InitFailed | Exited | Failed | TimeIsUp


@dataclass(frozen=True, slots=True)
class Told:
    """An invocation's end as its caller and its log see it."""

    payload: bytes
    function_error: str | None
    verdict: Verdict
    content_type: str | None = None


def told(request_id: str, timeout_s: int, happening: Happening) -> Told:
    """What *happening* is as the end of the invocation *request_id*."""
    if isinstance(happening, Answer):
        if happening.too_large:
            limit = STREAM_BYTES_MAX if happening.streamed else calls.RESPONSE_BYTES_MAX
            return _failed(calls.response_too_large(limit), Verdict("failure", "Function.ResponseSizeTooLarge"))
        if happening.error_type is not None:
            return _failed(happening.payload, Verdict("failure", happening.error_type))
        return Told(happening.payload, None, Verdict("success"), happening.content_type)
    if isinstance(happening, InitFailed):
        return _failed(happening.payload, Verdict("error", happening.error_type))
    if isinstance(happening, Exited):
        kind, _ = calls.describe_end(happening.end)
        return _failed(calls.ended(request_id, happening.end), Verdict("error", kind))
    return _failed(calls.timed_out(request_id, timeout_s), Verdict("timeout"))


def _failed(payload: bytes, verdict: Verdict) -> Told:
    return Told(payload, calls.UNHANDLED, verdict)
