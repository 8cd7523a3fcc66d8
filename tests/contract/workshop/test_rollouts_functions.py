"""Whose fault an error of the API is."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from lamina.workshop.endpoint import Endpoint, EndpointError
from lamina.workshop.rollouts.functions import Busy, ChangedMeanwhile, Functions, Gone, Refused

Ask = Callable[[Functions], object]


def set_layers(functions: Functions) -> object:
    return functions.set_layers("f", (), "r")


def invoke(functions: Functions) -> object:
    return functions.invoke("f", None, b"{}")


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """The address of a server that answers everything with one error."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            body = json.dumps({"Message": f"says {code}"}).encode()
            self.send_response(status)
            if code:
                self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_PUT = do_POST = _answer  # noqa: N815  # the names that the base class calls

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.parametrize(
    ("ask", "status", "code", "raised"),
    [
        (set_layers, 404, "ResourceNotFoundException", Gone),
        (set_layers, 412, "PreconditionFailedException", ChangedMeanwhile),
        (set_layers, 409, "ResourceConflictException", Busy),
        (set_layers, 400, "InvalidParameterValueException", Refused),
        (set_layers, 403, "AccessDeniedException", Refused),
        (invoke, 404, "ResourceNotFoundException", Gone),
        (invoke, 502, "KMSDisabledException", Refused),
        # What a layer does to a function may well be a fault of the service.
        (invoke, 500, "ServiceException", Refused),
        (set_layers, 500, "ServiceException", EndpointError),
        (set_layers, 403, "ExpiredTokenException", EndpointError),
        (invoke, 403, "ExpiredTokenException", EndpointError),
        # Of something in between.
        (set_layers, 502, "", EndpointError),
    ],
)
def test_an_error_is_the_functions_or_nobodys(
    ask: Ask, status: int, code: str, raised: type[EndpointError], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Not to wait for what is tried again: how often and how long is boto3's.
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "k")
    with answering(status, code) as address, pytest.raises(EndpointError, match=f"says {code}") as error:
        ask(Functions(Endpoint(address)))
    assert type(error.value) is raised
