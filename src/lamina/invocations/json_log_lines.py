"""The lines the platform writes into a function's log when its LoggingConfig says JSON.

One object a line: time, type, record. Which of them a SystemLogLevel lets through is AWS's mapping of events to levels.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Final

from lamina.invocations.calls import Measured

_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARN": 30}


def init_start(moment: str, runtime_version: str, runtime_arn: str) -> tuple[str, bytes]:
    """Level and line; *moment* is ISO 8601 with milliseconds."""
    record = {
        "initializationType": "on-demand",
        "phase": "init",
        "runtimeVersion": runtime_version,
        "runtimeVersionArn": runtime_arn,
    }
    return "INFO", _line(moment, "platform.initStart", record)


def init_report(moment: str, init_ms: float, status: str, error_type: str | None) -> tuple[str, bytes]:
    record = {
        "initializationType": "on-demand",
        "phase": "init",
        "status": status,
        **({"errorType": error_type} if error_type else {}),
        "metrics": {"durationMs": round(init_ms, 3)},
    }
    return "WARN", _line(moment, "platform.initReport", record)


def start(moment: str, request_id: str, version: str) -> tuple[str, bytes]:
    return "INFO", _line(moment, "platform.start", {"requestId": request_id, "version": version})


def runtime_done(
    moment: str, request_id: str, status: str, error_type: str | None, duration_ms: float
) -> tuple[str, bytes]:
    record = {
        "requestId": request_id,
        "status": status,
        **({"errorType": error_type} if error_type else {}),
        "metrics": {"durationMs": round(duration_ms, 3)},
    }
    return _level(status, "DEBUG"), _line(moment, "platform.runtimeDone", record)


def report(moment: str, request_id: str, status: str, error_type: str | None, measured: Measured) -> tuple[str, bytes]:
    metrics: dict[str, float] = {
        "durationMs": round(measured.duration_ms, 3),
        "billedDurationMs": math.ceil(measured.duration_ms + (measured.init_ms or 0.0)),
        "memorySizeMB": measured.memory_mb,
        "maxMemoryUsedMB": measured.memory_used_mb,
    }
    if measured.init_ms is not None:
        metrics["initDurationMs"] = round(measured.init_ms, 3)
    record = {
        "requestId": request_id,
        "metrics": metrics,
        "status": status,
        **({"errorType": error_type} if error_type else {}),
    }
    return _level(status, "INFO"), _line(moment, "platform.report", record)


def shown(level: str, configured: str | None) -> bool:
    """Whether a line of *level* passes SystemLogLevel *configured* (INFO where none is)."""
    return _LEVELS[level] >= _LEVELS[configured or "INFO"]


def _level(status: str, when_well: str) -> str:
    return when_well if status == "success" else "WARN"


def _line(moment: str, kind: str, record: Mapping[str, object]) -> bytes:
    return json.dumps({"time": moment, "type": kind, "record": record}, separators=(",", ":")).encode() + b"\n"
