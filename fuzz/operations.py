"""Requests to the API: any path, headers and body are an operation's input or a modelled error, and an input is stable.

What was understood is written as botocore writes it, and must be understood in the same way again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import quote, urlencode

from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.serialize import create_serializer

from fuzz.source import Source
from lamina.wire.api import Api
from lamina.wire.faults import WireError

_SERVICES = ("lambda", "lambda", "lambda", "logs", "cloudformation")
_METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "PATCH")
_WORDS = (
    *("f", "my-layer", "1", "$LATEST", "python3.12", "x86_64", "arn:aws:lambda:us-east-1:000000000000:layer:l:1"),
    *("", "0", "-1", "2147483648", "true", "null", "%2F", "\u00e9", "2026-01-01T00:00:00Z", "a" * 300),
)
_HEADERS = ("content-type", "x-amz-target", "x-amz-invocation-type", "x-amz-client-context", "x-amz-log-type")


def seeds() -> list[bytes]:
    """One for each way to begin: an operation by its number, then nothing else."""
    return [bytes([service, operation, 0, 1, 2, 3]) for service in range(5) for operation in range(0, 90, 6)]


def check(data: bytes) -> None:
    """Raises AssertionError, or what should not have been raised."""
    source = Source(data)
    service = source.choose(_SERVICES)
    api, _ = _of(service)
    method, path, query, headers, body = _request(source, service)
    try:
        route = api.route(method, path, query, headers, lambda: body)
        params = api.parse(route, headers, body)
    except WireError:
        return
    _is_stable(service, route.operation, params)


def _is_stable(service: str, operation: str, params: dict[str, Any]) -> None:
    api, model = _of(service)
    serializer = create_serializer(model.metadata["protocol"], include_validation=False)
    shape = model.operation_model(operation)
    sent = serializer.serialize_to_request(params, shape)
    body = sent["body"]
    if isinstance(body, dict):
        body = urlencode(body)
    body = body.encode() if isinstance(body, str) else bytes(body or b"")
    path, _, query = sent["url_path"].partition("?")
    pairs = sent["query_string"]
    query = "&".join(filter(None, [query, urlencode(pairs, doseq=True, quote_via=quote) if pairs else ""]))
    headers = {name.lower(): str(value) for name, value in dict(sent["headers"]).items()}
    if any(ord(character) < 32 or ord(character) > 255 for value in headers.values() for character in value):
        return  # No client could send it.
    route = api.route(sent["method"], path, query, headers, lambda: body)
    assert route.operation == operation
    again = api.parse(route, headers, body)
    assert _told(again) == _told(params), (again, params)


def _told(value: Any) -> Any:
    """*value* without what is empty: a form or a query has no way to say it."""
    if isinstance(value, dict):
        members = {name: _told(member) for name, member in value.items()}
        return {name: member for name, member in members.items() if member not in ({}, [])}
    return [_told(member) for member in value] if isinstance(value, list) else value


@cache
def _of(service: str) -> tuple[Api, ServiceModel]:
    return Api.load(service), ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _request(source: Source, service: str) -> tuple[str, str, str, Mapping[str, str], bytes]:
    _, model = _of(service)
    names = list(model.operation_names)
    operation = model.operation_model(names[source.number(1) % len(names)])
    http: Mapping[str, str] = operation.http
    method = source.choose(_METHODS) if source.chance(16) else http["method"]
    path, _, query = http["requestUri"].partition("?")
    while "{" in path:
        before, _, rest = path.partition("{")
        path = before + quote(_text(source), safe="/:$" if source.chance(4) else "") + rest.partition("}")[2]
    if source.chance(16):
        path += source.choose(("/", "//", "/..", "%2f", "?", "\u00e9"))
    members = list(operation.input_shape.members) if operation.input_shape else []
    pairs = [(_member(source, members), _text(source)) for _ in range(source.number(1) % 4)]
    headers = {source.choose(_HEADERS): _text(source) for _ in range(source.number(1) % 3)}
    if "targetPrefix" in model.metadata:
        headers["x-amz-target"] = f"{model.metadata['targetPrefix']}.{operation.name}"
    if service == "cloudformation":
        body = urlencode([("Action", operation.name), *pairs]).encode()
        return "POST", "/", "", headers, body
    query = "&".join(filter(None, [query, urlencode(pairs)]))
    return method, path, query, headers, source.rest() if source.chance(2) else _document(source, members)


def _document(source: Source, members: list[str]) -> bytes:
    pairs = (f'"{_member(source, members)}": {_value(source, 3)}' for _ in range(1 + source.number(1) % 5))
    return ("{" + ", ".join(pairs) + "}").encode("utf-8", "replace")


def _value(source: Source, deep: int) -> str:
    kind = source.number(1) % (8 if deep else 6)
    if kind == 6:
        return "[" + ", ".join(_value(source, deep - 1) for _ in range(source.number(1) % 3)) + "]"
    if kind == 7:
        names = (*_WORDS[:4], "ZipFile", "S3Bucket", "Variables", "Size", "Enabled", "ApplyOn")
        members = (f'"{source.choose(names)}": {_value(source, deep - 1)}' for _ in range(source.number(1) % 3))
        return "{" + ", ".join(members) + "}"
    plain = ("true", "null", "0", str(source.number(3)), "-1.5e3")
    return plain[kind] if kind < len(plain) else '"' + _text(source).replace("\\", "").replace('"', "") + '"'


def _member(source: Source, members: list[str]) -> str:
    return source.choose(members) if members and not source.chance(8) else _text(source)


def _text(source: Source) -> str:
    return source.choose(_WORDS) if not source.chance(4) else source.some().decode("latin-1")
