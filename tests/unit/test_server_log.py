"""The server's own log, a line of JSON for each record."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from lamina.names import Scope
from lamina.observability.exchanges import Exchange, current
from lamina.server_log import JsonLines


def _line(message: str = "said %s", *arguments: object, **members: Any) -> dict[str, Any]:
    record = logging.LogRecord("lamina.x", logging.WARNING, "x.py", 1, message, arguments or ("so",), None)
    record.created = 1_767_225_600.25
    for name, value in members.items():
        setattr(record, name, value)
    text = JsonLines().format(record)
    assert "\n" not in text
    found: dict[str, Any] = json.loads(text)
    return found


def _exchange(**found: Any) -> Exchange:
    return Exchange("id", Scope("123456789012", "eu-west-1"), "lambda", 0.0, **found)


def test_a_line_has_its_time_level_logger_and_message() -> None:
    assert _line("two\nlines of %s", "\N{SNOWMAN}") == {
        "time": "2026-01-01T00:00:00.250Z",
        "level": "warning",
        "logger": "lamina.x",
        "message": "two\nlines of \N{SNOWMAN}",
    }


def test_in_a_request_it_says_which() -> None:
    token = current.set(_exchange(operation="Invoke", function="f"))
    try:
        line = _line(status=200, duration_ms=1.5)
    finally:
        current.reset(token)
    assert {name: line[name] for name in ("request_id", "account", "region", "service", "operation", "function")} == {
        "request_id": "id",
        "account": "123456789012",
        "region": "eu-west-1",
        "service": "lambda",
        "operation": "Invoke",
        "function": "f",
    }
    assert (line["status"], line["duration_ms"]) == (200, 1.5)


def test_what_goes_on_behind_a_request_is_not_in_its_name() -> None:
    token = current.set(_exchange(over=True))
    try:
        assert "request_id" not in _line()
    finally:
        current.reset(token)


def test_an_exception_is_one_line_too() -> None:
    try:
        raise ValueError("why")
    except ValueError:
        line = _line(exc_info=sys.exc_info())
    assert line["error"].startswith("Traceback")
    assert line["error"].endswith("ValueError: why")
