"""What two looks at a server's counts tell."""

from __future__ import annotations

from typing import Any

import pytest

from lamina.observability.histograms import BOUNDS, Histogram
from lamina.observability.top import view


def _function(name: str, *seconds: float, **counts: int) -> dict[str, Any]:
    durations = Histogram()
    for each in seconds:
        durations.observe(each)
    return {
        "account": "000000000000",
        "region": "us-east-1",
        "function": name,
        "calls": len(seconds),
        "errors": 0,
        "throttles": 0,
        "cold": 0,
        "durations": durations.counts,
        "busy": 0,
        "idle": 1,
        "memory_bytes": 1000,
        **counts,
    }


def _look(at: float, *functions: dict[str, Any], began: float = 0.0) -> dict[str, Any]:
    states = {"starting": 0, "busy": 0, "idle": len(functions), "template": 0}
    return {
        "began": began,
        "at": at,
        "bounds": list(BOUNDS),
        "environments": states,
        "environments_max": 10,
        "functions": functions,
    }


def test_rates_and_durations_are_of_the_time_between_and_counts_of_all_time() -> None:
    before, now = _look(10, _function("f", 5.0, 5.0)), _look(12, _function("f", 5.0, 5.0, *[0.002] * 8, errors=3))
    shown = view(before, now)
    (row,) = shown.functions
    assert (row.rate, row.calls, row.errors) == (4.0, 10, 3)
    assert row.p50_ms == pytest.approx(1.75)
    assert row.p99_ms is not None
    assert row.p99_ms <= 2.5
    assert (shown.rate, shown.seconds, shown.memory_bytes) == (4.0, 2, 1000)


def test_a_function_that_was_not_called_has_no_durations() -> None:
    (row,) = view(_look(1, _function("f", 0.1)), _look(2, _function("f", 0.1))).functions
    assert (row.rate, row.p50_ms, row.p99_ms) == (0.0, None, None)


def test_those_called_most_come_first() -> None:
    now = _look(2, _function("quiet"), _function("busy", 0.1, 0.1), _function("some", 0.1))
    assert [row.function for row in view(_look(1), now).functions] == ["busy", "some", "quiet"]


@pytest.mark.parametrize("began", [0.0, 5.0])
def test_counts_that_began_anew_are_taken_from_zero(began: float) -> None:
    before, now = _look(1, _function("f", *[0.1] * 9)), _look(2, _function("f", 0.1, 0.1), began=began)
    assert view(before, now).functions[0].rate == 2.0


def test_memory_that_nobody_counts_is_not_none_at_all() -> None:
    unknown = _function("f") | {"memory_bytes": None}
    assert view(_look(1), _look(2, unknown)).memory_bytes is None
    assert view(_look(1), _look(2, unknown, _function("g"))).memory_bytes == 1000
