"""Which of the lines that a function prints an ApplicationLogLevel lets through.

Runtime clients that know levels keep to them by themselves. Whatever else prints says with a member `level` of a line
of JSON how much it matters, and AWS leaves out of the log what matters less than was asked for.
"""

from __future__ import annotations

import json
from typing import Final

_LEVELS: Final = {"TRACE": 5, "DEBUG": 10, "INFO": 20, "WARN": 30, "WARNING": 30, "ERROR": 40, "FATAL": 50}
_USUAL: Final = _LEVELS["INFO"]


def passing(lines: bytes, least: str) -> bytes:
    """Those of *lines* whose level is *least* or above. JSON without one counts as INFO; plain text always passes."""
    return b"".join(line for line in lines.splitlines(keepends=True) if _level(line) >= _LEVELS[least])


def _level(line: bytes) -> int:
    if not line.startswith(b"{"):
        return _LEVELS["FATAL"]
    try:
        told = json.loads(line)
    except (ValueError, RecursionError):
        return _LEVELS["FATAL"]
    level = told.get("level")
    return _LEVELS.get(level.upper(), _USUAL) if isinstance(level, str) else _USUAL
