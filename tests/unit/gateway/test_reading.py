"""Bytes become requests, whole and in order, however they are cut; what is no HTTP ends in one refusal."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamina.gateway import reading
from lamina.gateway.intake import Intake
from lamina.gateway.messages import HEAD_BYTES_MAX, REQUEST_BYTES_READ_MAX, Request
from lamina.gateway.reading import Reader


class Inbox:
    """A reader's other end: what it delivered, and how often it asked for a 100 Continue."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.continues = 0
        self.reader = Reader(self.requests.append, self._expect)

    def _expect(self) -> None:
        self.continues += 1

    def feed(self, data: bytes, size: int | None = None) -> Inbox:
        for start in range(0, len(data), size or len(data) or 1):
            self.reader.feed(data[start : start + (size or len(data))])
        return self

    def only(self) -> Request:
        (request,) = self.requests
        return request

    def refused(self) -> int:
        request = self.only()
        assert request.refusal is not None
        assert not request.keep_alive
        assert self.reader.done
        return request.refusal.status


class Mouth:
    """Stands in for what reads a body as it comes."""

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.abandoned = False

    def abandon(self) -> None:
        self.abandoned = True

    def take(self, piece: bytes) -> None:
        self.pieces.append(piece)


POST = b"POST /a%2Fb?x=1 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
CHUNKED = b"PUT /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x=y\r\nc\r\n0\r\nTrailer: t\r\n\r\n"
GET = b"GET /g HTTP/1.1\r\nX-A: 1\r\nx-a: 2\r\n\r\n"


@pytest.mark.parametrize("size", [1, 2, 7, None])
def test_requests_are_the_same_however_they_arrive(size: int | None) -> None:
    requests = Inbox().feed(POST + CHUNKED + GET, size).requests
    assert [(one.method, one.target, one.body()) for one in requests] == [
        ("POST", "/a%2Fb?x=1", b"abc"),
        ("PUT", "/c", b"abc"),
        ("GET", "/g", b""),
    ]
    assert all(one.keep_alive and one.refusal is None for one in requests)
    assert requests[0].headers == {"host": "h", "content-length": "3"}
    # A trailer is no header, and a header given twice is one value.
    assert requests[1].headers == {"transfer-encoding": "chunked"}
    assert requests[2].headers == {"x-a": "1, 2"}


@pytest.mark.parametrize("target", ["http://h:4566/p?q=1", "/p?q=1"])
def test_a_proxys_absolute_target_is_the_path_in_it(target: str) -> None:
    request = Inbox().feed(f"GET {target} HTTP/1.1\r\n\r\n".encode()).only()
    assert (request.path, request.query) == ("/p", "q=1")


@pytest.mark.parametrize(
    ("head", "keep_alive"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
    ],
)
def test_the_client_says_whether_the_connection_stays(head: bytes, keep_alive: bool) -> None:
    inbox = Inbox().feed(head)
    assert inbox.only().keep_alive is keep_alive
    assert inbox.reader.done is not keep_alive


def test_nothing_is_read_behind_the_last_request() -> None:
    inbox = Inbox().feed(b"GET /1 HTTP/1.1\r\nConnection: close\r\n\r\n" + GET).feed(GET)
    assert inbox.only().target == "/1"


