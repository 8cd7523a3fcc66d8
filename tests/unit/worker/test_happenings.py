"""What a phase can end with, as a caller and as a log are told of it."""

from __future__ import annotations

import json

import pytest

from lamina.invocations.calls import ProcessEnd
from lamina.runtime_api.extensions import ExtensionFailed
from lamina.runtime_api.session import Answer, InitFailed
from lamina.worker.happenings import Exited, Failure, TimeIsUp, crash, told
from lamina.worker.platform_log import SUCCESS, Verdict


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        (ProcessEnd(status=255), ExtensionFailed("Extension.Crash", "exit status 255")),
        (ProcessEnd(status=0), ExtensionFailed("Extension.Crash", "exit code 0")),
        (ProcessEnd(signal=9), ExtensionFailed("Extension.Crash", "signal: killed")),
        (ProcessEnd(signal=64), ExtensionFailed("Extension.Crash", "signal: signal 64")),
        (ProcessEnd(status=1, never_began="why"), ExtensionFailed("Extension.LaunchError", "why")),
    ],
)
def test_an_extensions_process_that_ended(end: ProcessEnd, expected: ExtensionFailed) -> None:
    assert crash(end) == expected


@pytest.mark.parametrize(
    ("failure", "verdict"),
    [
        (ExtensionFailed("Extension.Crash", "exit status 1"), Verdict("error", "Extension.Crash")),
        (Exited(ProcessEnd(status=1)), Verdict("error", "Runtime.ExitError")),
        (InitFailed(b"{}", "Runtime.Bad"), Verdict("error", "Runtime.Bad")),
        (TimeIsUp(), Verdict("timeout")),
    ],
)
def test_a_failure_and_its_verdict(failure: Failure, verdict: Verdict) -> None:
    outcome = told("ID", 3, failure)
    assert (outcome.function_error, outcome.verdict) == ("Unhandled", verdict)


def test_a_failed_extension_is_told_as_the_service_does() -> None:
    payload = told("ID", 3, ExtensionFailed("Extension.Crash", "exit status 1")).payload
    assert json.loads(payload) == {"errorType": "Extension.Crash", "errorMessage": "RequestId: ID Error: exit status 1"}


def test_an_answer_is_the_outcome() -> None:
    outcome = told("ID", 3, Answer("ID", b"1"))
    assert (outcome.payload, outcome.function_error, outcome.verdict) == (b"1", None, SUCCESS)
