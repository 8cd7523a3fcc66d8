"""The lines the platform writes into a function's log when its LoggingConfig says JSON.

One object a line: time, type, record (`platform_events`). Which of them a SystemLogLevel lets through is AWS's mapping
of events to levels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARN": 30}
# What went well inside is for those who look closely.
_INNER: Final = {"platform.initRuntimeDone", "platform.restoreRuntimeDone", "platform.runtimeDone"}


def line(moment: str, kind: str, record: Mapping[str, object]) -> tuple[str, bytes]:
    """Level and line of an event; *moment* is ISO 8601 with milliseconds, *kind* such as "platform.start"."""
    text = json.dumps({"time": moment, "type": kind, "record": record}, separators=(",", ":"))
    return _level(kind, record), text.encode() + b"\n"


def shown(level: str, configured: str | None) -> bool:
    """Whether a line of *level* passes SystemLogLevel *configured* (INFO where none is)."""
    return _LEVELS[level] >= _LEVELS[configured or "INFO"]


def _level(kind: str, record: Mapping[str, object]) -> str:
    if record.get("status", "success") != "success" or (kind == "platform.extension" and "errorType" in record):
        return "WARN"
    # Of an environment that starts for a call, the report of the call has the same figure.
    is_usual = kind == "platform.initReport" and record["initializationType"] == "on-demand"
    return "DEBUG" if kind in _INNER or is_usual else "INFO"