@pytest.mark.parametrize("size", [1, 5, None])
@pytest.mark.parametrize(
    "body", [b"Content-Length: 3\r\n\r\nabc", b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"]
)
def test_an_offer_to_upgrade_is_passed_over(body: bytes, size: int | None) -> None:
    # Java's HTTP client makes it with every request.
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAAAAIAAAAB\r\n"
    inbox = Inbox().feed(b"POST /u HTTP/1.1\r\nHost: h\r\n" + upgrade + body + GET, size)
    first, second = inbox.requests
    assert (first.method, first.target, first.body(), first.headers["host"]) == ("POST", "/u", b"abc", "h")
    assert "upgrade" not in first.headers
    assert second.target == "/g"


def test_an_offer_to_upgrade_without_a_body_is_passed_over() -> None:
    inbox = Inbox().feed(b"GET /u HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + GET)
    assert [one.target for one in inbox.requests] == ["/u", "/g"]


def test_a_client_that_asks_before_it_sends_is_told_to_go_on() -> None:
    inbox = Inbox().feed(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n")
    assert (inbox.continues, inbox.requests) == (1, [])
    assert inbox.feed(b"x").only().body() == b"x"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"GET / HTTP/1.1\nHost: h\n\n", 400),
        (b"POST / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nTransfer-Encoding: other\r\n\r\n", 400),
        (b"GET /\xc3\xa4 HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nA: b\r\n folded\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"CONNECT h:1 HTTP/1.1\r\n\r\n", 405),
        (b"POST / HTTP/1.1\r\nExpect: a-miracle\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nA: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n", 431),
        (b"GET /" + b"x" * HEAD_BYTES_MAX + b" HTTP/1.1\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"A%d: b\r\n" % number for number in range(20_000)), 431),
        (f"POST / HTTP/1.1\r\nContent-Length: {REQUEST_BYTES_READ_MAX + 1}\r\n\r\n".encode(), 413),
        (f"POST / HTTP/1.1\r\nContent-Length: {10**30}\r\n\r\n".encode(), 400),
    ],
)
@pytest.mark.parametrize("size", [4096, None])
def test_what_can_not_be_served_is_refused_once(sent: bytes, status: int, size: int | None) -> None:
    inbox = Inbox().feed(sent, size)
    if not inbox.requests:
        inbox.feed(b"x" * 8)  # A head without an end is noticed with what follows it.
    assert inbox.refused() == status
    assert inbox.feed(GET).refused() == status


def test_a_head_that_never_ends_is_refused_while_it_comes() -> None:
    inbox = Inbox()
    for _ in range(HEAD_BYTES_MAX // 1024 + 2):
        inbox.feed(b"GET /" if not inbox.reader.in_head else b"x" * 1024)
    assert inbox.refused() == 431


def test_a_chunked_body_over_the_bound_is_refused_and_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "REQUEST_BYTES_READ_MAX", 10)
    inbox = Inbox().feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    inbox.feed(b"8\r\nabcdefgh\r\n")
    assert inbox.reader.in_body
    inbox.feed(b"8\r\nabcdefgh\r\n")
    assert inbox.refused() == 413
    assert inbox.only().pieces == []


def test_a_body_in_tiny_chunks_is_kept_together() -> None:
    inbox = Inbox().feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    inbox.feed(b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n", 60_000)
    assert len(inbox.only().pieces) < 10
    assert inbox.only().body() == b"x" * 100_000


@pytest.mark.parametrize("endless", [b"1;" + b"x" * HEAD_BYTES_MAX, b"0\r\nTrailer: " + b"x" * HEAD_BYTES_MAX])
def test_what_is_no_content_of_a_body_is_bounded_too(endless: bytes) -> None:
    inbox = Inbox().feed(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").feed(endless)
    assert inbox.reader.in_body
    for _ in range(4):
        inbox.feed(b"x" * HEAD_BYTES_MAX)
    assert inbox.refused() == 413


@given(st.binary(max_size=300), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", POST[:40], CHUNKED[:60]]))
def test_no_bytes_make_the_reader_fail(noise: bytes, start: bytes) -> None:
    inbox = Inbox().feed(start).feed(noise, 50)
    for request in inbox.requests:
        assert request.path is not None
        request.body()


@pytest.mark.parametrize("size", [1000, 70_000, None])
def test_a_large_body_is_taken_in_as_it_comes(size: int | None) -> None:
    """Once it has become one; a small one is there when it is asked for."""
    mouths: list[Mouth] = []

    def open_intake(request: Request) -> Intake:
        assert (request.method, request.path) == ("POST", "/large")
        mouths.append(Mouth())
        return cast(Intake, mouths[-1])

    inbox = Inbox()
    inbox.reader = Reader(inbox.requests.append, lambda: None, open_intake)
    large = bytes(range(256)) * 4000
    inbox.feed(b"POST /large HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(large) + large + POST, size)
    first, second = inbox.requests
    (mouth,) = mouths
    assert b"".join(mouth.pieces) == large
    assert first.intake is cast(Intake, mouth)
    assert (first.pieces, first.body_bytes) == ([], len(large))
    assert (second.intake, second.body()) == (None, b"abc")


@pytest.mark.parametrize("drawn", [[1000], [999], [1, 300], [0]])
def test_what_others_received_of_a_large_body_is_part_of_it(drawn: list[int]) -> None:
    """And what follows it is read as ever."""
    inbox, mouth = Inbox(), Mouth()
    inbox.reader = Reader(inbox.requests.append, lambda: None, lambda _: cast(Intake, mouth))
    large = b"x" * 300_000
    inbox.feed(b"POST /large HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(large) + large[:-1000])
    left = 1000
    for size in drawn:
        assert inbox.reader.hand_over() == (cast(Intake, mouth), left)
        inbox.reader.drew(size)
        left -= size
    assert (len(inbox.requests), inbox.reader.in_body) == (0 if left else 1, left > 0)
    inbox.feed(large[:left] + POST + GET, 7)
    first, second, third = inbox.requests
    assert (first.body_bytes, first.intake) == (len(large), cast(Intake, mouth))
    assert len(b"".join(mouth.pieces)) == len(large) - sum(drawn)
    assert (second.body(), third.path) == (b"abc", "/g")


def test_a_body_in_chunks_is_received_by_nobody_else() -> None:
    inbox, mouth = Inbox(), Mouth()
    inbox.reader = Reader(inbox.requests.append, lambda: None, lambda _: cast(Intake, mouth))
    chunk = b"61a80\r\n" + b"x" * 400_000 + b"\r\n"
    inbox.feed(b"POST /large HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk)
    assert (inbox.reader.in_body, inbox.reader.hand_over()) == (True, None)
    inbox.feed(b"0\r\n\r\n")
    assert len(b"".join(mouth.pieces)) == 400_000
    assert inbox.only().path == "/large"


def test_who_takes_in_a_body_is_told_that_no_more_of_it_comes() -> None:
    inbox, mouth = Inbox(), Mouth()
    inbox.reader = Reader(inbox.requests.append, lambda: None, lambda _: cast(Intake, mouth))
    inbox.feed(b"POST /large HTTP/1.1\r\nContent-Length: 300000\r\n\r\nx")
    inbox.reader.abandon()
    assert mouth.abandoned


def test_a_large_body_that_nobody_takes_in_is_kept() -> None:
    inbox = Inbox()
    asked: list[Request] = []
    inbox.reader = Reader(inbox.requests.append, lambda: None, asked.append)
    large = bytes(600_000)
    inbox.feed(b"POST /large HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % len(large) + large, 100_000)
    assert inbox.only().body() == large
    assert len(asked) == 1
