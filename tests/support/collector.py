"""A stand-in for an OpenTelemetry collector, which keeps what it is sent."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.functions import wait_until


@dataclass
class Collector:
    """`requests` are path and headers of what came; answers are of `statuses` first, then 200."""

    port: int = 0
    requests: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    documents: list[Any] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        """What makes a server send its spans here, and soon."""
        return {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}", "OTEL_BSP_SCHEDULE_DELAY": "50"}

    def spans(self, trace_id: str) -> dict[str, Any]:
        """Those of one trace, by name."""
        resources = [resource for document in list(self.documents) for resource in document["resourceSpans"]]
        scopes = [scope for resource in resources for scope in resource["scopeSpans"]]
        return {span["name"]: span for scope in scopes for span in scope["spans"] if span["traceId"] == trace_id}

    def wait_for(self, trace_id: str, *names: str) -> dict[str, Any]:
        """The spans of a trace, once those of *names* are among them."""
        wait_until(lambda: set(names) <= set(self.spans(trace_id)), 30, f"{names}, but {self.spans(trace_id)}")
        return self.spans(trace_id)


@contextmanager
def collector(*statuses: int) -> Iterator[Collector]:
    """One that listens, and answers *statuses* before it takes anything."""
    kept = Collector(statuses=list(statuses))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.requests.append((self.path, dict(self.headers)))
            status = kept.statuses.pop(0) if kept.statuses else 200
            if status == 200:
                kept.documents.append(json.loads(body))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.port = server.server_port
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield kept
        finally:
            server.shutdown()
            thread.join()
