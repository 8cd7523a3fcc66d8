"""What ends the process of a Node.js function, and what the platform is told before it does."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.node import VERSIONS, invoke
from tests.support.runtime_clients import Event


def _logged(log: str, title: str) -> dict[str, object]:
    """The error in the line of the log that begins with *title*."""
    line = next(line for line in log.splitlines() if title in line)
    told: dict[str, object] = json.loads(line.partition(f"{title} \t")[2])
    return told


@pytest.mark.parametrize("version", VERSIONS)
def test_an_exception_nobody_catches_is_reported_and_ends_the_process(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async () => {
            setTimeout(() => { throw new RangeError("late"); }, 5);
            await new Promise((done) => setTimeout(done, 60000));
        };
    """
    outcome = invoke(tmp_path, code, version=version)
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("error", "RangeError")
    assert outcome.status == 129
    told = _logged(outcome.log, "Uncaught Exception")
    assert (told["errorType"], told["errorMessage"]) == ("RangeError", "late")
    assert isinstance(told["stack"], list)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_rejection_nobody_handles_is_reported_and_ends_the_process(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async () => {
            Promise.reject(new RangeError("late"));
            await new Promise((done) => setTimeout(done, 60000));
        };
    """
    outcome = invoke(tmp_path, code, version=version)
    assert outcome.only.kind == "error"
    assert outcome.only.value["errorType"] == "Runtime.UnhandledPromiseRejection"
    assert outcome.only.value["errorMessage"] == "RangeError: late"
    assert outcome.status == 128
    told = _logged(outcome.log, "Unhandled Promise Rejection")
    assert told["errorType"] == "Runtime.UnhandledPromiseRejection"
    reason = told["reason"]
    assert isinstance(reason, dict)
    assert reason["errorType"] == "RangeError"


def test_an_invocation_that_is_answered_stays_answered(tmp_path: Path) -> None:
    code = """
        exports.handler = async () => {
            Promise.reject(new Error("forgotten"));
            return "answered";
        };
    """
    # Before 24 the answer is on its way when Node.js finds that nobody handles the rejection; from 24 on it is not.
    outcome = invoke(tmp_path / "22", code, [Event(), Event()], version="22")
    assert [(said.kind, said.value) for said in outcome.said] == [("response", "answered")]
    assert outcome.status == 128
    outcome = invoke(tmp_path / "24", code, [Event(), Event()], version="24")
    assert [said.kind for said in outcome.said] == ["error"]
    assert outcome.status == 128


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("code", "error_type", "status"),
    [
        ("setTimeout(() => { throw new RangeError('r'); }); await new Promise(() => {});", "RangeError", 129),
        (
            "Promise.reject(1); await new Promise((d) => setTimeout(d, 60000));",
            "Runtime.UnhandledPromiseRejection",
            128,
        ),
    ],
)
def test_what_nobody_catches_while_code_loads_fails_the_start(
    tmp_path: Path, code: str, error_type: str, status: int, version: str
) -> None:
    outcome = invoke(tmp_path, {"index.mjs": code}, version=version)
    assert (outcome.only.kind, outcome.only.value["errorType"]) == ("init error", error_type)
    assert outcome.status == status


@pytest.mark.parametrize("version", VERSIONS)
def test_two_failures_at_once_are_both_logged_and_the_first_is_reported(tmp_path: Path, version: str) -> None:
    code = """
        exports.handler = async () => {
            Promise.reject(1);
            Promise.reject(2);
            await new Promise((done) => setTimeout(done, 60000));
        };
    """
    outcome = invoke(tmp_path, code, version=version)
    assert outcome.only.value["errorMessage"] == "1"
    assert outcome.log.count("Unhandled Promise Rejection") == 2


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("status", [0, 1, 77])
def test_exiting_says_nothing_and_keeps_its_status(tmp_path: Path, status: int, version: str) -> None:
    outcome = invoke(tmp_path, f"exports.handler = async () => process.exit({status});", version=version)
    assert outcome.said == []
    assert outcome.status == status
    outcome = invoke(tmp_path / "init", f"process.exit({status});", version=version)
    assert outcome.said == []
    assert outcome.status == status


@pytest.mark.parametrize("version", VERSIONS)
def test_a_function_may_handle_what_nobody_else_does(tmp_path: Path, version: str) -> None:
    # The client's own listeners stay where a function adds some; tools take them off and put theirs in their place.
    code = """
        const before = process.listeners("unhandledRejection").length;
        process.removeAllListeners("unhandledRejection");
        process.on("unhandledRejection", () => {});
        exports.handler = async () => {
            Promise.reject(new Error("ignored"));
            await new Promise((done) => setTimeout(done, 5));
            return before;
        };
    """
    outcome = invoke(tmp_path, code, [Event(), Event()], version=version)
    assert outcome.values == [1, 1]
