"""What the server tells about itself on standard error: lines for a person, or one JSON object a line for a machine.

A line that was logged while a request was being answered says which one: whoever logs need not know of requests.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any, Final, Literal

from lamina.observability.exchanges import UNKNOWN, current

Format = Literal["text", "json"]

_TEXT: Final = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What a log call may add of its own, by `extra`.
_ADDED: Final = ("status", "duration_ms", "peer")


def begin(level: str, format_: Format) -> None:
    """Log to standard error from now on, what is of *level* or above."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if format_ == "json" else logging.Formatter(_TEXT))
    logging.basicConfig(level=level.upper(), handlers=[handler])


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: docs/SETTINGS.md tells its members."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        members: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **_request(),
        }
        members.update((name, value) for name in _ADDED if (value := getattr(record, name, None)) is not None)
        if record.exc_info:
            members["error"] = self.formatException(record.exc_info)
        return json.dumps(members, ensure_ascii=False, default=str)


def _request() -> dict[str, str]:
    """The request in whose name something is logged, if it is still being answered."""
    exchange = current.get()
    if exchange is None or exchange.over:
        return {}
    members = {
        "request_id": exchange.request_id,
        "account": exchange.scope.account,
        "region": exchange.scope.region,
        "service": exchange.service,
    }
    if exchange.operation != UNKNOWN:
        members["operation"] = exchange.operation
    if exchange.function is not None:
        members["function"] = exchange.function
    return members
