"""What is answered to a request from inside an environment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Final

from lamina.values import dataclass

JSON: Final = "application/json"


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer, without its Content-Length."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: int, error_type: str, message: str) -> Reply:
    """An error as the service words it."""
    body = json.dumps({"errorMessage": message, "errorType": error_type}).encode()
    return Reply(status, body, {"Content-Type": JSON})


ACCEPTED: Final = Reply(202, b'{"status":"OK"}\n', {"Content-Type": JSON})
NOT_FOUND: Final = Reply(404, b"404 page not found\n", {"Content-Type": "text/plain"})
