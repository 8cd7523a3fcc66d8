"""A download as a whole, in part, and not at all."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from lamina.gateway.downloads import answer_download
from lamina.gateway.messages import Answer, Request
from lamina.operations.content import Download

BYTES = bytes(range(100))


class Chunks:
    """The archive in chunks of seven bytes, which notes how many were read and whether it was closed."""

    def __init__(self) -> None:
        self.read = 0
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        start = self.read * 7
        if start >= len(BYTES):
            raise StopIteration
        self.read += 1
        return BYTES[start : start + 7]

    def close(self) -> None:
        self.closed = True


def download(headers: dict[str, str], chunks: Chunks | None = None) -> Answer:
    given = Download(200, {"ETag": '"e"'}, len(BYTES), chunks or Chunks())
    return answer_download(Request("GET", "/", headers, keep_alive=True), given, "the-id")


def content(answer: Answer) -> bytes:
    if isinstance(answer.body, bytes):
        return answer.body
    assert isinstance(answer.body, Iterator)
    return b"".join(answer.body)


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-6", 0, 7),
        ("bytes=5-20", 5, 21),
        ("bytes=7-13", 7, 14),
        ("bytes=90-", 90, 100),
        ("bytes=90-5000", 90, 100),
        ("bytes=-1", 99, 100),
        ("bytes=-5000", 0, 100),
    ],
)
def test_a_range_is_given_exactly(wanted: str, start: int, end: int) -> None:
    answer = download({"range": wanted})
    assert (answer.status, answer.length, content(answer)) == (206, end - start, BYTES[start:end])
    assert dict(answer.headers)["Content-Range"] == f"bytes {start}-{end - 1}/100"


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=100-200", "bytes=-0", "bytes=9-8"])
def test_a_range_that_is_not_in_it_is_refused(wanted: str) -> None:
    chunks = Chunks()
    answer = download({"range": wanted}, chunks)
    assert (answer.status, content(answer)) == (416, b"")
    assert dict(answer.headers)["Content-Range"] == "bytes */100"
    assert chunks.closed


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"range": "bytes=-"},
        {"range": "bytes=0-1,5-6"},
        {"range": "lines=0-1"},
        {"range": "bytes=a-b"},
        {"range": "bytes=0-1", "if-range": '"another"'},
    ],
)
def test_anything_else_gets_the_whole(headers: dict[str, str]) -> None:
    answer = download(headers)
    assert (answer.status, answer.length, content(answer)) == (200, 100, BYTES)
    assert dict(answer.headers)["Accept-Ranges"] == "bytes"


def test_a_range_of_this_version_is_given() -> None:
    assert download({"range": "bytes=0-1", "if-range": '"e"'}).status == 206


def test_nothing_is_read_beyond_a_range() -> None:
    chunks = Chunks()
    content(download({"range": "bytes=0-6"}, chunks))
    assert (chunks.read, chunks.closed) == (1, True)


def test_a_refused_download_is_passed_on_with_a_request_id() -> None:
    given = Download(403, {"Content-Type": "application/xml"}, 3, iter((b"<E>",)))
    answer = answer_download(Request("GET", "/", {"range": "bytes=0-0"}, keep_alive=True), given, "the-id")
    assert (answer.status, content(answer)) == (403, b"<E>")
    assert dict(answer.headers)["x-amzn-RequestId"] == "the-id"
