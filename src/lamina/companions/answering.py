"""boto3's clients that get their answers within this process, where others have a connection."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import Any


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as botocore signed it: `url` is whole, names in `headers` are in lower case."""

    method: str
    url: str
    headers: list[tuple[str, str]]
    body: bytes | bytearray


# Status, headers and body.
Answer = tuple[int, Mapping[str, str], bytes]


def answered_by(client: Any, answer: Callable[[Sent], Answer]) -> Any:
    """*client*, whose requests go to *answer* and nowhere else, as botocore's before-send event lets one do."""
    from botocore.awsrequest import AWSResponse  # noqa: PLC0415 - not needed to start

    def send(request: Any, **_: Any) -> Any:
        status, headers, body = answer(_sent(request))
        return AWSResponse(request.url, status, dict(headers), _Raw(body))

    client.meta.events.register("before-send.*.*", send)
    return client


class _Raw(BytesIO):
    """A body as botocore reads it."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        while piece := self.read(65536):
            yield piece


def _sent(request: Any) -> Sent:
    body = request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    headers = [(name.lower(), _text(value)) for name, value in request.headers.items()]
    return Sent(request.method, request.url, headers, body.encode() if isinstance(body, str) else body)


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
