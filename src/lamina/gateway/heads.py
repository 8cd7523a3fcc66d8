"""The head of an answer as bytes."""

from __future__ import annotations

import time
from email.utils import formatdate
from http import HTTPStatus

from lamina.gateway.messages import Answer

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"

_STATUS_LINES = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_NO_BODY = frozenset({204, 304})

_date: tuple[int, bytes] = (0, b"")


def head(answer: Answer, *, keep_alive: bool, chunked: bool = True) -> bytes:
    """Status line and headers of *answer*, with those that are the connection's: date, length, keep-alive.

    A body of unknown length is said to be *chunked*, or else to end with the connection.
    """
    lines = [_STATUS_LINES.get(answer.status) or f"HTTP/1.1 {answer.status} \r\n".encode(), _date_line()]
    lines += [f"{name}: {value}\r\n".encode("latin-1") for name, value in answer.headers]
    if has_body(answer.status):
        if answer.length is not None:
            lines.append(b"content-length: %d\r\n" % answer.length)
        elif chunked:
            lines.append(b"transfer-encoding: chunked\r\n")
    lines.append(b"connection: keep-alive\r\n\r\n" if keep_alive else b"connection: close\r\n\r\n")
    return b"".join(lines)


def has_body(status: int) -> bool:
    """Whether an answer of *status* may carry a body at all."""
    return status not in _NO_BODY


def _date_line() -> bytes:
    # One second's text serves every answer of that second: formatting it anew costs as much as the rest of the head.
    global _date
    now = int(time.time())
    if _date[0] != now:
        _date = (now, f"date: {formatdate(now, usegmt=True)}\r\n".encode())
    return _date[1]
