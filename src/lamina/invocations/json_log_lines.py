"""The lines the platform writes into a function's log when its LoggingConfig says JSON.

One object a line: time, type, record (`platform_events`). Which of them a SystemLogLevel lets through is AWS's mapping
of events to levels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

_LEVELS: Final = {"DEBUG": 10, "INFO": 20, "WARN": 30}
# What is not told at INFO: what went well inside, and what went wrong.
_WHEN_WELL: Final = {"platform.runtimeDone": "DEBUG"}
_ALWAYS: Final = {"platform.initReport": "WARN"}


def line(moment: str, kind: str, record: Mapping[str, object]) -> tuple[str, bytes]:
    """Level and line of an event; *moment* is ISO 8601 with milliseconds, *kind* such as "platform.start"."""
    level = _ALWAYS.get(kind) or (
        "WARN" if record.get("status", "success") != "success" else _WHEN_WELL.get(kind, "INFO")
    )
    text = json.dumps({"time": moment, "type": kind, "record": record}, separators=(",", ":"))
    return level, text.encode() + b"\n"


def shown(level: str, configured: str | None) -> bool:
    """Whether a line of *level* passes SystemLogLevel *configured* (INFO where none is)."""
    return _LEVELS[level] >= _LEVELS[configured or "INFO"]
