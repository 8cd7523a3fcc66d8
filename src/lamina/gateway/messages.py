"""What a connection hands in and gets back, and the bounds it keeps to."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import field

from lamina.gateway.intake import Intake
from lamina.gateway.rooms import Room
from lamina.values import dataclass

# AWS's bound on a whole request, and what we read beyond it: of a request that is a little too large we want to see
# whether it is the archive in it, because AWS tells that apart.
REQUEST_BYTES_MAX = 70_167_211
REQUEST_BYTES_READ_MAX = REQUEST_BYTES_MAX + 8 * 1024 * 1024
# Of an object for S3, which may be an archive as large as Lambda unpacks; larger ones come in parts.
OBJECT_BYTES_READ_MAX = 256 * 1024 * 1024
HEAD_BYTES_MAX = 64 * 1024
# A body this long takes longer to parse than the loop should be away from its other connections.
READ_WHOLE_BYTES_MAX = 256 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a connection waits for its client, in seconds."""

    idle_s: float = 120.0
    """Between two requests. SDKs keep connections and drop them themselves after 60 s or so."""
    head_s: float = 30.0
    """From the first byte of a request line to the end of the headers."""
    body_s: float = 60.0
    """Without a byte of a body that is not all there, and at first for what falls behind `rate`."""
    write_s: float = 60.0
    """Until there is room to write more of an answer, or less than by `rate` is left of what waits."""
    rate: int = 240
    """Bytes a second that a body or an answer takes at the slowest, over all of its time."""
    linger_s: float = 10.0
    """For the rest of a request that was refused before it was read."""
    spared_s: float = 1.0
    """What has asked for nothing for so long may have to make room for somebody else."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that is answered without being looked at further; the connection ends with it."""

    status: int
    code: str
    message: str


@dataclass(slots=True)
class Request:
    """One request as it came in: `target` undecoded, header names in lower case, `body` in the pieces it arrived in.

    A body with an `intake` was read as it came; there are no pieces of it then.
    With a `refusal` the rest is only as far read as the refusal needed.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    keep_alive: bool
    pieces: list[bytes | bytearray] = field(default_factory=list)
    body_bytes: int = 0
    refusal: Refusal | None = None
    # Whether its client understands an answer in chunks, whose length nobody knows before: not with HTTP/1.0.
    takes_chunks: bool = True
    # The address of whoever sent it; of a Unix socket's other end, the machine's own.
    peer: str = "127.0.0.1"
    scheme: str = "http"
    intake: Intake | None = None
    # What a large body takes of all there is for such; it is free again when the request is done with.
    room: Room | None = None
    # What `target` is made of, which is given once: without query and, as proxies send it, scheme and host; the query.
    path: str = field(init=False)
    query: str = field(init=False)

    def __post_init__(self) -> None:
        self.path, _, self.query = self.target.partition("?")
        if self.path.startswith(("http://", "https://")):
            self.path = "/" + self.path.split("://", 1)[1].partition("/")[2]

    def body(self) -> bytes:
        """The whole body; the pieces are gone afterwards, so that it is held once."""
        assert self.intake is None, "it was read as it came"
        if len(self.pieces) == 1 and isinstance(self.pieces[0], bytes):
            return self.pieces[0]
        body = b"".join(self.pieces)
        self.pieces = [body]
        return body


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes out: `length` bytes of body, either there or in chunks that are read as the client takes them.

    Of a body that is yet to come about, piece by piece, nobody knows the length: it is None then.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes | Iterator[bytes] | AsyncIterator[bytes]
    length: int | None

    @classmethod
    def whole(cls, status: int, headers: list[tuple[str, str]], body: bytes) -> Answer:
        return cls(status, headers, body, len(body))

    @classmethod
    def of(cls, status: int, headers: list[tuple[str, str]], body: bytes | AsyncIterator[bytes]) -> Answer:
        """The answer with *body*, whether it is all there or comes in pieces."""
        return cls.whole(status, headers, body) if isinstance(body, bytes) else cls(status, headers, body, None)
