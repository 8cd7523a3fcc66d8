"""The platform's lines in the JSON format, and which of them a level lets through."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from lamina.invocations import json_log_lines, platform_events
from lamina.invocations.calls import Measured

NOW = "2026-01-02T03:04:05.678Z"
WARM = Measured(duration_ms=3.0125, memory_mb=128, memory_used_mb=36)


def report(measured: Measured, status: str = "success", error_type: str | None = None) -> tuple[str, Any]:
    record = platform_events.report("ID", status, error_type, measured)
    level, line = json_log_lines.line(NOW, "platform.report", record)
    return level, json.loads(line)["record"]


def test_a_line_is_one_object_of_time_type_and_record() -> None:
    level, line = json_log_lines.line(NOW, "platform.start", platform_events.start("ID", "7"))
    assert level == "INFO"
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert list(json.loads(line).items()) == [
        ("time", NOW),
        ("type", "platform.start"),
        ("record", {"requestId": "ID", "version": "7"}),
    ]


def test_a_report_carries_the_figures() -> None:
    assert report(replace(WARM, init_ms=110.1))[1] == {
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
    assert "initDurationMs" not in report(WARM)[1]["metrics"]


@pytest.mark.parametrize("status", ["failure", "error", "timeout"])
def test_what_went_wrong_is_a_warning(status: str) -> None:
    assert report(WARM, status, "Runtime.ExitError")[0] == "WARN"
    done = platform_events.runtime_done("ID", status, "Runtime.ExitError", 1.0)
    level, line = json_log_lines.line(NOW, "platform.runtimeDone", done)
    assert level == "WARN"
    assert json.loads(line)["record"]["errorType"] == "Runtime.ExitError"
    init = platform_events.init_report("on-demand", "init", status, None, 1.0)
    assert json_log_lines.line(NOW, "platform.initReport", init)[0] == "WARN"


def test_what_goes_well_inside_is_for_those_who_look_closely() -> None:
    done = platform_events.runtime_done("ID", "success", None, 1.0)
    assert json_log_lines.line(NOW, "platform.runtimeDone", done)[0] == "DEBUG"
    ready = platform_events.init_runtime_done("on-demand", "init", "success", None)
    assert json_log_lines.line(NOW, "platform.initRuntimeDone", ready)[0] == "DEBUG"


@pytest.mark.parametrize(
    ("initialization", "level"), [("on-demand", "DEBUG"), ("provisioned-concurrency", "INFO"), ("snap-start", "INFO")]
)
def test_how_long_it_took_to_begin_is_told_where_no_report_of_a_call_tells_it(initialization: str, level: str) -> None:
    init = platform_events.init_report(initialization, "init", "success", None, 1.0)
    assert json_log_lines.line(NOW, "platform.initReport", init)[0] == level


@pytest.mark.parametrize(("error_type", "level"), [(None, "INFO"), ("Extension.Oops", "WARN")])
def test_an_extension_that_failed_is_a_warning(error_type: str | None, level: str) -> None:
    record = platform_events.extension("ears", "Ready", ["INVOKE"], error_type)
    assert json_log_lines.line(NOW, "platform.extension", record)[0] == level


@pytest.mark.parametrize(
    ("configured", "passes"),
    [(None, {"INFO", "WARN"}), ("DEBUG", {"DEBUG", "INFO", "WARN"}), ("INFO", {"INFO", "WARN"}), ("WARN", {"WARN"})],
)
def test_a_level_lets_itself_and_what_is_above_through(configured: str | None, passes: set[str]) -> None:
    assert {level for level in ("DEBUG", "INFO", "WARN") if json_log_lines.shown(level, configured)} == passes
