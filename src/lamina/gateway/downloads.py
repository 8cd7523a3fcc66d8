"""Archive downloads: an operation's `Download` as an answer, with the one range a client may ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lamina.gateway.messages import Answer, Request
from lamina.operations.content import Download

_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


def answer_download(request: Request, download: Download, request_id: str) -> Answer:
    """*download* as the answer to a GET or HEAD, in part where the request has a Range that can be given.

    Several ranges at once, or one of another version (`If-Range`), get the whole: HTTP allows that.
    """
    headers = [*download.headers.items(), ("x-amzn-RequestId", request_id)]
    if download.status != 200:
        return Answer(download.status, headers, download.chunks, download.length)
    headers.append(("Accept-Ranges", "bytes"))
    wanted = _RANGE.fullmatch(request.headers.get("range", "").strip())
    condition = request.headers.get("if-range")
    if (
        wanted is None
        or wanted[0] == "bytes=-"
        or (condition is not None and condition != download.headers.get("ETag"))
    ):
        return Answer(200, headers, download.chunks, download.length)
    start, end = _bounds(wanted[1], wanted[2], download.length)
    if start >= end:
        _close(download.chunks)
        return Answer.whole(416, [*headers, ("Content-Range", f"bytes */{download.length}")], b"")
    headers.append(("Content-Range", f"bytes {start}-{end - 1}/{download.length}"))
    return Answer(206, headers, _part(download.chunks, start, end), end - start)


def _bounds(first: str, last: str, length: int) -> tuple[int, int]:
    """Start and end, exclusive, of a range as sent; an empty one where nothing of the body is in it."""
    if not first:
        return max(0, length - int(last)), length
    end = min(int(last) + 1, length) if last else length
    return int(first), end


def _part(chunks: Iterator[bytes], start: int, end: int) -> Iterator[bytes]:
    position = 0
    try:
        for chunk in chunks:
            following = position + len(chunk)
            if following > start:
                yield chunk[max(0, start - position) : end - position]
            if following >= end:
                return
            position = following
    finally:
        _close(chunks)


def _close(chunks: Iterator[bytes]) -> None:
    close = getattr(chunks, "close", None)
    if close is not None:
        close()
