"""The platform's lines in the JSON format, and which of them a level lets through."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from lamina.invocations import json_log_lines
from lamina.invocations.calls import Measured

NOW = "2026-01-02T03:04:05.678Z"
WARM = Measured(duration_ms=3.0125, memory_mb=128, memory_used_mb=36)


def test_a_line_is_one_object_of_time_type_and_record() -> None:
    level, line = json_log_lines.start(NOW, "ID", "7")
    assert level == "INFO"
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert list(json.loads(line).items()) == [
        ("time", NOW),
        ("type", "platform.start"),
        ("record", {"requestId": "ID", "version": "7"}),
    ]


def test_a_report_carries_the_figures() -> None:
    _, line = json_log_lines.report(NOW, "ID", "success", None, replace(WARM, init_ms=110.1))
    assert json.loads(line)["record"] == {
        "requestId": "ID",
        "status": "success",
        "metrics": {
            "durationMs": 3.013,
            "billedDurationMs": 114,
            "memorySizeMB": 128,
            "maxMemoryUsedMB": 36,
            "initDurationMs": 110.1,
        },
    }


def test_a_warm_report_has_no_init_duration() -> None:
    _, line = json_log_lines.report(NOW, "ID", "success", None, WARM)
    assert "initDurationMs" not in json.loads(line)["record"]["metrics"]


@pytest.mark.parametrize("status", ["failure", "error", "timeout"])
def test_what_went_wrong_is_a_warning(status: str) -> None:
    assert json_log_lines.report(NOW, "ID", status, "Runtime.ExitError", WARM)[0] == "WARN"
    level, line = json_log_lines.runtime_done(NOW, "ID", status, "Runtime.ExitError", 1.0)
    assert level == "WARN"
    assert json.loads(line)["record"]["errorType"] == "Runtime.ExitError"
    assert json_log_lines.init_report(NOW, 1.0, status, None)[0] == "WARN"


@pytest.mark.parametrize(
    ("configured", "passes"),
    [(None, {"INFO", "WARN"}), ("DEBUG", {"DEBUG", "INFO", "WARN"}), ("INFO", {"INFO", "WARN"}), ("WARN", {"WARN"})],
)
def test_a_level_lets_itself_and_what_is_above_through(configured: str | None, passes: set[str]) -> None:
    assert {level for level in ("DEBUG", "INFO", "WARN") if json_log_lines.shown(level, configured)} == passes
