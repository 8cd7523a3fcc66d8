"""Clients by which stacks are carried out: what a template makes is made by the operations anybody else would call.

Those of Lambda and of its logs are asked within this process, without a socket; so what a stack does needs no address
of the server, and works before it listens. All others are the companions', but for those that the server's own
environment names an endpoint for, such as a real S3: archives are fetched there, too.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from lamina.companions.answering import Answer, Sent, answered_by
from lamina.names import Scope
from lamina.operations import endpoints

_OWN: Final = frozenset({"cloudformation", "lambda", "logs"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to this server: `target` is path and query, `headers` have lower-case names."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Told:
    """What was answered to it."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Others(Protocol):
    """Where clients of services come from that are not this server's."""

    def client(self, service: str, scope: Scope, /) -> Any: ...


class Clients:
    """Makes clients as they are needed, for any thread but that of the loop.

    *ask* has this server answer; *others* have what is not its own, where *environ* names no endpoint for it.
    """

    def __init__(self, ask: Callable[[Asked], Told], others: Others, environ: Mapping[str, str]) -> None:
        self._ask = ask
        self._others = others
        self._environ = environ
        self._made: dict[tuple[str, Scope, str], Any] = {}
        self._lock = threading.Lock()

    def client(self, service: str, scope: Scope, endpoint: str) -> Any:
        """A boto3 client of *service* for callers in *scope*, who reach this server at *endpoint*."""
        elsewhere = endpoints.named(self._environ, service, endpoint)
        if service not in _OWN and elsewhere is None:
            return self._others.client(service, scope)
        key = (service, scope, elsewhere or endpoint)
        with self._lock:
            if key not in self._made:
                self._made[key] = self._make(*key) if service in _OWN else _elsewhere(*key)
            return self._made[key]

    def companion(self, service: str, scope: Scope) -> Any:
        """The companions' client of *service*, also of one that is this server's own."""
        return self._others.client(service, scope)

    def _make(self, service: str, scope: Scope, endpoint: str) -> Any:
        import boto3  # noqa: PLC0415 - not needed to start
        from botocore.config import Config  # noqa: PLC0415 - not needed to start

        client = boto3.session.Session().client(
            service,
            endpoint_url=endpoint,
            region_name=scope.region,
            aws_access_key_id=scope.account,
            aws_secret_access_key="stacks",
            config=Config(retries={"total_max_attempts": 2, "mode": "standard"}),
        )

        def answer(sent: Sent) -> Answer:
            told = self._ask(_asked(sent))
            return told.status, told.headers, told.body

        return answered_by(client, answer)


def _elsewhere(service: str, scope: Scope, endpoint: str) -> Any:
    """A client of *service* at *endpoint*, with the credentials that the server itself has for it."""
    import boto3  # noqa: PLC0415 - not needed to start
    from botocore.config import Config  # noqa: PLC0415 - not needed to start

    # Few who run an S3 of their own have a name for each bucket.
    config = Config(s3={"addressing_style": "path"})
    return boto3.session.Session().client(service, endpoint_url=endpoint, region_name=scope.region, config=config)


def _asked(sent: Sent) -> Asked:
    parts = urlsplit(sent.url)
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    return Asked(sent.method, target or "/", {"host": parts.netloc, **dict(sent.headers)}, bytes(sent.body))
