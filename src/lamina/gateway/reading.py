"""From bytes to requests: one parser per connection, whole requests out, nothing waited for."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from lamina.gateway.intake import Intake
from lamina.gateway.messages import (
    HEAD_BYTES_MAX,
    OBJECT_BYTES_READ_MAX,
    READ_WHOLE_BYTES_MAX,
    REQUEST_BYTES_READ_MAX,
    Refusal,
    Request,
)

# Headers that ask for another protocol on this connection. HTTP lets a server go on as if they weren't there, the
# parser does not; Java's client sends them by default.
_UPGRADE = frozenset({"upgrade", "connection", "http2-settings"})

# What takes a body in while it is still coming, if that is worth while for the request.
OpenIntake = Callable[[Request], "Intake | None"]

_SMALL_PIECE_BYTES = 4096
_GATHERED_BYTES_MAX = 1024 * 1024


class Reader:
    """Feed it what arrives; it calls *deliver* with every request that is complete, or refused as it stands.

    What is not to be read when it is all there is taken in by what *open_intake* gives for it.

    With a *refusal* every request gets that. After a refusal, and after a request that ends the connection, it is
    `done` and ignores the rest.
    """

    def __init__(
        self,
        deliver: Callable[[Request], None],
        expect_continue: Callable[[], None],
        open_intake: OpenIntake | None = None,
        refusal: Refusal | None = None,
    ) -> None:
        self._deliver, self._expect_continue = deliver, expect_continue
        self._refusal = refusal
        self._open_intake = open_intake
        self._parser = httptools.HttpRequestParser(self)
        self._request: Request | None = None
        self._target = b""
        self._headers: dict[str, str] = {}
        # What the parser has handed over of a head, and what has come in while it was incomplete: one header without
        # an end shows in the second only.
        self._head_bytes = self._head_bytes_fed = self._body_bytes_fed = 0
        self._in_head = self._fresh_head = self._replaying = False
        # How much of a body is still to come that the parser does not see.
        self._past_parser = 0
        self.done = False

    @property
    def in_head(self) -> bool:
        """Whether a request has begun whose headers are not all there."""
        return self._in_head

    @property
    def in_body(self) -> bool:
        """Whether a request's headers are there and its body is not."""
        return self._request is not None

    @property
    def body_bytes(self) -> int:
        """How much of a body is held that is not all there."""
        return 0 if self._request is None else self._request.body_bytes

    def abandon(self) -> None:
        """Nothing more will come: give up what there is of a request, for whose body room is taken."""
        if self._request is not None and self._request.intake is not None:
            self._request.intake.abandon()
        self._request, self.done = None, True

    def hand_over(self) -> tuple[Intake, int] | None:
        """What takes a body in, and how much of it is still to come, where others may receive that; they say `drew`."""
        request = self._request
        if request is None or request.intake is None or "transfer-encoding" in request.headers:
            return None
        # The parser was shown the beginning, and ends with it.
        self._past_parser = int(request.headers["content-length"]) - request.body_bytes
        return request.intake, self._past_parser

    def drew(self, size: int) -> None:
        """So much more of a body has been taken in."""
        if self._request is None:
            return
        self._past_parser -= size
        self._request.body_bytes += size
        if not self._past_parser:
            self._parser = httptools.HttpRequestParser(self)
            self._complete()

    def feed(self, data: bytes) -> None:
        """Take in *data*; never raises for what a client sent."""
        if self._past_parser and self._request is not None and self._request.intake is not None:
            body, data = data[: self._past_parser], data[self._past_parser :]
            self._request.intake.take(body)
            self.drew(len(body))
        if self.done or not data:
            return
        self._fresh_head = False
        try:
            self._parse(data)
        except httptools.HttpParserUpgrade as upgrade:
            if not self.done:
                self._replay_without_upgrade()
                self.feed(data[upgrade.args[0] :])
            return
        self._bound_what_is_no_content(len(data))

    def _parse(self, data: bytes) -> None:
        """Refuse what is not HTTP. Raises HttpParserUpgrade."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            raise
        except httptools.HttpParserCallbackError:
            raise  # A mistake of ours, not the client's.
        except httptools.HttpParserError as error:
            if not self.done:
                self._refuse(Refusal(400, "BadRequest", f"The request is not HTTP/1.1: {error}"))

    def _bound_what_is_no_content(self, fed: int) -> None:
        """Refuse a head, a chunk's extension or a trailer that goes on and on: the parser keeps all of it."""
        if self._in_head and not self._fresh_head:
            self._head_bytes_fed += fed
            if self._head_bytes_fed > HEAD_BYTES_MAX:
                self._refuse_head()
        elif self._request is not None:
            self._body_bytes_fed += fed
            # The smallest chunks, of one byte, come to six bytes each.
            if self._body_bytes_fed > HEAD_BYTES_MAX * 4 + self._request.body_bytes * 8:
                self._refuse_body()

    # The parser's callbacks, in the order they come.

    def on_message_begin(self) -> None:
        if self.done or self._replaying:
            return
        self._in_head = self._fresh_head = True
        self._head_bytes = self._head_bytes_fed = 0
        self._target, self._headers = b"", {}

    def on_url(self, url: bytes) -> None:
        self._target += url
        self._head_bytes += len(url)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # A trailer behind a chunked body: nothing of the API is told in one.
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        headers = self._headers
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
        self._head_bytes += len(name) + len(value)
        if self._head_bytes > HEAD_BYTES_MAX:
            self._refuse_head()

    def on_headers_complete(self) -> None:
        if self.done or self._replaying:
            return
        method = self._parser.get_method().decode()
        self._in_head = False
        self._body_bytes_fed = 0
        self._request = Request(
            method, self._target.decode("latin-1"), self._headers, bool(self._parser.should_keep_alive())
        )
        version = self._parser.get_http_version()
        self._request.takes_chunks = version != "1.0"
        if version not in ("1.0", "1.1"):
            self._refuse(Refusal(505, "HTTPVersionNotSupported", "This server speaks HTTP/1.1."))
        elif method == "CONNECT":
            self._refuse(Refusal(405, "MethodNotAllowed", "This is no proxy: it can't CONNECT."))
        elif _is_too_large(self._request, int(self._headers.get("content-length", "0"))):
            self._refuse_body()
        elif self._refusal is not None:
            self._refuse(self._refusal)
        else:
            self._continue_if_expected()

    def on_body(self, body: bytes) -> None:
        request = self._request
        if request is None:
            return  # Refused, and the rest of it is still in the parser.
        request.body_bytes += len(body)
        if _is_too_large(request, request.body_bytes):
            request.pieces.clear()
            self._refuse_body()
            return
        if request.intake is not None:
            request.intake.take(body)
            return
        _append(request.pieces, body)
        if _becomes_large(request, len(body)):
            self._begin_intake(request)

    def _begin_intake(self, request: Request) -> None:
        """Have a body that has become a large one taken in as it comes, where somebody does that."""
        intake = None if self._open_intake is None else self._open_intake(request)
        if request.refusal is not None:
            request.pieces.clear()
            self._refuse(request.refusal)
        elif intake is not None:
            for piece in request.pieces:
                intake.take(bytes(piece))
            request.pieces.clear()
            request.intake = intake

    def on_message_complete(self) -> None:
        if self._parser.should_upgrade():
            return  # Not complete at all: the body is still to come, see feed.
        self._complete()

    def _complete(self) -> None:
        request, self._request = self._request, None
        self._replaying = False
        if request is not None:
            self.done = not request.keep_alive
            self._deliver(request)

    def _continue_if_expected(self) -> None:
        expected = self._headers.get("expect")
        if expected is None:
            return
        if expected.lower() != "100-continue":
            self._refuse(Refusal(417, "ExpectationFailed", f"Nothing is known of the expectation {expected!r}."))
        else:
            self._expect_continue()

    def _replay_without_upgrade(self) -> None:
        """Start a new parser on the same request as if no upgrade had been asked for, its body still to come."""
        request = self._request
        assert request is not None
        kept = {name: value for name, value in self._headers.items() if name in ("content-length", "transfer-encoding")}
        lines = "".join(f"{name}: {value}\r\n" for name, value in kept.items())
        self._headers = {name: value for name, value in self._headers.items() if name not in _UPGRADE}
        request.headers = self._headers
        self._parser = httptools.HttpRequestParser(self)
        self._replaying = True
        self._parse(f"{request.method} / HTTP/1.1\r\n{lines}\r\n".encode("latin-1"))

    def _refuse_head(self) -> None:
        self._refuse(Refusal(431, "RequestHeaderFieldsTooLarge", f"Headers may take {HEAD_BYTES_MAX} bytes."))

    def _refuse_body(self) -> None:
        self._refuse(Refusal(413, "RequestEntityTooLargeException", "Request is too large"))

    def _refuse(self, refusal: Refusal) -> None:
        request = self._request or Request("", "", self._headers, keep_alive=False)
        request.intake = None
        request.refusal, request.keep_alive = refusal, False
        self._in_head, self._request, self.done = False, None, True
        self._deliver(request)


