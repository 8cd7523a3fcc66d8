"""One question to moto, by the interface that web servers in Python call applications by (PEP 3333)."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterable
from functools import cache
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from moto.core.request import PRESERVED_HEADER_NAMES_ENVIRON_KEY
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from lamina.companions.child.policies import leave_conditions_out
from lamina.companions.child.triggers import lead_here
from lamina.companions.messages import Question

_METADATA: Final = "x-amz-meta-"


# Where moto takes orders of its own, such as forgetting everything: nobody who asks for a service shall get there.
_ORDERS: Final = "/moto-api"


class NotOffered(Exception):
    """moto has no such service."""


class Forbidden(Exception):
    """It would be an order to moto, and no question to a service."""


class _Application(DomainDispatcherApplication):
    """moto's, but for looking a host's service up once: it looks at two hundred folders to do so."""

    @cache  # noqa: B019 - there is one, and it lives as long as the process
    def get_backend_for_host(self, host: str | None) -> Any:
        if host is not None and host.startswith("s3"):
            leave_conditions_out()
        if host is not None:
            lead_here(host)
        return super().get_backend_for_host(host)


class Moto:
    """All of moto's services, each read when it is first asked."""

    def __init__(self) -> None:
        self._application = _Application(create_backend_app)

    def ask(self, question: Question) -> tuple[int, list[tuple[str, str]], bytes]:
        """Status, headers and body. Raises NotOffered, Forbidden, NotImplementedError, and whatever moto trips over."""
        environ = _environ(question)
        if environ["PATH_INFO"].startswith(_ORDERS):
            raise Forbidden(question.path)
        host = self._application.infer_service_region_host(environ, environ["PATH_INFO"])
        if host is not None and self._application.get_backend_for_host(host) is None:
            raise NotOffered(host.partition(".")[0])
        began: list[tuple[int, list[tuple[str, str]]]] = []

        def start(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
            began.append((int(status.partition(" ")[0]), headers))

        pieces: Iterable[bytes] = self._application(environ, start)
        try:
            body = b"".join(pieces)
        finally:
            close = getattr(pieces, "close", None)
            if close is not None:
                close()
        status, headers = began[-1]
        return status, headers, body


def _environ(question: Question) -> dict[str, Any]:
    body = b"".join(question.body)
    environ: dict[str, Any] = {
        "REQUEST_METHOD": question.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(question.path.encode("latin-1")).decode("latin-1"),
        "QUERY_STRING": question.query,
        # As it was sent: in the name of an object %2F is not /.
        "RAW_URI": question.target,
        "REQUEST_URI": question.target,
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "CONTENT_LENGTH": str(len(body)),
    }
    spelt: dict[str, str] = {}
    for name, value in question.headers:
        key = name.upper().replace("-", "_")
        if key == "CONTENT_LENGTH":
            continue
        if key != "CONTENT_TYPE":
            key = f"HTTP_{key}"
        if "_" in name:
            # Told apart from a dash in the names of an object's metadata, and nowhere else.
            if not name.startswith(_METADATA):
                continue
            spelt[key] = name
        environ[key] = value
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = spelt
    return environ
