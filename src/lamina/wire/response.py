"""An operation's output, or an error, as the HTTP answer the model describes."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterable, AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from lamina.wire.deviations import Deviations
from lamina.wire.events import CONTENT_TYPE, EncodedEvents, encode_event
from lamina.wire.model import ListShape, Operation, Shape, StructureShape
from lamina.wire.printing import json_bytes, quoted, to_json, to_text
from lamina.wire.timestamps import RFC822

JSON = "application/json"

_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out; Content-Length and the connection's headers are the gateway's business.

    In place of `body` there is `coming` where the answer is a stream of events that have not happened yet.
    """

    status: int
    headers: list[tuple[str, str]]
    body: bytes
    coming: AsyncIterator[bytes] | None = None


def print_output(operation: Operation, output: Mapping[str, Any], request_id: str, deviations: Deviations) -> Response:
    """*output*, by the model's member names, as a response; KeyError or TypeError where the model says otherwise."""
    shape = operation.output_shape
    default = deviations.success_status.get(operation.name, int(operation.http.get("responseCode", 200)))
    headers = [("x-amzn-RequestId", request_id)]
    if not isinstance(shape, StructureShape):
        return Response(default, headers, b"")
    status, in_body = _print_located(shape, output, default, headers)
    payload = shape.traits.get("payload")
    # Bytes first: whether something can be iterated over takes Python's own code to find out.
    if payload is not None and not isinstance(held := in_body.get(payload), bytes) and isinstance(held, AsyncIterable):
        headers.append(("Content-Type", CONTENT_TYPE))
        events = shape.members[payload]
        assert isinstance(events, StructureShape)
        return Response(status, headers, b"", EncodedEvents(events, held))
    if payload is not None:
        media_type = deviations.payload_types.get(operation.name)
        body = _print_payload(shape.members[payload], in_body.pop(payload, None), media_type, headers)
        if in_body:
            raise KeyError(f"{operation.name} has no place for {', '.join(in_body)} beside its payload")
        return Response(status, headers, body)
    if status == _NO_CONTENT:
        return Response(status, headers, b"")
    headers.append(("Content-Type", JSON))
    return Response(status, headers, json_bytes(to_json(shape, in_body)))


def print_error(
    shape: StructureShape | None,
    code: str,
    status: int,
    message: str | None,
    kind: str | None,
    members: Mapping[str, Any],
    request_id: str,
) -> Response:
    """An error in AWS's envelope; *shape* is the model's for *code*, None where the model does not list it.

    The message's key is what the model says for that error (`Message` for ResourceNotFoundException), else `message`.
    """
    headers = [("x-amzn-RequestId", request_id), ("x-amzn-ErrorType", code), ("Content-Type", JSON)]
    known: Mapping[str, Shape] = {} if shape is None else shape.members
    body: dict[str, Any] = {} if kind is None else {"Type": kind}
    body["Message" if "Message" in known else "message"] = message
    for name, value in members.items():
        member = known.get(name)
        if member is None:
            body[name] = value
        elif member.traits.get("location") == "header":
            headers.append(_header(str(member.traits.get("locationName", name)), to_text(member, value, RFC822)))
        else:
            body[member.traits.get("locationName", name)] = to_json(member, value)
    return Response(status, headers, json_bytes(body))


def _print_located(
    shape: StructureShape, output: Mapping[str, Any], status: int, headers: list[tuple[str, str]]
) -> tuple[int, dict[str, Any]]:
    """The status and what is left for the body, with the members that are headers appended to *headers*."""
    in_body: dict[str, Any] = {}
    for name, value in output.items():
        member = shape.members[name]
        if value is None:
            continue
        location = member.traits.get("location")
        if location is None:
            in_body[name] = value
        elif location == "statusCode":
            status = int(value)
        elif location == "headers":
            prefix = str(member.traits.get("locationName", ""))
            headers.extend(_header(prefix + key, str(held)) for key, held in value.items())
        else:
            headers.append(_header(str(member.traits.get("locationName", name)), _header_text(member, value)))
    return status, in_body


def _header_text(member: Shape, value: Any) -> str:
    if isinstance(member, ListShape):
        texts = (to_text(member.member, held, RFC822) for held in value)
        return ", ".join(quoted(text) if member.member.type_name == "string" else text for text in texts)
    text = to_text(member, value, RFC822)
    if member.traits.get("jsonvalue"):
        return b64encode(text.encode()).decode()
    return text


def _header(name: str, value: str) -> tuple[str, str]:
    # A line break in a value would let whoever chose it write headers of their own.
    if not value.isprintable() or not value.isascii():
        raise ValueError(f"the header {name} can't hold {value!r}")
    return name, value


def _print_payload(member: Shape, value: Any, media_type: str | None, headers: list[tuple[str, str]]) -> bytes:
    if member.traits.get("eventstream"):
        assert isinstance(member, StructureShape)
        headers.append(("Content-Type", CONTENT_TYPE))
        return b"".join(encode_event(member, event) for event in value or ())
    if member.type_name == "blob":
        headers.append(("Content-Type", media_type or "application/octet-stream"))
        return bytes(value or b"")
    if member.type_name == "string":
        headers.append(("Content-Type", media_type or "text/plain"))
        return str(value or "").encode()
    if value is None:
        return b""
    headers.append(("Content-Type", JSON))
    return json_bytes(to_json(member, value))
