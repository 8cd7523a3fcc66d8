"""Payloads that are taken and refused, and the payloads the service makes itself; words as recorded on AWS."""

from __future__ import annotations

import json

import pytest

from lamina.errors import ApiError
from lamina.invocations import calls
from lamina.invocations.calls import InvocationType, ProcessEnd, check_payload

REFUSED = "Could not parse request body into json: Could not parse payload into json: "
SYNCHRONOUS = InvocationType.REQUEST_RESPONSE


def at(line: int, column: int) -> str:
    source = "[Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"\n at {source}; line: {line}, column: {column}]"


def refusal(payload: bytes, kind: InvocationType = SYNCHRONOUS) -> ApiError:
    with pytest.raises(ApiError) as raised:
        check_payload(payload, kind)
    return raised.value


@pytest.mark.parametrize("kind", InvocationType)
def test_no_payload_is_an_empty_object(kind: InvocationType) -> None:
    assert check_payload(b"", kind) == b"{}"


@pytest.mark.parametrize(
    "payload", [b'{"a": "\\"[{"}', b"true", b"false", b"null", b"[1, 2]", b"-1.5e3", b'"text"', ' "🙂" \n'.encode()]
)
def test_any_json_value_is_an_event_and_passes_unchanged(payload: bytes) -> None:
    assert check_payload(payload, SYNCHRONOUS) == payload


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        (b"n\x87\xea\x00", "Invalid UTF-8 start byte 0x87" + at(1, 3)),
        (
            b"\x99\xeb-",
            "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value "
            "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')" + at(1, 1),
        ),
    ],
)
def test_what_is_no_json_is_refused_in_the_recorded_words(payload: bytes, said: str) -> None:
    error = refusal(payload)
    assert (error.code, error.status, error.kind) == ("InvalidRequestContentException", 400, "User")
    assert error.message == REFUSED + said


def test_the_place_counts_lines() -> None:
    assert refusal(b'{"a": 1,\n "b": x}').message.endswith(at(2, 7))
    assert refusal(b'{"a": 1,\n \x99}').message.endswith(at(2, 3))


def test_an_end_in_the_middle_is_called_so() -> None:
    assert refusal(b'{"a": ').message.startswith(f"{REFUSED}Unexpected end-of-input\n at [Source")


@pytest.mark.parametrize("payload", [b"NaN", b"Infinity", b"[-Infinity]"])
def test_numbers_that_json_does_not_have_are_refused(payload: bytes) -> None:
    assert refusal(payload).code == "InvalidRequestContentException"


def test_what_nests_too_deep_is_refused() -> None:
    payload = b"[" * 100_000 + b"]" * 100_000
    assert refusal(payload).message.startswith(f"{REFUSED}Document nesting depth exceeds the maximum allowed\n")


def test_a_number_too_long_to_read_is_refused_as_that() -> None:
    assert "Number value length" in refusal(b"1" * 5000).message


@pytest.mark.parametrize("kind", [InvocationType.REQUEST_RESPONSE, InvocationType.DRY_RUN])
def test_a_payload_may_have_6_mb(kind: InvocationType) -> None:
    fits = b'"' + b"x" * (6 * 1024 * 1024 - 2) + b'"'
    assert check_payload(fits, kind) is fits
    error = refusal(b" " + fits, kind)
    assert (error.code, error.status) == ("RequestEntityTooLargeException", 413)
    assert error.message == "Request must be smaller than 6291456 bytes for the InvokeFunction operation"


def test_an_event_may_have_1_mb() -> None:
    fits = b'"' + b"x" * (1024 * 1024 - 2) + b'"'
    assert check_payload(fits, InvocationType.EVENT) is fits
    error = refusal(b" " + fits, InvocationType.EVENT)
    assert (error.code, error.status) == ("RequestEntityTooLargeException", 413)
    assert error.message == "1048577 byte payload is too large for the Event invocation type (limit 1048576 bytes)"


def test_a_timeout_names_the_configured_seconds_with_two_decimals() -> None:
    assert calls.timed_out("ID", 1) == (
        b'{"errorType":"Sandbox.Timedout","errorMessage":"RequestId: ID Error: Task timed out after 1.00 seconds"}'
    )
    assert b"after 900.00 seconds" in calls.timed_out("ID", 900)


@pytest.mark.parametrize(
    ("end", "kind", "text"),
    [
        (ProcessEnd(0), "Runtime.ExitError", "Runtime exited without providing a reason"),
        (ProcessEnd(127), "Runtime.ExitError", "Runtime exited with error: exit status 127"),
        (ProcessEnd(signal=9), "Runtime.ExitError", "Runtime exited with error: signal: killed"),
        (ProcessEnd(signal=11), "Runtime.ExitError", "Runtime exited with error: signal: segmentation fault"),
        (ProcessEnd(signal=31), "Runtime.ExitError", "Runtime exited with error: signal: bad system call"),
        (ProcessEnd(signal=40), "Runtime.ExitError", "Runtime exited with error: signal: signal 40"),
        (
            ProcessEnd(1, never_began="fork/exec /var/task/bootstrap: permission denied"),
            "Runtime.InvalidEntrypoint",
            "fork/exec /var/task/bootstrap: permission denied",
        ),
        (
            ProcessEnd(signal=9, out_of_memory=True),
            "Runtime.OutOfMemory",
            "Runtime exited with error: signal: killed",
        ),
    ],
)
def test_an_exit_says_how(end: ProcessEnd, kind: str, text: str) -> None:
    payload = calls.ended("ID", end)
    assert list(json.loads(payload).items()) == [("errorType", kind), ("errorMessage", f"RequestId: ID Error: {text}")]


def test_the_type_comes_last_when_a_response_is_too_large() -> None:
    assert list(json.loads(calls.response_too_large()).items()) == [
        ("errorMessage", "Response payload size exceeded maximum allowed payload size (6291556 bytes)."),
        ("errorType", "Function.ResponseSizeTooLarge"),
    ]
