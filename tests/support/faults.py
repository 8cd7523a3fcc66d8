"""A way to a server on which calls are throttled, fail, or lose their answer, at times."""

from __future__ import annotations

import http.client
import itertools
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit


@dataclass
class FaultyWay:
    """Every so many requests are throttled, are answered with a 500, or reach the server and lose their answer."""

    server: str
    throttled_every: int
    failing_every: int
    lost_every: int
    address: str = ""
    faults: Counter[str] = field(default_factory=Counter)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @contextmanager
    def running(self) -> Iterator[FaultyWay]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    def fault(self) -> str | None:
        """What befalls the next request."""
        number = next(self.numbers)
        for kind, every in (
            ("lost", self.lost_every),
            ("throttled", self.throttled_every),
            ("failing", self.failing_every),
        ):
            if number % every == 0:
                self.faults[kind] += 1
                return kind
        return None


def _handler(way: FaultyWay) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 60

        def _pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            fault = way.fault()
            if fault in ("throttled", "failing"):
                code, name = (429, "TooManyRequestsException") if fault == "throttled" else (500, "ServiceException")
                self._answer(code, [("x-amzn-ErrorType", name)], json.dumps({"Message": fault}).encode())
                return
            connection = http.client.HTTPConnection(urlsplit(way.server).netloc, timeout=60)
            try:
                connection.request(self.command, self.path, body, dict(self.headers))
                response = connection.getresponse()
                answer = response.read()
            finally:
                connection.close()
            if fault == "lost":
                self.close_connection = True
                return
            kept = [
                (name, value) for name, value in response.getheaders() if name.lower().startswith(("x-", "content-t"))
            ]
            self._answer(response.status, kept, answer)

        def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _pass_on  # noqa: N815  # the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    return Handler
