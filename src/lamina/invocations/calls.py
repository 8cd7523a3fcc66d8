"""An invocation and its outcome."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import Final

from lamina import errors
from lamina.invocations.streams import Sink
from lamina.values import dataclass

REQUEST_BYTES_MAX: Final = 6 * 1024 * 1024
EVENT_BYTES_MAX: Final = 1024 * 1024
RESPONSE_BYTES_MAX: Final = 6 * 1024 * 1024 + 100


class InvocationType(StrEnum):
    """How the caller wants it run."""

    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    DRY_RUN = "DryRun"


@dataclass(frozen=True, slots=True)
class Invocation:
    """One event for one version of a function. *arn* is the function as the caller named it, alias and all.

    A response that the function streams goes to *sink*; without one it is awaited whole. *with_log*: the caller wants
    the end of the log with the answer.
    """

    request_id: str
    arn: str
    payload: bytes
    timeout_s: int
    client_context: str | None = None
    trace_id: str | None = None
    sink: Sink | None = field(default=None, compare=False)
    with_log: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of an invocation. A failing function is an outcome too: *function_error* says so.

    *version* is the one that ran, where whoever made the outcome knows; *content_type* what the runtime said of its
    answer. Of a response that went to a sink, the payload holds nothing but the error that ended it.
    """

    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    version: str | None = None
    content_type: str | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """The figures of a REPORT line; *init_ms* or *restore_ms* only for the first invocation of an environment."""

    duration_ms: float
    memory_mb: int
    memory_used_mb: int
    init_ms: float | None = None
    problem: str | None = None
    restore_ms: float | None = None


def check_payload(payload: bytes, kind: InvocationType) -> bytes:
    """The event that *payload* is, `{}` for none. Raises AWS's errors for what is no JSON, or too large.

    Sizes: 6 MB, 1 MB for an Event (since October 2025).
    """
    limit = EVENT_BYTES_MAX if kind is InvocationType.EVENT else REQUEST_BYTES_MAX
    if len(payload) > limit:
        raise errors.request_too_large(
            f"{len(payload)} byte payload is too large for the Event invocation type (limit {limit} bytes)"
            if kind is InvocationType.EVENT
            else f"Request must be smaller than {limit} bytes for the InvokeFunction operation"
        )
    if not payload:
        return b"{}"
    try:
        try:
            _DECODER.decode(payload.decode())
        except ValueError:
            # It may be written in what is not UTF-8, which it takes longer to find out than to read a small one.
            _DECODER.decode(payload.decode(json.detect_encoding(payload), "surrogatepass"))
    except (ValueError, RecursionError) as error:
        raise errors.invalid_request_content(
            f"Could not parse request body into json: Could not parse payload into json: {_jackson(payload, error)}"
        ) from None
    return payload


class _NotANumber(ValueError):
    """NaN or an infinity, which Python's parser reads and JSON does not have."""


def _refuse_constant(name: str) -> None:
    raise _NotANumber(name)


# As `json.loads` with these words, which makes one for each call.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse_constant)


def _jackson(payload: bytes, error: Exception) -> str:
    """What the service's JSON parser says of *payload*; its words, as far as they have been recorded."""
    line, column = 1, 1
    if isinstance(error, UnicodeDecodeError):
        line, column = _position(payload, error.start)
        said = f"Invalid UTF-8 start byte 0x{payload[error.start]:02x}"
        column += 1
        if error.start == 0:
            said = _unexpected(payload[0])
            column = 1
    elif isinstance(error, json.JSONDecodeError):
        line, column = error.lineno, error.colno
        text = error.doc[error.pos : error.pos + 1]
        said = _unexpected(ord(text)) if text else "Unexpected end-of-input"
    elif isinstance(error, _NotANumber):
        name = str(error)
        line, column = _position(payload, payload.find(name.encode()))
        said = f"Non-standard token '{name}': enable `JsonReadFeature.ALLOW_NON_NUMERIC_NUMBERS` to allow"
    elif isinstance(error, RecursionError):
        said = "Document nesting depth exceeds the maximum allowed"
    else:
        # Python reads integers of 4,300 digits at most.
        said = "Number value length exceeds the maximum allowed"
    where = (
        f"[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
    )
    return f"{said}\n at {where}"


