"""The head of an answer as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from lamina.gateway.messages import Answer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus}
_NO_BODY = frozenset({204, 304})

_date: tuple[int, str] = (0, "")


def head(answer: Answer, *, keep_alive: bool, chunked: bool = True) -> bytes:
    """Status line and headers of *answer*, with those that are the connection's: date, length, keep-alive.

    A body of unknown length is said to be *chunked*, or else to end with the connection.
    """
    # Encoded at once: by the line takes twice as long.
    text = (_STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} \r\n") + _date_line()
    for name, value in answer.headers:
        text += f"{name}: {value}\r\n"
    if has_body(answer.status):
        if answer.length is not None:
            text += f"content-length: {answer.length}\r\n"
        elif chunked:
            text += "transfer-encoding: chunked\r\n"
    text += "connection: keep-alive\r\n\r\n" if keep_alive else "connection: close\r\n\r\n"
    return text.encode("latin-1")


def has_body(status: int) -> bool:
    """Whether an answer of *status* may carry a body at all."""
    return status not in _NO_BODY


def _date_line() -> str:
    # One second's text serves every answer of that second: formatting it anew costs as much as the rest of the head.
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, f"date: {formatdate(now, usegmt=True)}\r\n")
    return _date[1]