def _is_too_large(request: Request, body_bytes: int) -> bool:
    """Whether so much of a body is more than is read; more is read of what was signed for S3."""
    if body_bytes <= REQUEST_BYTES_READ_MAX:
        return False
    by_header = "/s3/aws4_request" in request.headers.get("authorization", "")
    return body_bytes > OBJECT_BYTES_READ_MAX or not (by_header or "%2Fs3%2Faws4_request" in request.query)


def _becomes_large(request: Request, size: int) -> bool:
    """Whether the last *size* bytes of its body show that it is a large one: the first, where it tells its length."""
    seen, told = request.body_bytes - size, int(request.headers.get("content-length", "0"))
    if told > READ_WHOLE_BYTES_MAX:
        return not seen
    return seen <= READ_WHOLE_BYTES_MAX < request.body_bytes


def _append(pieces: list[bytes | bytearray], body: bytes) -> None:
    """Keep *body* behind *pieces*; many small ones, as one chunk per byte makes them, together."""
    last = pieces[-1] if pieces else None
    if len(body) < _SMALL_PIECE_BYTES and isinstance(last, bytearray) and len(last) < _GATHERED_BYTES_MAX:
        last += body
    else:
        pieces.append(bytearray(body) if len(body) < _SMALL_PIECE_BYTES else body)