def _position(payload: bytes, offset: int) -> tuple[int, int]:
    before = payload[:offset]
    return before.count(b"\n") + 1, offset - (before.rfind(b"\n") + 1) + 1


def _unexpected(code: int) -> str:
    shown = f"'{chr(code)}' (code {code})" if 32 <= code < 127 else f"(CTRL-CHAR, code {code})"
    expected = "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')"
    return f"Unexpected character ({shown}): {expected}"


@dataclass(frozen=True, slots=True)
class ProcessEnd:
    """How a runtime's process ended: *signal* is None unless one killed it.

    *never_began* says why there was none: no bootstrap, or one that the kernel does not execute.
    """

    status: int = 0
    signal: int | None = None
    out_of_memory: bool = False
    never_began: str | None = None


# Go's names, which are what the service prints.
_SIGNALS: Final[Mapping[int, str]] = {
    1: "hangup", 2: "interrupt", 3: "quit", 4: "illegal instruction", 5: "trace/breakpoint trap", 6: "aborted",
    7: "bus error", 8: "floating point exception", 9: "killed", 10: "user defined signal 1",
    11: "segmentation fault", 12: "user defined signal 2", 13: "broken pipe", 14: "alarm clock", 15: "terminated",
    31: "bad system call",
}  # fmt: skip


def timed_out(request_id: str, timeout_s: int) -> bytes:
    """The payload the service makes for a function that took too long."""
    return _service_error("Sandbox.Timedout", request_id, f"Task timed out after {timeout_s:.2f} seconds")


def ended(request_id: str, end: ProcessEnd) -> bytes:
    """The payload for a runtime that exited in the middle of things."""
    kind, text = describe_end(end)
    return _service_error(kind, request_id, text)


def describe_end(end: ProcessEnd) -> tuple[str, str]:
    """Error type and text of a runtime's exit."""
    if end.never_began is not None:
        return "Runtime.InvalidEntrypoint", end.never_began
    if end.signal is not None:
        name = _SIGNALS.get(end.signal, f"signal {end.signal}")
        kind = "Runtime.OutOfMemory" if end.out_of_memory else "Runtime.ExitError"
        return kind, f"Runtime exited with error: signal: {name}"
    if end.status:
        return "Runtime.ExitError", f"Runtime exited with error: exit status {end.status}"
    return "Runtime.ExitError", "Runtime exited without providing a reason"


def describe_exit(end: ProcessEnd) -> str:
    """What is said of an extension's exit."""
    if end.signal is not None:
        return f"signal: {_SIGNALS.get(end.signal, f'signal {end.signal}')}"
    return f"exit status {end.status}" if end.status else "exit code 0"


def failed_outside(kind: str, request_id: str, text: str) -> bytes:
    """The payload where it was not the runtime that failed, but what runs beside it."""
    return _service_error(kind, request_id, text)


def response_too_large(bytes_max: int = RESPONSE_BYTES_MAX) -> bytes:
    """The payload for an answer of more than *bytes_max*; here the type comes last."""
    message = f"Response payload size exceeded maximum allowed payload size ({bytes_max} bytes)."
    return _compact({"errorMessage": message, "errorType": "Function.ResponseSizeTooLarge"})


def truncated(request_id: str) -> bytes:
    """The payload for a response that the runtime began to stream and left off without saying why."""
    return _service_error(TRUNCATED, request_id, "Runtime ended its response before it was complete")


def _service_error(kind: str, request_id: str, text: str) -> bytes:
    return _compact({"errorType": kind, "errorMessage": f"RequestId: {request_id} Error: {text}"})


def _compact(members: Mapping[str, object]) -> bytes:
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False).encode()


UNHANDLED: Final = "Unhandled"
TRUNCATED: Final = "Runtime.TruncatedResponse"
