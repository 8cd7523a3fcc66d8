"""A package registry on loopback, as npm, PyPI and Maven address theirs, with the faults of networks and mirrors."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Registry:
    """Serves `files` (path -> bytes) at `address`, and remembers what it was asked for.

    `breaks` (path -> how many bytes) cuts an answer short, once for each entry of the list; `stalls` sends that many
    bytes and then nothing until the registry is closed; `ranges` says whether it takes up a file in the middle.
    """

    address: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    breaks: dict[str, list[int]] = field(default_factory=dict)
    stalls: dict[str, int] = field(default_factory=dict)
    ranges: bool = True
    password: str | None = None
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    stalled: threading.Event = field(default_factory=threading.Event)
    closing: threading.Event = field(default_factory=threading.Event)

    @classmethod
    @contextmanager
    def running(cls) -> Iterator[Registry]:
        registry = cls()
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(registry))
        registry.address = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield registry
        finally:
            registry.closing.set()
            server.shutdown()
            server.server_close()
            thread.join()

    def paths(self) -> list[str]:
        return [path for path, _ in self.asked]

    def environ(self) -> dict[str, str]:
        """What tells pip, npm, Maven, and so Lamina, to ask here."""
        return {
            "PIP_INDEX_URL": f"{self.address}/simple",
            "NPM_CONFIG_REGISTRY": f"{self.address}/npm",
            "LAMINA_MAVEN_REPOSITORY": f"{self.address}/maven",
            "NO_PROXY": "127.0.0.1",
        }


def _handler(registry: Registry) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Its connections outlive what was asked over them; a reader must not keep the server from closing.
        timeout = 5

        def do_GET(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            registry.asked.append((self.path, headers))
            if registry.password is not None and headers.get("authorization") != registry.password:
                self._answer(401, b"", 0)
            elif self.path not in registry.files:
                self._answer(404, b"", 0)
            else:
                begin = re.fullmatch(r"bytes=(\d+)-", headers.get("range", "")) if registry.ranges else None
                self._answer(206 if begin else 200, registry.files[self.path], int(begin[1]) if begin else 0)

        def _answer(self, status: int, body: bytes, begin: int) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if body.startswith(b"<") else "application/octet-stream")
            self.send_header("Content-Length", str(len(body) - begin))
            self.end_headers()
            end = len(body)
            if breaks := registry.breaks.get(self.path):
                end = begin + breaks.pop(0)
                self.close_connection = True
            if self.path in registry.stalls:
                end = begin + registry.stalls[self.path]
            self.wfile.write(body[begin:end])
            if self.path in registry.stalls:
                self.wfile.flush()
                registry.stalled.set()
                registry.closing.wait(60)
                self.close_connection = True

        def log_message(self, *_arguments: object) -> None:
            pass

    return Handler
