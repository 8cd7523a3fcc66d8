"""HTTP: however the network cuts a stream of requests, the same requests come out of it, or the same refusal."""

from __future__ import annotations

from fuzz.source import Source
from lamina.gateway.messages import Request
from lamina.gateway.reading import Reader

_PIECES = (1, 2, 5, 17, 100)


def seeds() -> list[bytes]:
    """Requests one after the other, with and without bodies, and some that try to smuggle."""
    path = b"/2015-03-31/functions/f/invocations"
    streams = (
        b"GET /2018-10-31/layers?MaxItems=1 HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.0\r\n\r\n",
        b"POST %s HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}DELETE /x HTTP/1.1\r\n\r\n" % path,
        b"POST %s HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0\r\nTrailer: t\r\n\r\n" % path,
        b"POST / HTTP/1.1\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /x HTTP/1.1\r\n\r\n",
        b"POST / HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabcGET / ",
        b"PUT / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        b"CONNECT h:1 HTTP/1.1\r\nHost: h:1\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    )
    return [b"\0" + stream for stream in streams]


def check(data: bytes) -> None:
    """Raises AssertionError, or what should not have been raised."""
    source = Source(data)
    size = source.choose(_PIECES)
    stream = source.rest()
    whole = _read(stream, len(stream) or 1)
    cut = _read(stream, size)
    assert cut == whole, f"in pieces of {size}"
    # What is read after a refusal belongs to nobody.
    refused = [at for at, request in enumerate(whole) if request[0] == "refused"]
    assert refused in ([], [len(whole) - 1])


def _read(stream: bytes, size: int) -> list[tuple[object, ...]]:
    requests: list[Request] = []
    reader = Reader(requests.append, lambda: None)
    for at in range(0, len(stream), size):
        reader.feed(stream[at : at + size])
    return [
        ("refused", request.refusal.status, request.refusal.code)
        if request.refusal is not None
        else (request.method, request.target, dict(request.headers), request.keep_alive, request.body())
        for request in requests
    ]
