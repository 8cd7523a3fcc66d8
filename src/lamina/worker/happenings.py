"""What a phase of an environment's life can end with, and what a caller is told of it."""

from __future__ import annotations

from lamina.invocations import calls
from lamina.invocations.calls import ProcessEnd
from lamina.invocations.streams import STREAM_BYTES_MAX
from lamina.runtime_api.extensions import ExtensionFailed
from lamina.runtime_api.session import Answer, InitFailed
from lamina.values import dataclass
from lamina.worker.platform_log import SUCCESS, Verdict


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


Failure = InitFailed | Exited | ExtensionFailed | Failed | TimeIsUp


@dataclass(frozen=True, slots=True)
class Told:
    """An invocation's end as its caller and its log see it."""

    payload: bytes
    function_error: str | None
    verdict: Verdict
    content_type: str | None = None


def told(request_id: str, timeout_s: int, happening: Answer | Failure) -> Told:
    """What *happening* is as the end of the invocation *request_id*."""
    if isinstance(happening, Answer):
        if happening.too_large:
            limit = STREAM_BYTES_MAX if happening.streamed else calls.RESPONSE_BYTES_MAX
            return _failed(calls.response_too_large(limit), Verdict("failure", "Function.ResponseSizeTooLarge"))
        if happening.error_type is not None:
            return _failed(happening.payload, Verdict("failure", happening.error_type))
        return Told(happening.payload, None, SUCCESS, happening.content_type)
    if isinstance(happening, InitFailed):
        return _failed(happening.payload, verdict(happening))
    if isinstance(happening, Exited):
        return _failed(calls.ended(request_id, happening.end), verdict(happening))
    if isinstance(happening, ExtensionFailed):
        payload = calls.failed_outside(happening.error_type, request_id, happening.text)
        return _failed(payload, verdict(happening))
    return _failed(calls.timed_out(request_id, timeout_s), verdict(happening))


def verdict(failure: Failure) -> Verdict:
    """How *failure* is reported."""
    if isinstance(failure, InitFailed | ExtensionFailed):
        return Verdict("error", failure.error_type)
    if isinstance(failure, Exited):
        return Verdict("error", calls.describe_end(failure.end)[0])
    return Verdict("timeout") if isinstance(failure, TimeIsUp) else Verdict("error")


def crash(end: ProcessEnd) -> ExtensionFailed:
    """What the end of an extension's process is."""
    if end.never_began is not None:
        return ExtensionFailed("Extension.LaunchError", end.never_began)
    return ExtensionFailed("Extension.Crash", calls.describe_exit(end))


def _failed(payload: bytes, verdict: Verdict) -> Told:
    return Told(payload, calls.UNHANDLED, verdict)
