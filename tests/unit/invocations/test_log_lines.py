"""The platform's lines in the text format, byte by byte as recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lamina.invocations import log_lines
from lamina.invocations.calls import Measured

WARM = Measured(duration_ms=3.01, memory_mb=128, memory_used_mb=36)


def test_a_cold_start_reports_its_initialisation() -> None:
    line = log_lines.report("ID", replace(WARM, init_ms=110.1))
    assert line == (
        b"REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\t"
        b"Max Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n"
    )


def test_a_warm_one_does_not() -> None:
    assert log_lines.report("ID", WARM) == (
        b"REPORT RequestId: ID\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\t"
        b"Max Memory Used: 36 MB\t\n"
    )


@pytest.mark.parametrize(("duration_ms", "billed_ms"), [(3.01, 4), (2.9, 3), (1.0, 1), (0.2, 1), (1000.0, 1000)])
def test_what_is_billed_is_rounded_up(duration_ms: float, billed_ms: int) -> None:
    line = log_lines.report("ID", replace(WARM, duration_ms=duration_ms))
    assert f"\tBilled Duration: {billed_ms} ms\t".encode() in line


def test_a_problem_is_the_last_field() -> None:
    line = log_lines.report("ID", replace(WARM, problem="Status: error\tError Type: Runtime.ExitError"))
    assert line.endswith(b"\tMax Memory Used: 36 MB\tStatus: error\tError Type: Runtime.ExitError\t\n")


def test_start_names_the_version_that_runs() -> None:
    assert log_lines.start("ID", "$LATEST") == b"START RequestId: ID Version: $LATEST\n"
    assert log_lines.end("ID") == b"END RequestId: ID\n"


def test_the_init_phase_has_lines_of_its_own() -> None:
    assert log_lines.init_start("python:3.13.v1", "arn:aws:lambda:eu-west-1::runtime:x") == (
        b"INIT_START Runtime Version: python:3.13.v1\tRuntime Version ARN: arn:aws:lambda:eu-west-1::runtime:x\n"
    )
    assert log_lines.init_report(10000.0, "init", "Status: timeout") == (
        b"INIT_REPORT Init Duration: 10000.00 ms\tPhase: init\tStatus: timeout\n"
    )
