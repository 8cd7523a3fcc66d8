"""A real gateway with handlers of a test's own, on a free port, and a raw client to talk to it."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self, TypeVar

from lamina.gateway import Gateway, Service, Services, Timeouts
from lamina.names import Scope
from lamina.operations.call import Handler
from lamina.operations.content import Download

T = TypeVar("T")

DEFAULT_SCOPE = Scope("000000000000", "us-east-1")
# Long enough for any machine; nothing waits for it unless it fails.
PATIENCE_S = 60.0


def no_download(path: str, query: Mapping[str, str]) -> Download:
    return Download(404, {}, 0, iter(()))


@dataclass
class RunningGateway:
    """A gateway on a thread of its own. `run` does something on its loop."""

    gateway: Gateway
    loop: asyncio.AbstractEventLoop
    port: int = 0

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(PATIENCE_S)

    def connect(self, by: str = "127.0.0.1") -> RawClient:
        """A client at the address *by*, one of this machine's own."""
        return RawClient(socket.create_connection(("127.0.0.1", self.port), PATIENCE_S, (by, 0)))

    def ask(self, data: bytes, by: str = "127.0.0.1") -> RawAnswer:
        """The answer to one request on a connection of its own."""
        with self.connect(by) as client:
            client.send(data)
            return client.answer()


@contextmanager
def running(
    handlers: Mapping[str, Handler] | None = None,
    *,
    timeouts: Timeouts | None = None,
    download: Any = no_download,
    threads: int = 8,
    others: Sequence[Service] = (),
    connections_max: int = 1000,
    **more: Any,
) -> Iterator[RunningGateway]:
    """A gateway that listens, for the time of the `with`."""
    loop = asyncio.new_event_loop()
    services = Services([Service("lambda", lambda: handlers or {}, failure="ServiceException"), *others])
    gateway = Gateway(
        services, lambda: {"status": "ok"}, download, DEFAULT_SCOPE,
        timeouts=timeouts, threads=threads, connections_max=connections_max, **more,
    )  # fmt: skip
    thread = threading.Thread(target=loop.run_forever, name="gateway-loop")
    thread.start()
    server = RunningGateway(gateway, loop)
    try:
        server.port = server.run(gateway.listen_tcp("127.0.0.1", 0))
        yield server
    finally:
        server.run(gateway.stop(grace_s=5))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(PATIENCE_S)
        loop.close()


@dataclass(frozen=True)
class RawAnswer:
    """One answer as it came over the wire; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class RawClient:
    """A socket that speaks just enough HTTP to read answers, and sends whatever it is told to."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._file = sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def trickle(self, piece: bytes) -> None:
        """Send *piece* again and again, a little apart, until the server ends the connection."""
        self.socket.settimeout(0.02)
        for _ in range(1000):
            try:
                self.send(piece)
                if self.socket.recv(1) == b"":
                    return
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return
        raise AssertionError("the connection is still there")

    def answer(self, *, head_only: bool = False) -> RawAnswer:
        """The next answer, whole; `head_only` for what has no body in spite of its length (HEAD)."""
        status = self.line().split(b" ", 2)[1]
        headers = {}
        while line := self.line():
            name, _, value = line.partition(b":")
            headers[name.decode().lower()] = value.decode().strip()
        length = 0 if head_only else int(headers.get("content-length", "0"))
        body = self._file.read(length)
        assert len(body) == length, f"the answer was cut short: {len(body)} of {length} bytes"
        return RawAnswer(int(status), headers, body)

    def line(self) -> bytes:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), f"the connection ended with {line!r}"
        return line[:-2]

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        assert len(data) == size, f"the connection ended after {len(data)} of {size} bytes"
        return data

    def rest(self) -> bytes:
        """Everything until the server closes; a reset counts as closed."""
        try:
            return self._file.read()
        except ConnectionResetError:
            return b""


def request(method: str, target: str, body: bytes = b"", **headers: str) -> bytes:
    """A request as bytes; headers are given with underscores for hyphens."""
    given = {"Host": "lamina.test:4566"} | {name.replace("_", "-"): value for name, value in headers.items()}
    if body or method in ("POST", "PUT"):
        given.setdefault("Content-Length", str(len(body)))
    lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
    return f"{method} {target} HTTP/1.1\r\n{lines}\r\n".encode() + body
