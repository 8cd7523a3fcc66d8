"""Counting failed invocations in logs."""

from __future__ import annotations

import pytest

from lamina.rollouts.verdicts import Rates
from lamina.workshop.rollouts.rates import count

OLD, NEW, OTHER = "2026/01/01/[1]0a", "2026/01/01/[2]0b", "2026/01/01/[2]0c"
FINE = "REPORT RequestId: x\tDuration: 1.00 ms\t\n"


def events(*lines: tuple[str, str]) -> list[dict[str, str]]:
    return [{"logStreamName": stream, "message": line} for stream, line in lines]


@pytest.mark.parametrize(
    "failure",
    [
        "[ERROR] AttributeError: module 'shared' has no attribute 'legacy'\nTraceback (most recent call last):\n",
        "2026-01-01T00:00:00Z\tx\tERROR\tInvoke Error \t{}\n",
        "2026-01-01T00:00:00Z x Task timed out after 3.00 seconds\n",
    ],
)
def test_what_a_runtime_says_before_the_report_makes_it_a_failure(failure: str) -> None:
    assert count(events((NEW, failure), (NEW, FINE), (NEW, FINE))) == Rates(2, 1)


def test_an_error_that_a_function_only_logs_is_none() -> None:
    logged = "[ERROR]\t2026-01-01T00:00:00Z\tx\tcould not reach the shop, trying again\n"
    assert count(events((NEW, logged), (NEW, FINE))) == Rates(1, 0)


def test_a_report_with_a_status_is_a_failure_and_counts_once() -> None:
    ended = "REPORT RequestId: x\tDuration: 1.00 ms\tStatus: error\tError Type: Runtime.ExitError\t\n"
    assert count(events((NEW, "Task timed out after 3.00 seconds"), (NEW, ended))) == Rates(1, 1)


@pytest.mark.parametrize(("status", "errors"), [("success", 0), ("error", 1), ("timeout", 1)])
def test_logs_in_json_say_it_in_the_report(status: str, errors: int) -> None:
    report = f'{{"type": "platform.report", "record": {{"status": "{status}"}}}}'
    handler = '{"level": "ERROR", "message": "only logged"}'
    assert count(events((NEW, handler), (NEW, report), (NEW, "{no json"))) == Rates(1, errors)


def test_environments_at_the_same_time_are_not_mixed_up() -> None:
    failure = "[ERROR] KeyError: 'a'\n"
    assert count(events((NEW, failure), (OTHER, FINE), (NEW, FINE), (NEW, FINE))) == Rates(3, 1)


def test_of_a_canary_only_the_new_version_counts() -> None:
    failure = "[ERROR] KeyError: 'a'\n"
    lines = events((OLD, failure), (OLD, FINE), (NEW, FINE), (OTHER, FINE))
    assert count(lines, lambda version: version == "2") == Rates(2, 0)
    assert count(lines) == Rates(3, 1)
