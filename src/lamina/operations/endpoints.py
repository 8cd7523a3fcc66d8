"""Where other AWS services are for this server: whatever the standard AWS variables of its environment name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

# boto3's name of a service -> the end of its own variable, and the name people know it by.
_SERVICES: Final[Mapping[str, tuple[str, str]]] = {
    "s3": ("S3", "S3"),
    "sqs": ("SQS", "SQS"),
    "sns": ("SNS", "SNS"),
    "events": ("EVENTBRIDGE", "EventBridge"),
}
# The last is what functions call it.
_OWN_HOSTS = frozenset(("127.0.0.1", "localhost", "::1", "0.0.0.0", "localhost.localstack.cloud", "169.254.100.1"))


def variable(service: str) -> str:
    """The variable that names the endpoint of *service* alone."""
    return f"AWS_ENDPOINT_URL_{_SERVICES[service][0]}"


def title(service: str) -> str:
    """*service* as people write it."""
    return _SERVICES[service][1]


def configured(environ: Mapping[str, str], service: str) -> str | None:
    """The endpoint of *service* that *environ* names, for it alone or for all services."""
    return environ.get(variable(service)) or environ.get("AWS_ENDPOINT_URL") or None


def is_own(endpoint: str, own: str) -> bool:
    """Whether *endpoint* is this very server, which a caller reached at *own*."""
    one, other = urlsplit(endpoint), urlsplit(own)
    same_host = one.hostname == other.hostname or {one.hostname, other.hostname} <= _OWN_HOSTS
    return same_host and _port(one.scheme, one.port) == _port(other.scheme, other.port)


def named(environ: Mapping[str, str], service: str, own: str) -> str | None:
    """The endpoint that *environ* names for *service*, if it is another's than this server's, reached at *own*."""
    found = configured(environ, service) if service in _SERVICES else None
    return None if found is None or is_own(found, own) else found


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)
