"""Spans as OTLP's JSON, which a collector takes at `/v1/traces`.

https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding: ids in hexadecimal, integers of 64 bits as strings.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

import lamina
from lamina.observability.spans import Attributes, Span

_ERROR: Final = 2


def document(spans: Iterable[Span], resource: Attributes) -> bytes:
    """A request's body with *spans* of the *resource* that made them."""
    scope = {"name": "lamina", "version": lamina.__version__}
    of_scope = {"scope": scope, "spans": [_span(span) for span in spans]}
    of_resource = {"resource": {"attributes": _attributes(resource)}, "scopeSpans": [of_scope]}
    return json.dumps({"resourceSpans": [of_resource]}, separators=(",", ":"), ensure_ascii=False).encode()


def rejected(answer: bytes) -> str | None:
    """What a collector's *answer* says of spans that it did not take, though it took the request; None of none."""
    try:
        partly = json.loads(answer or b"{}").get("partialSuccess") or {}
        count = int(partly.get("rejectedSpans", 0))
    except (ValueError, AttributeError, TypeError):
        return None
    return f"{count} spans: {partly.get('errorMessage', '')}" if count else None


def _span(span: Span) -> dict[str, Any]:
    members: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "name": span.name,
        "kind": span.kind,
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
        "status": {} if span.error is None else {"code": _ERROR, "message": span.error},
    }
    if span.parent_id is not None:
        members["parentSpanId"] = span.parent_id
    return members


def _attributes(attributes: Attributes) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(value)} for key, value in attributes.items()]


def _value(value: str | float | bool) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    return {"doubleValue": value} if isinstance(value, float) else {"stringValue": value}
